import Custody
import Logging
import NIOCore
import NIOSSL
import Platform
import Synchronization

/// The certificate that the listener shows, and what it offers with it. Read anew when a file changes: connections that are open go on,
/// new ones see the new certificate. A pair that does not work never replaces one that does.
final class ListenerCertificates: Sendable {
  /// Bytes of a certificate chain or a key.
  static let maximumFileBytes = 1 << 20
  /// How often the files are looked at.
  static let inspectionSeconds = 5

  /// AEAD with forward secrecy, and nothing else (RFC 9325 §4.2). BoringSSL always offers all three suites of TLS 1.3.
  static let suites: [NIOTLSCipher] = [
    .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
  ]

  private struct Pair {
    let context: NIOSSLContext
    let names: [String]
    let expires: Instant
    let seen: [FileStamp]
  }

  private let settings: TLSSettings
  private let adjust: @Sendable (inout TLSConfiguration) -> Void
  private let pair: Mutex<Pair>
  private let failedAt = Mutex<[FileStamp]?>(nil)

  /// Throws if the pair does not work. `adjust` is for tests that need a listener worse than ours.
  init(_ settings: TLSSettings, adjust: @escaping @Sendable (inout TLSConfiguration) -> Void = { _ in }) throws {
    self.settings = settings
    self.adjust = adjust
    pair = Mutex(try ListenerCertificates.load(settings, adjust))
  }

  var context: NIOSSLContext { pair.withLock { $0.context } }
  /// Host names and addresses the certificate is for.
  var names: [String] { pair.withLock { $0.names } }
  var expires: Instant { pair.withLock { $0.expires } }

  /// Reads the files if they are not what they were. A broken pair is logged once and changes nothing.
  func reload(_ logger: Logger) {
    let stamps = ListenerCertificates.stamps(settings)
    guard stamps != pair.withLock({ $0.seen }), stamps != failedAt.withLock({ $0 }) else { return }
    do {
      let fresh = try ListenerCertificates.load(settings, adjust)
      pair.withLock { $0 = fresh }
      failedAt.withLock { $0 = nil }
      logger.notice("the new TLS certificate is in use", metadata: ["expires": .string(fresh.expires.description)])
    } catch {
      failedAt.withLock { $0 = stamps }
      let reason = (error as? Problem)?.message ?? String(reflecting: type(of: error))
      logger.error("the new TLS certificate is not used; the old one stays", metadata: ["reason": .string(reason)])
    }
  }

  // MARK: Files

  private static func stamps(_ settings: TLSSettings) -> [FileStamp] {
    [FileStamp(settings.certificateFile), FileStamp(settings.keyFile)]
  }

  private static func load(
    _ settings: TLSSettings, _ adjust: (inout TLSConfiguration) -> Void
  ) throws -> Pair {
    // Before reading: what changes in between is looked at again.
    let seen = stamps(settings)
    try checkMode(settings.keyFile)
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey
    do {
      chain = try NIOSSLCertificate.fromPEMBytes(try bytes(settings.certificateFile))
      key = try NIOSSLPrivateKey(bytes: try bytes(settings.keyFile), format: .pem)
    } catch is NIOSSLError {
      throw Problem.invalid("tls", "The certificate file must hold the chain and the key file the key, both as PEM.")
    }
    guard let leaf = chain.first else {
      throw Problem.invalid("tls-certificate", "The certificate file holds no certificate.")
    }
    var configuration = ListenerCertificates.configuration(chain, key, settings.minimum)
    adjust(&configuration)
    // BoringSSL refuses a key that does not fit.
    guard let context = try? NIOSSLContext(configuration: configuration) else {
      throw Problem.invalid("tls", "The key does not belong to the certificate; check both files.")
    }
    return Pair(
      context: context, names: names(of: leaf), expires: Instant(milliseconds: Int64(leaf.notValidAfter) * 1_000),
      seen: seen)
  }

  private static func configuration(
    _ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey, _ minimum: TLSSettings.Minimum
  ) -> TLSConfiguration {
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = minimum == .tls12 ? .tlsv12 : .tlsv13
    configuration.maximumTLSVersion = .tlsv13
    configuration.cipherSuiteValues = suites
    configuration.curves = [.x25519_MLKEM768, .x25519, .secp256r1, .secp384r1]
    configuration.applicationProtocols = ["h2", "http/1.1"]
    configuration.renegotiationSupport = .none
    return configuration
  }

  private static func bytes(_ path: String) throws -> [UInt8] {
    guard let bytes = (try? DurableFile.read(path)) ?? nil, bytes.count <= maximumFileBytes else {
      throw Problem.invalid("tls", "The file \(path) cannot be read; check its path and its owner.")
    }
    return bytes
  }

  /// The key of the server is nobody else's business.
  private static func checkMode(_ path: String) throws {
    let stamp = FileStamp(path)
    guard stamp.isThere else {
      throw Problem.invalid("tls-key", "The file \(path) cannot be read; check its path and its owner.")
    }
    guard stamp.mode & 0o007 == 0 else {
      throw Problem.invalid("tls-key", "Others can read the key: chmod 600 \(path), or 640 for a group of its own.")
    }
  }

  private static func names(of leaf: NIOSSLCertificate) -> [String] {
    leaf._subjectAlternativeNames().compactMap { name in
      switch name.nameType {
      case .dnsName: String(validating: Array(name.contents), as: UTF8.self)
      case .ipAddress: address(Array(name.contents))
      default: nil
      }
    }
  }

  private static func address(_ bytes: [UInt8]) -> String? {
    guard let address = try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0) else { return nil }
    return bytes.count == 16 ? address.ipAddress.map { "[\($0)]" } : address.ipAddress
  }
}
