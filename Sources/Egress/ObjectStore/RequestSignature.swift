import Crypto
import Kernel

/// Who asks an object store. The secret half is told to nobody.
package struct ObjectStoreKey: Sendable {
  package let id: String
  let secret: SecretBytes

  package init(id: String, secret: SecretBytes) {
    self.id = id
    self.secret = secret
  }
}

/// Signs requests as S3 and its likes want them: AWS Signature Version 4, in the header (AWS, *Signing AWS API requests*).
struct RequestSignature {
  private static let algorithm = "AWS4-HMAC-SHA256"

  let region: String
  let service: String

  /// What is signed of a request. `headers` have names in lower case, and are all sent as they stand here.
  struct Request {
    let method: String
    /// Encoded as it is sent.
    let path: String
    /// Encoded names and values, as they are sent, in any order.
    let query: [(name: String, value: String)]
    let headers: [(name: String, value: String)]
    /// Hex SHA-256 of the body.
    let payload: String
  }

  /// The value of the header `Authorization`.
  func authorization(_ request: Request, by key: ObjectStoreKey, at now: Instant) -> String {
    let (date, time) = RequestSignature.stamp(now)
    let headers = request.headers.sorted { $0.name < $1.name }
    let names = headers.map(\.name).joined(separator: ";")
    let query = request.query.sorted { ($0.name, $0.value) < ($1.name, $1.value) }
    let canonical = """
      \(request.method)
      \(request.path)
      \(query.map { "\($0.name)=\($0.value)" }.joined(separator: "&"))
      \(headers.map { "\($0.name):\($0.value)\n" }.joined())
      \(names)
      \(request.payload)
      """
    let scope = "\(date)/\(region)/\(service)/aws4_request"
    let text = """
      \(RequestSignature.algorithm)
      \(time)
      \(scope)
      \(Kernel.Digest(sha256: Array(canonical.utf8)).hex)
      """
    let signature = Hex.encode(RequestSignature.mac(signingKey(key, date), text))
    return
      "\(RequestSignature.algorithm) Credential=\(key.id)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
  }

  private func signingKey(_ key: ObjectStoreKey, _ date: String) -> [UInt8] {
    let first = key.secret.withBytes { SymmetricKey(data: Array("AWS4".utf8) + $0) }
    var made = Array(HMAC<SHA256>.authenticationCode(for: Array(date.utf8), using: first))
    for word in [region, service, "aws4_request"] { made = RequestSignature.mac(made, word) }
    return made
  }

  private static func mac(_ key: [UInt8], _ text: String) -> [UInt8] {
    Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: key)))
  }

  /// ("20261121", "20261121T080000Z")
  static func stamp(_ now: Instant) -> (date: String, time: String) {
    let digits = now.description.filter(\.isWholeNumber)
    return (String(digits.prefix(8)), "\(digits.prefix(8))T\(digits.dropFirst(8).prefix(6))Z")
  }
}
