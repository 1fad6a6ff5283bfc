import CCurl

/// Which libcurl this process runs with, and the TLS library behind it.
package enum LinkedCurl {
  /// "libcurl/7.88.1 OpenSSL/3.0.15 …"
  package static var version: String { curl_version().map { String(cString: $0) } ?? "libcurl" }
}
