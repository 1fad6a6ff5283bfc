#include <curl/curl.h>

/* curl_easy_setopt and curl_easy_getinfo take variable arguments, which Swift cannot pass: one function for each type. */
static inline CURLcode steward_curl_set_long(CURL *curl, CURLoption option, long value) {
  return curl_easy_setopt(curl, option, value);
}
static inline CURLcode steward_curl_set_offset(CURL *curl, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(curl, option, value);
}
static inline CURLcode steward_curl_set_pointer(CURL *curl, CURLoption option, const void *value) {
  return curl_easy_setopt(curl, option, value);
}
static inline CURLcode steward_curl_set_text(CURL *curl, CURLoption option, const char *value) {
  return curl_easy_setopt(curl, option, value);
}
typedef size_t (*steward_curl_data)(char *, size_t, size_t, void *);
static inline CURLcode steward_curl_set_data(CURL *curl, CURLoption option, steward_curl_data value) {
  return curl_easy_setopt(curl, option, value);
}
static inline CURLcode steward_curl_get_long(CURL *curl, CURLINFO info, long *value) {
  return curl_easy_getinfo(curl, info, value);
}
/* Called instead of socket(2), with the address that is about to be connected to. */
typedef curl_socket_t (*steward_curl_open)(void *, curlsocktype, struct curl_sockaddr *);
static inline CURLcode steward_curl_set_open(CURL *curl, CURLoption option, steward_curl_open value) {
  return curl_easy_setopt(curl, option, value);
}
/* The address may be longer than the member that holds its beginning. */
static inline const struct sockaddr *steward_curl_address(const struct curl_sockaddr *address) {
  return &address->addr;
}
