import Foundation
import Platform

/// A certificate that signs itself, for a listener in a test; made by openssl.
package struct TestCertificate: Sendable {
  package let certificateFile: String
  package let keyFile: String

  /// In `directory`, for `localhost` and 127.0.0.1. A second one of another `name` lies beside it.
  package static func make(in directory: String, name: String = "server") throws -> TestCertificate {
    let made = TestCertificate(certificateFile: "\(directory)/\(name).pem", keyFile: "\(directory)/\(name).key")
    let openssl = Process()
    openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    openssl.arguments = [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
      "/CN=\(name)", "-addext", "subjectAltName=DNS:localhost,DNS:*.steward.example,IP:127.0.0.1", "-keyout",
      made.keyFile,
      "-out", made.certificateFile,
    ]
    openssl.standardError = FileHandle.nullDevice
    openssl.standardOutput = FileHandle.nullDevice
    try openssl.run()
    openssl.waitUntilExit()
    guard openssl.terminationStatus == 0 else { throw Problem(.internal, "openssl makes no certificate.") }
    return made
  }
}
