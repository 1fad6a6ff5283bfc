import CPKCS11
import Kernel
import Synchronization

/// A PKCS #11 module: its library, loaded once in a process and initialised once.
final class TokenModule: Sendable {
  nonisolated(unsafe) private let list: UnsafeMutablePointer<steward_ck_list>
  // Functions of a library that stays loaded; the list is only read.

  private static let loaded = Mutex<[String: TokenModule]>([:])
  private static let alreadyInitialized: UInt = 0x191
  private static let mostSlots = 64

  static func load(_ path: String) throws -> TokenModule {
    try loaded.withLock { loaded in
      if let module = loaded[path] { return module }
      guard let list = steward_ck_load(path) else {
        throw Problem(.unavailable, "The PKCS #11 module \(path) cannot be loaded; install it, or correct module-path.")
      }
      let module = TokenModule(list)
      let result = steward_ck_initialize(list)
      guard result == 0 || result == alreadyInitialized else {
        throw Problem(
          .unavailable, "The PKCS #11 module \(path) does not start; look at its configuration.",
          detail: TokenModule.code(result))
      }
      loaded[path] = module
      return module
    }
  }

  private init(_ list: UnsafeMutablePointer<steward_ck_list>) { self.list = list }

  /// The slot whose token is meant. Throws if none is, or more than one.
  func slot(_ address: TokenAddress) throws -> UInt {
    var slots = [UInt](repeating: 0, count: TokenModule.mostSlots)
    var count = UInt(slots.count)
    try check(steward_ck_slots(list, &slots, &count), "list its tokens")
    let fitting = try slots.prefix(Int(clamping: count)).filter { slot in
      var token = steward_ck_token()
      guard steward_ck_token_info(list, slot, &token) == 0 else { return false }
      return try fits(token, slot, address)
    }
    guard let slot = fitting.first, fitting.count == 1 else {
      throw Problem(
        .unavailable,
        fitting.isEmpty
          ? "The token \(address.keyName) is not there; put it in, or correct the pkcs11: address."
          : "Several tokens are meant by \(address.keyName); name its serial too.")
    }
    return slot
  }

  private func fits(_ token: steward_ck_token, _ slot: UInt, _ address: TokenAddress) throws -> Bool {
    let label = withUnsafeBytes(of: token.label) { TokenModule.text($0) }
    let serial = withUnsafeBytes(of: token.serial) { TokenModule.text($0) }
    return (address.token.map { $0 == label } ?? true) && (address.serial.map { $0 == serial } ?? true)
      && (address.slot.map { $0 == slot } ?? true)
  }

  /// Padded with spaces (PKCS #11, CK_TOKEN_INFO).
  private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
    var text = String(decoding: bytes, as: UTF8.self)[...]
    while text.last == " " || text.last == "\0" { text = text.dropLast() }
    return String(text)
  }

  /// A session that is logged in, for as long as `body` runs.
  func session<T>(_ slot: UInt, pin: SecretBytes, writes: Bool, _ body: (TokenSession) throws -> T) throws -> T {
    var handle: UInt = 0
    try check(steward_ck_open(list, slot, writes ? 1 : 0, &handle), "open a session")
    defer { _ = steward_ck_close(list, handle) }
    let result = pin.withBytes { steward_ck_login(list, handle, $0.baseAddress, UInt($0.count)) }
    switch result {
    // Another session of this process is logged in (CKR_USER_ALREADY_LOGGED_IN).
    case 0, 0x100: break
    case 0xa0, 0xa1, 0xa2:
      throw Problem(
        .unavailable, "The token refuses the PIN; correct the file that pin-source names before the token locks itself."
      )
    case 0xa4:
      throw Problem(
        .unavailable, "The token has locked its PIN after too many wrong ones; have its security officer set a new one."
      )
    default: try check(result, "log in")
    }
    return try body(TokenSession(list: list, handle: handle))
  }

  private func check(_ result: UInt, _ what: String) throws { try TokenModule.check(result, what) }

  static func check(_ result: UInt, _ what: String) throws {
    guard result == 0 else {
      throw Problem(
        .unavailable, "The token cannot \(what); see that it is there and answers, and try again.", detail: code(result)
      )
    }
  }

  private static func code(_ result: UInt) -> String { "PKCS #11 0x" + String(result, radix: 16) }
}

/// What is asked of a token.
struct TokenSession {
  let list: UnsafeMutablePointer<steward_ck_list>
  let handle: UInt

  static let nonceSize = 12
  static let tagSize = 16

  // Numbers of the specification.
  private static let (classType, token, isPrivate, label) = (UInt(0x0), UInt(0x1), UInt(0x2), UInt(0x3))
  private static let (keyType, identifier, sensitive) = (UInt(0x100), UInt(0x102), UInt(0x103))
  private static let (encrypts, decrypts, length, extractable) = (UInt(0x104), UInt(0x105), UInt(0x161), UInt(0x162))
  private static let (secretKey, aes) = (UInt(4), UInt(0x1f))
  private static let (generateAES, gcm) = (UInt(0x1080), UInt(0x1087))

  /// The AES key of this name; nil if there is none. Throws for one that could be taken out of the token.
  func key(_ address: TokenAddress) throws -> UInt? {
    var attributes = Attributes()
    attributes.add(Self.classType, Self.secretKey)
    attributes.add(Self.keyType, Self.aes)
    if let object = address.object { attributes.add(Self.label, Array(object.utf8)) }
    if let id = address.id { attributes.add(Self.identifier, id) }
    var found: [UInt] = [0, 0]
    var count: UInt = 0
    try attributes.use { pointer, size in
      try TokenModule.check(steward_ck_find(list, handle, pointer, size, &found, 2, &count), "look for the key")
    }
    guard count > 0 else { return nil }
    guard count == 1 else {
      throw Problem(.unavailable, "Several keys of the token are called \(address.keyName); name the id of one too.")
    }
    guard try !isSet(Self.extractable, of: found[0]), try isSet(Self.sensitive, of: found[0]) else {
      throw Problem(
        .unavailable,
        "The key \(address.keyName) can be taken out of its token; make one that is sensitive and not extractable.")
    }
    return found[0]
  }

  private func isSet(_ type: UInt, of key: UInt) throws -> Bool {
    var value: UInt8 = 0xff
    try withUnsafeMutableBytes(of: &value) { bytes in
      var attribute = steward_ck_attribute(type: type, value: bytes.baseAddress, length: 1)
      try TokenModule.check(steward_ck_get(list, handle, key, &attribute, 1), "say what the key may do")
    }
    return value == 1
  }

  /// A new AES-256 key that never leaves the token.
  func makeKey(_ address: TokenAddress) throws -> UInt {
    var attributes = Attributes()
    attributes.add(Self.classType, Self.secretKey)
    attributes.add(Self.keyType, Self.aes)
    attributes.add(Self.length, 32)
    for type in [Self.token, Self.isPrivate, Self.sensitive, Self.encrypts, Self.decrypts] { attributes.add(type, [1]) }
    attributes.add(Self.extractable, [0])
    if let object = address.object { attributes.add(Self.label, Array(object.utf8)) }
    if let id = address.id { attributes.add(Self.identifier, id) }
    var mechanism = steward_ck_mechanism(mechanism: Self.generateAES, parameter: nil, length: 0)
    var key: UInt = 0
    try attributes.use { pointer, size in
      try TokenModule.check(steward_ck_generate(list, handle, &mechanism, pointer, size, &key), "make a key")
    }
    return key
  }

  /// AES-256-GCM in the token: nonce ‖ ciphertext ‖ tag.
  func seal(_ plain: SecretBytes, under key: UInt, bound: [UInt8]) throws -> [UInt8] {
    let nonce = RandomPool.bytes(Self.nonceSize)
    let sealed = try plain.withBytes { plain in
      try crypt(nonce, bound, room: plain.count + 64) { mechanism, out, size in
        steward_ck_encrypt(list, handle, mechanism, key, plain.baseAddress, UInt(plain.count), out, size)
      }
    }
    return nonce + sealed
  }

  /// Nil if it is not what this key sealed for this place.
  func open(_ sealed: [UInt8], under key: UInt, bound: [UInt8]) -> SecretBytes? {
    guard sealed.count > Self.nonceSize + Self.tagSize else { return nil }
    let body = Array(sealed[Self.nonceSize...])
    let plain = try? crypt(Array(sealed[..<Self.nonceSize]), bound, room: body.count + 64) { mechanism, out, size in
      steward_ck_decrypt(list, handle, mechanism, key, body, UInt(body.count), out, size)
    }
    return plain.map { SecretBytes($0) }
  }

  private func crypt(
    _ nonce: [UInt8], _ bound: [UInt8], room: Int,
    _ body: (UnsafeMutablePointer<steward_ck_mechanism>, UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt>) ->
      UInt
  ) throws -> [UInt8] {
    var (nonce, bound) = (nonce, bound)
    var out = [UInt8](repeating: 0, count: room)
    var size = UInt(room)
    let result = nonce.withUnsafeMutableBytes { nonce in
      bound.withUnsafeMutableBytes { bound in
        var parameters = steward_ck_gcm(
          iv: nonce.baseAddress, iv_length: UInt(nonce.count), iv_bits: UInt(nonce.count * 8), data: bound.baseAddress,
          data_length: UInt(bound.count), tag_bits: UInt(Self.tagSize * 8))
        return withUnsafeMutableBytes(of: &parameters) { parameters in
          var mechanism = steward_ck_mechanism(
            mechanism: Self.gcm, parameter: parameters.baseAddress, length: UInt(parameters.count))
          return out.withUnsafeMutableBufferPointer { out in
            out.baseAddress.map { body(&mechanism, $0, &size) } ?? 5
          }
        }
      }
    }
    try TokenModule.check(result, "use its key with AES-GCM")
    guard size <= UInt(room) else {
      throw Problem(.unavailable, "The token gave more than was asked for; use another.")
    }
    return Array(out.prefix(Int(size)))
  }

  /// Attributes whose values lie one behind the other while they are used.
  private struct Attributes {
    private var items: [(type: UInt, value: [UInt8])] = []

    mutating func add(_ type: UInt, _ value: [UInt8]) { items.append((type, value)) }
    mutating func add(_ type: UInt, _ number: UInt) { items.append((type, withUnsafeBytes(of: number) { Array($0) })) }

    func use(_ body: (UnsafeMutablePointer<steward_ck_attribute>, UInt) throws -> Void) throws {
      // Every value begins where a number may.
      let room = items.reduce(0) { $0 + ($1.value.count + 7) / 8 * 8 }
      let values = UnsafeMutableRawBufferPointer.allocate(byteCount: max(room, 8), alignment: 8)
      defer { values.deallocate() }
      var attributes: [steward_ck_attribute] = []
      var position = 0
      for item in items {
        let place = UnsafeMutableRawBufferPointer(rebasing: values[position..<position + item.value.count])
        place.copyBytes(from: item.value)
        attributes.append(
          steward_ck_attribute(type: item.type, value: place.baseAddress, length: UInt(item.value.count)))
        position += (item.value.count + 7) / 8 * 8
      }
      try attributes.withUnsafeMutableBufferPointer { buffer in
        if let base = buffer.baseAddress { try body(base, UInt(buffer.count)) }
      }
    }
  }
}
