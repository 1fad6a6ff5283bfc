import Platform
import Trust

/// The first message of a TLS client (RFC 8446 §4.1.2; RFC 6101 for SSL 3.0), written by hand: no library offers what must be refused.
struct ClientHello {
  let version: ListenerReport.Version
  /// At most 32,767 codes.
  let suites: [UInt16]
  /// Also offers DEFLATE (RFC 3749).
  var offersCompression = false

  /// One record, ready to be sent. `random` needs no secrecy: nothing is ever encrypted with what follows from it.
  func bytes(random: () -> UInt8 = { UInt8.random(in: 0...255) }) -> [UInt8] {
    var body = u16(version == .tls13 ? 0x0303 : version.code)
    body += (0..<32).map { _ in random() }
    // TLS 1.3 sends an id for middle boxes (RFC 8446 appendix D.4).
    body += version == .tls13 ? [32] + (0..<32).map { _ in random() } : [0]
    body += u16(UInt16(suites.count * 2)) + suites.flatMap(u16)
    body += offersCompression ? [2, 1, 0] : [1, 0]
    if version != .ssl3 { body += block16(extensions(random)) }
    let message = [1] + u24(body.count) + body
    return [22] + u16(version == .ssl3 ? 0x0300 : 0x0301) + block16(message)
  }

  private func extensions(_ random: () -> UInt8) -> [UInt8] {
    // supported_groups: x25519, secp256r1, secp384r1; ec_point_formats: uncompressed.
    var all = named(10, block16([0, 29, 0, 23, 0, 24])) + named(11, [1, 0])
    if version == .tls12 || version == .tls13 {
      // signature_algorithms: ECDSA, RSA-PSS, RSA, Ed25519, and last what only old servers sign with.
      let schemes: [UInt16] = [0x0403, 0x0503, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0807, 0x0203, 0x0201]
      all += named(13, block16(schemes.flatMap(u16)))
    }
    if version == .tls13 {
      all += named(43, [2] + u16(0x0304)) + named(45, [1, 1])
      // Any 32 bytes are a point of Curve25519.
      all += named(51, block16(u16(29) + block16((0..<32).map { _ in random() })))
    }
    return all
  }

  private func named(_ type: UInt16, _ body: [UInt8]) -> [UInt8] { u16(type) + block16(body) }
  private func u16(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
  private func u24(_ value: Int) -> [UInt8] { [UInt8(value >> 16 & 0xFF)] + u16(UInt16(value & 0xFFFF)) }
  private func block16(_ body: [UInt8]) -> [UInt8] { u16(UInt16(clamping: body.count)) + body }
}

extension ListenerReport.Version {
  var code: UInt16 {
    switch self {
    case .ssl3: 0x0300
    case .tls10: 0x0301
    case .tls11: 0x0302
    case .tls12: 0x0303
    case .tls13: 0x0304
    }
  }
}

/// What a server says to a hello.
enum HelloReply: Equatable {
  case agreed(version: UInt16, suite: UInt16, compression: UInt8)
  /// RFC 8446 §6.
  case alert(UInt8)
  /// It closed the connection, or what it sent is no TLS.
  case nothing

  /// Nil while more bytes are needed.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 5 else { return nil }
    let length = Int(bytes[3]) << 8 | Int(bytes[4])
    guard bytes[0] == 21 || bytes[0] == 22, length <= 1 << 14 else {
      self = .nothing
      return
    }
    guard bytes.count >= 5 + length else { return nil }
    let body = Array(bytes[5..<5 + length])
    self = bytes[0] == 21 ? HelloReply.alert(body) : HelloReply.serverHello(body)
  }

  private static func alert(_ body: [UInt8]) -> HelloReply { body.count >= 2 ? .alert(body[1]) : .nothing }

  /// RFC 8446 §4.1.3; the version of TLS 1.3 stands in an extension.
  private static func serverHello(_ body: [UInt8]) -> HelloReply {
    guard body.count >= 4 + 2 + 32 + 1, body[0] == 2 else { return .nothing }
    var version = UInt16(body[4]) << 8 | UInt16(body[5])
    let at = 39 + Int(body[38])
    guard body.count >= at + 3 else { return .nothing }
    let suite = UInt16(body[at]) << 8 | UInt16(body[at + 1])
    let compression = body[at + 2]
    var next = at + 5
    while next + 4 <= body.count {
      let type = Int(body[next]) << 8 | Int(body[next + 1])
      let length = Int(body[next + 2]) << 8 | Int(body[next + 3])
      if type == 43, length == 2, next + 6 <= body.count {
        version = UInt16(body[next + 4]) << 8 | UInt16(body[next + 5])
      }
      next += 4 + length
    }
    return .agreed(version: version, suite: suite, compression: compression)
  }
}

/// Cipher suites by what is wrong with them (IANA's registry of TLS parameters).
enum SuiteCatalogue {
  /// TLS 1.3: authenticated encryption, forward secrecy always.
  static let tls13: [UInt16] = [0x1301, 0x1302, 0x1303, 0x1304, 0x1305]
  /// ECDHE with AES-GCM or ChaCha20-Poly1305.
  static let strong: [UInt16] = [0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9]

  static let weak: [UInt16] =
    [0x0001, 0x0002, 0x003B, 0xC006, 0xC010, 0xC001, 0xC00B, 0x00B0, 0x00B4]  // no encryption
    + [0x0003, 0x0006, 0x0008, 0x000B, 0x000E, 0x0011, 0x0014, 0x0017, 0x0019, 0x0026, 0x0062, 0x0064]  // for export
    + [
      0x0018, 0x001A, 0x001B, 0x0034, 0x003A, 0x006C, 0x006D, 0x00A6, 0x00A7, 0xC015, 0xC016, 0xC017, 0xC018, 0xC019,
    ]  // anonymous
    + [0x0004, 0x0005, 0x0066, 0xC002, 0xC007, 0xC00C, 0xC011]  // RC4
    + [0x0009, 0x000C, 0x000F, 0x0012, 0x0015, 0x0007]  // DES, IDEA
    + [0x000A, 0x000D, 0x0010, 0x0013, 0x0016, 0xC003, 0xC008, 0xC00D, 0xC012]  // 3DES
    + [0x002F, 0x0035, 0x003C, 0x003D, 0x0041, 0x0084, 0x0096, 0x00BA, 0x00C0]  // static RSA, CBC
    + [0x009C, 0x009D, 0xC09C, 0xC09D, 0xC0A0, 0xC0A1, 0xC07A, 0xC07B]  // static RSA, no forward secrecy
    + [0x0032, 0x0033, 0x0038, 0x0039, 0x0040, 0x0045, 0x0067, 0x006A, 0x006B, 0x0088, 0x009A]  // finite field, CBC
    + [0x009E, 0x009F, 0x00A2, 0x00A3, 0xC09E, 0xC09F, 0xCCAA]  // finite field
    + [0xC009, 0xC00A, 0xC013, 0xC014, 0xC023, 0xC024, 0xC027, 0xC028, 0xC072, 0xC073, 0xC076, 0xC077]  // CBC
    + [0xC004, 0xC005, 0xC00E, 0xC00F, 0xC025, 0xC026, 0xC029, 0xC02A, 0xC02D, 0xC02E, 0xC031, 0xC032]  // static ECDH
    + [0xC0A8, 0xC0A9, 0xC0AC, 0xC0AD, 0xC0AE, 0xC0AF]  // CCM

  static func isStrong(_ suite: UInt16) -> Bool { tls13.contains(suite) || strong.contains(suite) }

  static func offered(_ version: ListenerReport.Version) -> [UInt16] {
    switch version {
    case .tls13: tls13
    case .tls12: strong + weak
    case .ssl3, .tls10, .tls11: weak
    }
  }
}
