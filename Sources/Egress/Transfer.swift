import CCurl
import Glibc
import Kernel

/// One call through libcurl, on the thread that makes it: what is common to all protocols, and what curl calls back.
///
/// curl resolves nothing by itself: it gets the addresses that were checked (`CURLOPT_RESOLVE`), and the socket is opened by us,
/// who look once more at the address it is for. It follows nothing, knows no proxy, no `.netrc`, no cookie.
final class Transfer {
  private let handle: OpaquePointer
  private var lists: [UnsafeMutablePointer<curl_slist>] = []
  private let pinned: Set<Address>
  private let limits: EgressLimits

  // What curl's callbacks note down.
  private(set) var sawForeignAddress = false
  private(set) var isTooLarge = false
  private(set) var body: [UInt8] = []
  private(set) var headerLines: [String] = []
  private var headerSize = 0
  private var upload: [UInt8] = []
  private var uploadPosition = 0
  private(set) var uploadHasBegun = false
  private(set) var uploadHasEnded = false

  private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

  init?(pinned: [Address], limits: EgressLimits) {
    guard Transfer.isReady, let handle = curl_easy_init() else { return nil }
    self.handle = OpaquePointer(handle)
    self.pinned = Set(pinned)
    self.limits = limits
  }

  /// Ends the connection; may wait for the other side's good-bye.
  deinit {
    curl_easy_cleanup(curl)
    for list in lists { curl_slist_free_all(list) }
  }

  private var curl: UnsafeMutableRawPointer { UnsafeMutableRawPointer(handle) }

  // MARK: Options

  /// All that every call has. `protocols` as curl names them.
  func prepare(url: String, host: EgressHost, port: Int, protocols: String, caFile: String?) {
    set(CURLOPT_URL, url)
    set(CURLOPT_PROTOCOLS_STR, protocols)
    set(CURLOPT_REDIR_PROTOCOLS_STR, protocols)
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_PROXY, "")
    set(CURLOPT_NOPROXY, "*")
    set(CURLOPT_NETRC, 0)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_CONNECTTIMEOUT, limits.connectSeconds)
    set(CURLOPT_TIMEOUT, limits.totalSeconds)
    set(CURLOPT_SERVER_RESPONSE_TIMEOUT, limits.totalSeconds)
    set(CURLOPT_LOW_SPEED_LIMIT, 1)
    set(CURLOPT_LOW_SPEED_TIME, limits.stalledSeconds)
    set(CURLOPT_SSL_VERIFYPEER, 1)
    set(CURLOPT_SSL_VERIFYHOST, 2)
    set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    set(CURLOPT_SSL_CIPHER_LIST, "ECDHE+AESGCM:ECDHE+CHACHA20")
    if let caFile {
      set(CURLOPT_CAINFO, caFile)
      steward_curl_set_text(curl, CURLOPT_CAPATH, nil)
    }
    if case .name(let name) = host.kind {
      let addresses = pinned.sorted { "\($0)" < "\($1)" }.map { address in
        if case .v6 = address { "[\(address)]" } else { "\(address)" }
      }
      set(CURLOPT_RESOLVE, list: ["\(name):\(port):\(addresses.joined(separator: ","))"])
    }
    installCallbacks()
  }

  func set(_ option: CURLoption, _ value: Int) { steward_curl_set_long(curl, option, value) }
  func set(_ option: CURLoption, _ value: String) { steward_curl_set_text(curl, option, value) }

  func set(_ option: CURLoption, list: [String]) {
    var first: UnsafeMutablePointer<curl_slist>?
    for item in list { first = curl_slist_append(first, item) ?? first }
    guard let first else { return }
    lists.append(first)
    steward_curl_set_pointer(curl, option, first)
  }

  /// Copied by curl, which reads `bytes.count` of them.
  func set(postFields bytes: [UInt8]) {
    steward_curl_set_offset(curl, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count))
    _ = bytes.withUnsafeBytes { steward_curl_set_pointer(curl, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) }
  }

  func set(_ option: CURLoption, secret: SecretBytes) {
    var text = secret.withBytes { $0.map { CChar(bitPattern: $0) } } + [0]
    steward_curl_set_text(curl, option, text)
    for position in text.indices { text[position] = 0 }
  }

  /// What READFUNCTION gives.
  func set(upload bytes: [UInt8]) {
    upload = bytes
    set(CURLOPT_UPLOAD, 1)
    steward_curl_set_offset(curl, CURLOPT_INFILESIZE_LARGE, curl_off_t(bytes.count))
  }

  // MARK: Acting

  func perform() -> CURLcode { curl_easy_perform(curl) }

  func info(_ info: CURLINFO) -> Int {
    var value = 0
    steward_curl_get_long(curl, info, &value)
    return value
  }

  // MARK: Callbacks

  private func installCallbacks() {
    // The transfer outlives the handle, which its deinit cleans up.
    let me = Unmanaged.passUnretained(self).toOpaque()
    steward_curl_set_pointer(curl, CURLOPT_OPENSOCKETDATA, me)
    steward_curl_set_open(curl, CURLOPT_OPENSOCKETFUNCTION) { me, _, address in
      guard let me, let address else { return CURL_SOCKET_BAD }
      return Transfer.from(me).open(address)
    }
    steward_curl_set_pointer(curl, CURLOPT_WRITEDATA, me)
    steward_curl_set_data(curl, CURLOPT_WRITEFUNCTION) { bytes, size, count, me in
      guard let me, let bytes else { return 0 }
      return Transfer.from(me).take(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    steward_curl_set_pointer(curl, CURLOPT_HEADERDATA, me)
    steward_curl_set_data(curl, CURLOPT_HEADERFUNCTION) { bytes, size, count, me in
      guard let me, let bytes else { return 0 }
      return Transfer.from(me).takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    steward_curl_set_pointer(curl, CURLOPT_READDATA, me)
    steward_curl_set_data(curl, CURLOPT_READFUNCTION) { bytes, size, count, me in
      guard let me, let bytes else { return 0 }
      return Transfer.from(me).give(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
    }
  }

  private static func from(_ pointer: UnsafeMutableRawPointer) -> Transfer {
    Unmanaged<Transfer>.fromOpaque(pointer).takeUnretainedValue()
  }

  /// The last look before the connection: is this one of the addresses that were checked?
  private func open(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
    guard let place = steward_curl_address(address), let wanted = Address(place), pinned.contains(wanted) else {
      sawForeignAddress = true
      return CURL_SOCKET_BAD
    }
    let type = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
    return socket(address.pointee.family, type, address.pointee.protocol)
  }

  private func take(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard body.count + bytes.count <= limits.bodyBytes else {
      isTooLarge = true
      return 0
    }
    body += bytes
    return bytes.count
  }

  private func takeHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
    headerSize += bytes.count
    guard headerSize <= limits.headerBytes else {
      isTooLarge = true
      return 0
    }
    let line = bytes.filter { $0 != 13 && $0 != 10 }
    headerLines.append(String(decoding: line, as: UTF8.self))
    return bytes.count
  }

  private func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
    uploadHasBegun = true
    let piece = upload[uploadPosition...].prefix(room.count)
    if piece.isEmpty { uploadHasEnded = true }
    room.copyBytes(from: piece)
    uploadPosition += piece.count
    return piece.count
  }

  // MARK: What went wrong

  /// For every code but `CURLE_OK`.
  func fault(_ code: CURLcode) -> EgressFault {
    if sawForeignAddress { return .refused(.forbiddenAddress("It", why: "not one of the addresses that were checked")) }
    if isTooLarge { return .tooLarge }
    return switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT: .unreachable
    case CURLE_OPERATION_TIMEDOUT: .timeout
    case CURLE_USE_SSL_FAILED: .noTLS
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_ISSUER_ERROR,
      CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CIPHER, CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      .certificate
    case CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ENGINE_INITFAILED: .configuration
    case CURLE_LOGIN_DENIED: .credentials
    case CURLE_FILESIZE_EXCEEDED: .tooLarge
    default: .broken
    }
  }
}
