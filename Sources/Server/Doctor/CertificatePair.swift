import Custody
import NIOSSL
import Platform

/// A certificate and its key as they lie in their files, tried against each other.
struct CertificatePair {
  let expires: Instant

  /// Throws a `Problem` that says which file to look at.
  init(_ settings: Settings.TLS) throws {
    guard let path = settings.key.path else {
      throw Problem(.unavailable, settings.key.fault() ?? "Name the key's file.")
    }
    if let fault = settings.key.fault() { throw Problem(.unavailable, fault) }
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey
    do { chain = try NIOSSLCertificate.fromPEMFile(settings.certificate) } catch {
      throw Problem(.unavailable, "\(settings.certificate) holds no certificate in PEM that can be read; correct it.")
    }
    do { key = try NIOSSLPrivateKey(file: path, format: .pem) } catch {
      throw Problem(.unavailable, "\(path) holds no private key in PEM that can be read; correct it.")
    }
    guard let leaf = chain.first else {
      throw Problem(.unavailable, "\(settings.certificate) is empty; put the certificate there, then its chain.")
    }
    do {
      _ = try NIOSSLContext(
        configuration: .makeServerConfiguration(
          certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)))
    } catch {
      throw Problem(.unavailable, "The key does not belong to the certificate \(settings.certificate); use its own.")
    }
    expires = Instant(milliseconds: Int64(leaf.notValidAfter) * 1_000)
  }
}
