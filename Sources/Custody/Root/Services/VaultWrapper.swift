import Egress
import Kernel

/// The transit engine of OpenBao and HashiCorp Vault: `POST /v1/MOUNT/encrypt/KEY` and `…/decrypt/KEY`, the binding as `associated_data`
/// (keys of the types aes256-gcm96, aes128-gcm96 and chacha20-poly1305). The token is read from its file for each call, where an agent keeps it fresh.
struct VaultWrapper: KeyWrapper {
  let kind = "vault"
  let keyName: String
  private let base: EgressURL
  private let mount: String
  private let key: String
  private let namespace: String?
  private let tokenFile: String
  private let caller: KeyServiceCaller

  init(_ address: ServiceAddress, _ egress: KeyServiceEgress) throws {
    base = try address.url(address.place)
    let parts = base.target.split(separator: "/").map(String.init)
    guard parts.count >= 2, parts.allSatisfy(VaultWrapper.isName) else {
      throw RootForm.wrong("Write a vault: address as vault:https://HOST:8200/MOUNT/KEY?token-file=FILE.")
    }
    mount = parts.dropLast().joined(separator: "/")
    key = parts[parts.count - 1]
    namespace = address["namespace"]
    if let namespace, !namespace.split(separator: "/").map(String.init).allSatisfy(VaultWrapper.isName) {
      throw RootForm.wrong("A namespace in a vault: address is words of letters, digits, hyphens and underscores.")
    }
    tokenFile = try address.file("token-file", "the token")
    keyName = (namespace.map { "\($0)/" } ?? "") + "\(mount)/\(key)"
    caller = try address.caller(egress, at: base)
  }

  private static func isName(_ text: String) -> Bool {
    !text.isEmpty && text != "." && text != ".."
      && text.utf8.allSatisfy { byte in
        (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
          || [45, 46, 95].contains(byte)
      }
  }

  func wrap(_ secret: SecretBytes, for head: RootFile.Head) throws -> [UInt8] {
    let answer = try ask("encrypt", ["plaintext": .string(secret.withBytes { Base64.encode($0) })], head)
    guard let text = answer["data"]?["ciphertext"]?.string, text.hasPrefix("vault:v"),
      text.utf8.count <= RootFile.largestWrapped
    else { throw caller.away("its answer holds no ciphertext") }
    return Array(text.utf8)
  }

  func unwrap(_ bytes: [UInt8], for head: RootFile.Head) throws -> SecretBytes {
    let text = String(decoding: bytes, as: UTF8.self)
    let answer = try ask("decrypt", ["ciphertext": .string(text)], head)
    guard let secret = answer["data"]?["plaintext"]?.string.flatMap({ Base64.decode($0) }) else {
      throw caller.away("its answer holds no plaintext")
    }
    return SecretBytes(secret)
  }

  private func ask(_ verb: String, _ fields: [String: JSON], _ head: RootFile.Head) throws -> JSON {
    var fields = fields
    fields["associated_data"] = .string(Base64.encode(head.context))
    let body = JSON.object(fields).canonical
    let url = try EgressURL("\(base.scheme.rawValue)://\(base.authority)/v1/\(mount)/\(verb)/\(key)")
    return try caller.ask {
      let token = try SecretLineFile.read(tokenFile).withBytes { String(decoding: $0, as: UTF8.self) }
      var headers = [
        (name: "X-Vault-Token", value: token), (name: "X-Vault-Request", value: "true"),
        (name: "Content-Type", value: "application/json"),
      ]
      if let namespace { headers.append((name: "X-Vault-Namespace", value: namespace)) }
      return try HTTPRequest(.post, url, headers: headers, body: body)
    }
  }
}
