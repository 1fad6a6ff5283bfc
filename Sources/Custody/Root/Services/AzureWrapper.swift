import Egress
import Kernel

/// Azure Key Vault and Managed HSM: `wrapkey` and `unwrapkey` of the keys' REST API, version 7.4, with a token of the machine's managed identity
/// from the instance metadata service (IMDS). The service binds nothing: what binds is the box around the root key.
struct AzureWrapper: KeyWrapper {
  static let version = "7.4"
  static let metadata = "http://169.254.169.254"

  let kind = "azure-kv"
  let keyName: String
  private let vault: EgressURL
  private let key: String
  private let keyVersion: String?
  private let algorithm: String
  private let identity: EgressURL
  private let clientID: String?
  private let caller: KeyServiceCaller
  private let identityCaller: KeyServiceCaller

  init(_ address: ServiceAddress, _ egress: KeyServiceEgress) throws {
    vault = try address.url(address.place)
    let parts = vault.target.split(separator: "/").map(String.init)
    guard (2...3).contains(parts.count), parts[0] == "keys", parts.allSatisfy(AzureWrapper.isName) else {
      throw RootForm.wrong("Write an azure-kv: address as azure-kv:https://NAME.vault.azure.net/keys/KEY.")
    }
    key = parts[1]
    keyVersion = parts.count == 3 ? parts[2] : nil
    keyName = "\(vault.host)/keys/\(key)"
    algorithm = address["algorithm"] ?? "RSA-OAEP-256"
    guard ["RSA-OAEP-256", "A256KW"].contains(algorithm) else {
      throw RootForm.wrong(
        "The algorithm of an azure-kv: address is RSA-OAEP-256, or A256KW for an AES key in a managed HSM.")
    }
    let identity = try AzureWrapper.identity(address["identity"] ?? AzureWrapper.metadata)
    self.identity = identity
    clientID = address["client-id"]
    if let clientID, !AzureWrapper.isName(clientID) {
      throw RootForm.wrong("The client-id of an azure-kv: address is the id of a managed identity, as Azure shows it.")
    }
    caller = try address.caller(egress, at: vault)
    identityCaller = KeyServiceCaller(
      client: EgressClient(rules: EgressRules(hosts: [identity.host])),
      name: "the managed identity at \(identity.host)", caFile: nil)
  }

  private static func isName(_ text: String) -> Bool {
    (1...127).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || $0 == 45
      }
  }

  /// What gives out tokens speaks plain HTTP on the machine itself, or at its metadata address, and nowhere else.
  private static func identity(_ text: String) throws -> EgressURL {
    guard let url = try? EgressURL(text), text == metadata || ServiceAddress.isThisMachine(url.host) else {
      throw RootForm.wrong(
        "The identity of an azure-kv: address is an http:// address of this machine; leave it out on Azure.")
    }
    return url
  }

  func wrap(_ secret: SecretBytes, for head: RootFile.Head) throws -> [UInt8] {
    let version = try keyVersion ?? currentVersion()
    let value = try use("wrapkey", version, secret.withBytes { Base64.encodeURL($0) })
    return JSON.object(["alg": .string(algorithm), "value": .string(value), "version": .string(version)]).canonical
  }

  func unwrap(_ bytes: [UInt8], for head: RootFile.Head) throws -> SecretBytes {
    guard let wrapped = try? JSON.parseCanonical(bytes), let version = wrapped["version"]?.string,
      AzureWrapper.isName(version), let value = wrapped["value"]?.string, wrapped["alg"]?.string == algorithm
    else {
      throw Problem(
        .unavailable,
        "The file `root` of the key store was wrapped in another way; correct the algorithm in root_key, or restore it from a replica."
      )
    }
    guard let secret = Base64.decodeURL(try use("unwrapkey", version, value)) else {
      throw caller.away("its answer holds no key")
    }
    return SecretBytes(secret)
  }

  /// The newest version of the key, in which the wrapped form is then bound: unwrapping names it.
  private func currentVersion() throws -> String {
    let url = try EgressURL(
      "\(vault.scheme.rawValue)://\(vault.authority)/keys/\(key)?api-version=\(AzureWrapper.version)")
    let answer = try caller.ask { try HTTPRequest(.get, url, headers: try authorized()) }
    guard let kid = answer["key"]?["kid"]?.string, let version = kid.split(separator: "/").last.map(String.init),
      AzureWrapper.isName(version), kid.hasSuffix("/keys/\(key)/\(version)")
    else { throw caller.away("its answer names no version of the key") }
    return version
  }

  private func use(_ verb: String, _ version: String, _ value: String) throws -> String {
    let url = try EgressURL(
      "\(vault.scheme.rawValue)://\(vault.authority)/keys/\(key)/\(version)/\(verb)?api-version=\(AzureWrapper.version)"
    )
    let body = JSON.object(["alg": .string(algorithm), "value": .string(value)]).canonical
    let answer = try caller.ask {
      try HTTPRequest(
        .post, url, headers: try authorized() + [(name: "Content-Type", value: "application/json")], body: body)
    }
    guard let kid = answer["kid"]?.string, kid.hasSuffix("/keys/\(key)/\(version)"),
      let value = answer["value"]?.string,
      value.utf8.count <= RootFile.largestWrapped
    else { throw caller.away("its answer is of another key") }
    return value
  }

  private func authorized() throws -> [(name: String, value: String)] {
    let resource =
      vault.host.description.hasSuffix(".managedhsm.azure.net") ? "managedhsm.azure.net" : "vault.azure.net"
    let client = clientID.map { "&client_id=\($0)" } ?? ""
    let url = try EgressURL(
      "\(identity.scheme.rawValue)://\(identity.authority)/metadata/identity/oauth2/token?api-version=2018-02-01"
        + "&resource=https%3A%2F%2F\(resource)\(client)")
    let answer = try identityCaller.ask { try HTTPRequest(.get, url, headers: [(name: "Metadata", value: "true")]) }
    guard let token = answer["access_token"]?.string, !token.isEmpty else {
      throw identityCaller.away("its answer holds no token")
    }
    return [(name: "Authorization", value: "Bearer \(token)")]
  }
}
