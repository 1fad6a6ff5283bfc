// What we need of PKCS #11 v2.40 (OASIS, Cryptographic Token Interface Base Specification), written from the specification: types of
// the platform's size without packing, as on every Unix, and the functions of CK_FUNCTION_LIST by their place in it.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long steward_ck;

typedef struct {
  steward_ck type;
  void *value;
  steward_ck length;
} steward_ck_attribute;

typedef struct {
  steward_ck mechanism;
  void *parameter;
  steward_ck length;
} steward_ck_mechanism;

// CK_GCM_PARAMS
typedef struct {
  void *iv;
  steward_ck iv_length;
  steward_ck iv_bits;
  void *data;
  steward_ck data_length;
  steward_ck tag_bits;
} steward_ck_gcm;

typedef struct {
  unsigned char label[32], manufacturer[32], model[16], serial[16];
  steward_ck flags, limits[10];
  unsigned char versions[4], time[16];
} steward_ck_token;

typedef struct {
  void *create, *destroy, *lock, *unlock;
  steward_ck flags;
  void *reserved;
} steward_ck_init;

typedef struct {
  unsigned char major, minor;
  void *at[68];
} steward_ck_list;

/// The functions of a module; null if there is no such module. It is never unloaded: threads of it may run.
static inline steward_ck_list *steward_ck_load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return 0;
  steward_ck (*get)(steward_ck_list **) = (steward_ck (*)(steward_ck_list **))dlsym(library, "C_GetFunctionList");
  steward_ck_list *list = 0;
  return get && get(&list) == 0 ? list : 0;
}

/// With locks of the operating system (CKF_OS_LOCKING_OK).
static inline steward_ck steward_ck_initialize(const steward_ck_list *list) {
  steward_ck_init options = {.flags = 2};
  return ((steward_ck (*)(void *))list->at[0])(&options);
}

static inline steward_ck steward_ck_slots(const steward_ck_list *list, steward_ck *slots, steward_ck *count) {
  return ((steward_ck (*)(unsigned char, steward_ck *, steward_ck *))list->at[4])(1, slots, count);
}

static inline steward_ck steward_ck_token_info(const steward_ck_list *list, steward_ck slot, steward_ck_token *token) {
  return ((steward_ck (*)(steward_ck, steward_ck_token *))list->at[6])(slot, token);
}

/// CKF_SERIAL_SESSION, and CKF_RW_SESSION if something is to be made.
static inline steward_ck steward_ck_open(const steward_ck_list *list, steward_ck slot, int writes, steward_ck *session) {
  return ((steward_ck (*)(steward_ck, steward_ck, void *, void *, steward_ck *))list->at[12])(
      slot, writes ? 6 : 4, 0, 0, session);
}

static inline steward_ck steward_ck_close(const steward_ck_list *list, steward_ck session) {
  return ((steward_ck (*)(steward_ck))list->at[13])(session);
}

/// As CKU_USER.
static inline steward_ck steward_ck_login(const steward_ck_list *list, steward_ck session, const void *pin, steward_ck length) {
  return ((steward_ck (*)(steward_ck, steward_ck, const void *, steward_ck))list->at[18])(session, 1, pin, length);
}

static inline steward_ck steward_ck_get(
    const steward_ck_list *list, steward_ck session, steward_ck object, steward_ck_attribute *attributes, steward_ck count) {
  return ((steward_ck (*)(steward_ck, steward_ck, steward_ck_attribute *, steward_ck))list->at[24])(
      session, object, attributes, count);
}

/// How many objects match, of which up to `most` are given.
static inline steward_ck steward_ck_find(
    const steward_ck_list *list, steward_ck session, steward_ck_attribute *wanted, steward_ck attributes, steward_ck *found,
    steward_ck most, steward_ck *count) {
  steward_ck result = ((steward_ck (*)(steward_ck, steward_ck_attribute *, steward_ck))list->at[26])(session, wanted, attributes);
  if (result) return result;
  result = ((steward_ck (*)(steward_ck, steward_ck *, steward_ck, steward_ck *))list->at[27])(session, found, most, count);
  ((steward_ck (*)(steward_ck))list->at[28])(session);
  return result;
}

static inline steward_ck steward_ck_encrypt(
    const steward_ck_list *list, steward_ck session, steward_ck_mechanism *mechanism, steward_ck key, const void *in,
    steward_ck length, void *out, steward_ck *out_length) {
  steward_ck result =
      ((steward_ck (*)(steward_ck, steward_ck_mechanism *, steward_ck))list->at[29])(session, mechanism, key);
  if (result) return result;
  return ((steward_ck (*)(steward_ck, const void *, steward_ck, void *, steward_ck *))list->at[30])(
      session, in, length, out, out_length);
}

static inline steward_ck steward_ck_decrypt(
    const steward_ck_list *list, steward_ck session, steward_ck_mechanism *mechanism, steward_ck key, const void *in,
    steward_ck length, void *out, steward_ck *out_length) {
  steward_ck result =
      ((steward_ck (*)(steward_ck, steward_ck_mechanism *, steward_ck))list->at[33])(session, mechanism, key);
  if (result) return result;
  return ((steward_ck (*)(steward_ck, const void *, steward_ck, void *, steward_ck *))list->at[34])(
      session, in, length, out, out_length);
}

static inline steward_ck steward_ck_generate(
    const steward_ck_list *list, steward_ck session, steward_ck_mechanism *mechanism, steward_ck_attribute *attributes,
    steward_ck count, steward_ck *key) {
  return ((steward_ck (*)(steward_ck, steward_ck_mechanism *, steward_ck_attribute *, steward_ck, steward_ck *))list->at[58])(
      session, mechanism, attributes, count, key);
}
