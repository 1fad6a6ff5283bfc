import Egress
import Kernel

/// AWS Key Management Service: `Encrypt` and `Decrypt` with an encryption context, which the service binds and writes into its own log of uses.
/// Credentials are read from their file for each call: id, secret and, if they end, the session token, a line each.
struct AWSWrapper: KeyWrapper {
  let kind = "aws-kms"
  /// The ARN of the key.
  let keyName: String
  private let region: String
  private let endpoint: EgressURL
  private let credentials: String
  private let caller: KeyServiceCaller
  private let now: @Sendable () -> Instant

  init(
    _ address: ServiceAddress, _ egress: KeyServiceEgress, now: @escaping @Sendable () -> Instant = WallClock.now
  ) throws {
    // arn:aws:kms:eu-central-1:111122223333:key/1234abcd-…
    let parts = address.place.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 6, parts[0] == "arn", ["aws", "aws-cn", "aws-us-gov"].contains(parts[1]), parts[2] == "kms",
      !parts[3].isEmpty, parts[5].hasPrefix("key/"),
      address.place.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != 34 && $0 != 92 })
    else {
      throw RootForm.wrong(
        "Write an aws-kms: address with the ARN of the key: aws-kms:arn:aws:kms:REGION:ACCOUNT:key/ID?credentials-file=FILE."
      )
    }
    keyName = address.place
    region = parts[3]
    let host = "kms.\(parts[3]).amazonaws.com\(parts[1] == "aws-cn" ? ".cn" : "")"
    endpoint = try address.url(address["endpoint"] ?? "https://\(host)/")
    credentials = try address.file("credentials-file", "the credentials")
    caller = try address.caller(egress, at: endpoint)
    self.now = now
  }

  func wrap(_ secret: SecretBytes, for head: RootFile.Head) throws -> [UInt8] {
    let answer = try ask("Encrypt", ["Plaintext": .string(secret.withBytes { Base64.encode($0) })], head)
    guard let blob = answer["CiphertextBlob"]?.string.flatMap({ Base64.decode($0) }) else {
      throw caller.away("its answer holds no ciphertext")
    }
    return blob
  }

  func unwrap(_ bytes: [UInt8], for head: RootFile.Head) throws -> SecretBytes {
    let answer = try ask("Decrypt", ["CiphertextBlob": .string(Base64.encode(bytes))], head)
    guard let secret = answer["Plaintext"]?.string.flatMap({ Base64.decode($0) }) else {
      throw caller.away("its answer holds no plaintext")
    }
    return SecretBytes(secret)
  }

  private func ask(_ verb: String, _ fields: [String: JSON], _ head: RootFile.Head) throws -> JSON {
    var fields = fields
    fields["KeyId"] = .string(keyName)
    fields["EncryptionContext"] = [
      "steward:installation": .string(head.installation), "steward:root": .string("\(head.number)"),
      "steward:use": "root-key",
    ]
    let body = JSON.object(fields).canonical
    return try caller.ask {
      let key = try AWSCredentials(file: credentials)
      return try SignedCall.post(
        endpoint, target: "TrentService.\(verb)", region: region, service: "kms", body: body, by: key.key,
        sessionToken: key.session, at: now())
    }
  }
}

/// What a file of credentials holds.
private struct AWSCredentials {
  let key: ObjectStoreKey
  let session: String?

  init(file: String) throws {
    _ = try SecretLineFile.read(file)
    let text = String(decoding: (try? DurableFile.read(file)) ?? [], as: UTF8.self)
    let lines = text.split(whereSeparator: \.isNewline).map(String.init)
    guard (2...3).contains(lines.count), lines.allSatisfy({ $0.utf8.allSatisfy { (33...126).contains($0) } }) else {
      throw Problem(
        .unavailable,
        "The file \(file) must hold the access key's id, its secret and, if there is one, the session token, a line each."
      )
    }
    key = ObjectStoreKey(id: lines[0], secret: SecretBytes(Array(lines[1].utf8)))
    session = lines.count == 3 ? lines[2] : nil
  }
}
