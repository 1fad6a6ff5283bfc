import Egress
import Kernel

/// A key service, as an operator writes it: where it is, which key, and the files that hold what it is asked with.
///
///     vault:https://vault.example.com:8200/transit/steward?token-file=/run/steward/vault-token
///     azure-kv:https://NAME.vault.azure.net/keys/steward?client-id=…
///     aws-kms:arn:aws:kms:eu-central-1:111122223333:key/…?credentials-file=/etc/steward/aws
///
/// Of every kind: `ca-file`, PEM certificates that vouch for it instead of the system's; `private-range`, networks in which it may lie.
package struct ServiceAddress: Sendable, Hashable {
  package enum Kind: String, Sendable, Hashable, CaseIterable {
    case vault
    case azure = "azure-kv"
    case aws = "aws-kms"

    fileprivate var parameters: Set<String> {
      switch self {
      case .vault: ["token-file", "namespace"]
      case .azure: ["client-id", "identity", "algorithm"]
      case .aws: ["credentials-file", "endpoint"]
      }
    }
  }

  package let kind: Kind
  /// Before the question mark.
  let place: String
  private let parameters: [String: String]

  init(_ kind: Kind, _ text: String) throws {
    let halves = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    self.kind = kind
    place = String(halves[0])
    parameters = try PercentText.pairs(halves.count > 1 ? halves[1] : "", separator: "&")
    let read = kind.parameters.union(["ca-file", "private-range"])
    if let other = parameters.keys.sorted().first(where: { !read.contains($0) }) {
      throw RootForm.wrong(
        "\(other) is not read in a \(kind.rawValue): address; it takes \(read.sorted().joined(separator: ", ")).")
    }
    for (name, value) in parameters where name.hasSuffix("-file") && !value.hasPrefix("/") {
      throw RootForm.wrong("Write an absolute path for \(name) in the \(kind.rawValue): address.")
    }
    _ = try ranges
    // Whatever is wrong with it is said before anything is called.
    _ = try wrapper(KeyServiceEgress())
  }

  subscript(_ name: String) -> String? { parameters[name] }

  func file(_ name: String, _ what: String) throws -> String {
    guard let path = parameters[name] else {
      throw RootForm.wrong("Name the file of \(what) in the \(kind.rawValue): address: …?\(name)=/etc/steward/….")
    }
    return path
  }

  /// Where secrets lie that the service is asked with.
  var secretFiles: [String] { ["token-file", "credentials-file"].compactMap { parameters[$0] } }

  /// Whether it is on another machine.
  var isElsewhere: Bool {
    let text = kind == .aws ? parameters["endpoint"] : place
    guard let text else { return true }
    return (try? url(text)).map { !ServiceAddress.isThisMachine($0.host) } ?? false
  }

  private var ranges: [AddressRange] {
    get throws {
      try (parameters["private-range"] ?? "").split(separator: ",").map { text in
        guard let range = AddressRange(String(text)) else {
          throw RootForm.wrong("Write private-range as 10.0.0.0/8, not \(text).")
        }
        return range
      }
    }
  }

  /// A URL whose host is called over TLS only, unless it is this machine.
  func url(_ text: String) throws -> EgressURL {
    let url: EgressURL
    do { url = try EgressURL(text) } catch {
      throw RootForm.wrong("The address of the \(kind.rawValue): root key cannot be used. \(error.sentence)")
    }
    guard url.scheme == .https || ServiceAddress.isThisMachine(url.host) else {
      throw RootForm.wrong("Write https:// in the \(kind.rawValue): address; without TLS only this machine is called.")
    }
    return url
  }

  static func isThisMachine(_ host: EgressHost) -> Bool {
    guard case .address(let address) = host.kind else { return host.description == "localhost" }
    return ["127.0.0.0/8", "::1/128"].contains { AddressRange($0)?.contains(address) ?? false }
  }

  /// `also`: hosts that are called beside, as they are, such as the metadata of a cloud's machine.
  func caller(_ egress: KeyServiceEgress, at url: EgressURL, also: [EgressURL] = []) throws -> KeyServiceCaller {
    var hosts = Set(also.map(\.host))
    if ServiceAddress.isThisMachine(url.host) { hosts.insert(url.host) }
    let configured = egress.privateRanges.compactMap { AddressRange($0) }
    let rules = EgressRules(hosts: hosts, ranges: try ranges + configured)
    return KeyServiceCaller(
      client: EgressClient(rules: rules), name: "\(kind.rawValue) at \(url.host):\(url.port)",
      caFile: parameters["ca-file"] ?? egress.caFile)
  }

  package func wrapper(_ egress: KeyServiceEgress) throws -> any KeyWrapper {
    switch kind {
    case .vault: try VaultWrapper(self, egress)
    case .azure: try AzureWrapper(self, egress)
    case .aws: try AWSWrapper(self, egress)
    }
  }
}

/// What outgoing connections may reach, as the configuration says of all of them.
package struct KeyServiceEgress: Sendable, Hashable {
  package var privateRanges: [String]
  package var caFile: String?
  package init(privateRanges: [String] = [], caFile: String? = nil) {
    self.privateRanges = privateRanges
    self.caFile = caFile
  }
}

/// Asks a key service, and says in one sentence what is wrong where it does not give what was asked for.
struct KeyServiceCaller: Sendable {
  static let attempts = 3
  static let longestAnswer = 64 << 10

  let client: EgressClient
  /// For sentences: kind, host and port.
  let name: String
  let caFile: String?

  /// The body of the answer, if its status is 200. `request` is made anew for each attempt.
  func ask(_ request: () throws -> HTTPRequest) throws -> JSON {
    var last = ""
    for attempt in 0..<KeyServiceCaller.attempts {
      if attempt > 0 { Pause.milliseconds(100 << UInt32(2 * attempt)) }
      var request = try request()
      request.caFile = caFile
      request.limits.connectSeconds = 5
      request.limits.totalSeconds = 15
      request.limits.bodyBytes = KeyServiceCaller.longestAnswer
      switch client.httpNow(request) {
      case .answer(let answer):
        if answer.status == 200 { return try read(answer) }
        guard [408, 429, 500, 502, 503, 504].contains(answer.status) else { throw refusal(answer) }
        last = "it answers \(answer.status)"
      case .notSent(let fault), .unknown(let fault):
        last = KeyServiceCaller.words(fault)
        guard KeyServiceCaller.mayPass(fault) else { throw away(last) }
      }
    }
    throw away(last)
  }

  private func read(_ answer: HTTPAnswer) throws -> JSON {
    guard let json = try? JSON.parse(answer.body, maximumDepth: 16) else { throw away("its answer is no JSON") }
    return json
  }

  func away(_ why: String) -> Problem {
    Problem(
      .unavailable,
      "The root key cannot be used, since \(name) does not give it: \(why). Bring the service back or correct root_key, then start again."
    )
  }

  private func refusal(_ answer: HTTPAnswer) -> Problem {
    let said = (try? JSON.parse(answer.body, maximumDepth: 16)).flatMap(KeyServiceCaller.reason) ?? ""
    let why =
      switch answer.status {
      case 401, 403: "it refuses what it is asked with (\(answer.status))"
      case 404: "it knows no such key (404)"
      default: "it refuses the request (\(answer.status))"
      }
    let problem = away(why)
    return Problem(problem.code, problem.message, detail: "\(name): \(said)")
  }

  /// What the services say, cut to plain words: Vault `errors`, Azure `error.message`, AWS `__type` and `message`.
  private static func reason(_ json: JSON) -> String? {
    let text =
      json["errors"]?.array?.first?.string ?? json["error"]?["message"]?.string ?? json["error_description"]?.string
      ?? [json["__type"]?.string, json["message"]?.string ?? json["Message"]?.string].compactMap(\.self).joined(
        separator: ": ")
    return String(text.unicodeScalars.filter { $0.value >= 32 && $0.value < 127 }.map(Character.init).prefix(200))
  }

  private static func words(_ fault: EgressFault) -> String {
    switch fault {
    case .refused(let refusal): refusal.sentence.hasSuffix(".") ? String(refusal.sentence.dropLast()) : refusal.sentence
    case .unreachable: "it cannot be reached"
    case .timeout: "it does not answer in time"
    case .certificate, .noTLS: "its certificate is not trusted, or not for this host"
    case .configuration: "a certificate file cannot be read"
    default: "the connection broke"
    }
  }

  private static func mayPass(_ fault: EgressFault) -> Bool {
    switch fault {
    case .unreachable, .timeout, .broken: true
    default: false
    }
  }
}
