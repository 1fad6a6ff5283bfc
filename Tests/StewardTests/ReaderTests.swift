import Foundation
import Kernel
import Platform
import TestKit
import Testing
import TransparencyLog

@testable import Accounts
@testable import Backup
@testable import Custody
@testable import Egress
@testable import Server
@testable import Storage
@testable import Subprocessors
@testable import Web

/// The readers of outside bytes that need more around them than the fuzzer's program compiles (`Tests/fuzz`): fed with what their own
/// writers make, changed by chance. The chance is the same in every run; FUZZ_SECONDS=60 gives each reader as long, with another one.
///
/// What breaks one ends the tests. With FUZZ_SECONDS the input that did it lies in .build/fuzz/found/; keep it as
/// FailCases/READER-what-it-is, which is replayed here first.
@Suite("Readers of outside bytes")
struct ReaderTests {
  @Test("a reader takes back what its writer wrote, and nothing else in two spellings", arguments: OutsideReader.all)
  func fuzzed(_ reader: OutsideReader) async throws {
    let seeds = try reader.seeds()
    #expect(!seeds.isEmpty)
    for input in try seeds + FailCases.of(reader.name) { try await reader.run(input) }
    var mutation = Mutation(seeds: seeds)
    let seconds = ProcessInfo.processInfo.environment["FUZZ_SECONDS"].flatMap(Double.init)
    let end = ContinuousClock.now + .seconds(seconds ?? 0.1)
    if seconds != nil { mutation.scatter() }
    while ContinuousClock.now < end {
      for _ in 0..<32 {
        let input = mutation.next()
        if seconds != nil { FailCases.keep(input, reader.name) }
        try await reader.run(input)
      }
    }
    FailCases.forget(reader.name)
  }

  @Test("every kept finding has a reader that replays it, here or in the fuzzer's program")
  func kept() throws {
    let targets = try FailCases.targets().union(OutsideReader.all.map(\.name))
    for name in try FileManager.default.contentsOfDirectory(atPath: FailCases.directory) where name != "README.md" {
      #expect(targets.contains { name.hasPrefix("\($0)-") }, "nobody replays \(name)")
    }
  }

  @Test("what the control socket is asked is answered, whatever it is")
  func controlSocket() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let verbs = ControlVerbs(app: house.app)
    let names = [
      "tenant.create", "token.create", "tenant.freeze", "tenant.lift", "backup.create", "subprocessor.add",
      "subprocessor.", "x",
    ]
    let values: [JSON] = [.null, 7, -1, .string(""), "acme", "system", "a@b.example", "../x", ["a": 1], [1], true]
    let keys = [
      "name", "owner", "slug", "tenant", "email", "label", "reason", "to", "base", "id", "endpoints", "purposes",
    ]
    var draw = Chance(state: 4)
    for _ in 0..<300 {
      var request: [String: JSON] = ["verb": .string(names[draw.below(names.count)])]
      for key in keys where draw.below(2) == 0 { request[key] = values[draw.below(values.count)] }
      let answer = await verbs.answer(.object(request))
      #expect(answer["problem"]?["code"]?.string != "internal", "\(request): \(answer)")
      #expect(answer["ok"] != nil || answer["problem"]?["message"]?.string?.isEmpty == false)
    }
  }
}

/// A reader, inputs to begin with, and what must hold for every input.
struct OutsideReader: Sendable, CustomTestStringConvertible {
  let name: String
  let seeds: @Sendable () throws -> [[UInt8]]
  let run: @Sendable ([UInt8]) async throws -> Void
  var testDescription: String { name }

  static func texts(
    _ name: String, _ texts: [String], _ run: @escaping @Sendable (String) async throws -> Void
  ) -> OutsideReader {
    OutsideReader(name: name, seeds: { texts.map { Array($0.utf8) } }) { bytes in
      if let text = String(validating: bytes, as: UTF8.self) { try await run(text) }
    }
  }

  static let all: [OutsideReader] = [
    settings, recoveryKit, keyBlock, mark, manifest, partIndex, partHeader, objectName, contents, cursor, credential,
    egressURL,
    addresses, forwarded, listenAddress, endpoint, mailAddress, postgresURL, hello, mounts, form,
  ]

  private static let time = Instant(milliseconds: 1_795_248_000_000)
  private static func id<Noun>(_: Noun.Type) -> ID<Noun> { ID<Noun>.make(at: time) }

  // MARK: Files of an operator

  static let settings = OutsideReader.texts(
    "settings",
    [
      SettingsExample.text, "data: /x\nlisten: localhost:8080\nmail:\n  server: smtp.example:587\n", "a: &x [*x]\n",
      "? - {}\n: !!binary x",
      SettingsExample.text.split(separator: "\n").map {
        $0.hasPrefix("# ") || $0.hasPrefix("  # ") ? String($0.replacing("# ", with: "")) : String($0)
      }
      .joined(separator: "\n"),
    ]
  ) { text in
    do { _ = try Settings(try SettingsFile(path: "x.yaml", text: text)) } catch let refused as SettingsFile.Refused {
      #expect(refused.findings.allSatisfy { !$0.sentence.isEmpty && $0.line > 0 }, "\(refused)")
    } catch is Problem {}
  }

  static let recoveryKit = OutsideReader(
    name: "recovery-kit",
    seeds: {
      let kit = SealedKit(
        installationID: "01kah5zzzz0000000000000000", keyStores: ["/a b", "/c"], verifierKey: "x+00000000+AQ==",
        made: time,
        cost: .ordinary, salt: [UInt8](repeating: 7, count: 16), box: [UInt8](repeating: 9, count: 32 + Box.overhead))
      let text = String(decoding: kit.document, as: UTF8.self)
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      let block = lines.drop { $0 != SealedKit.begin }.prefix { $0 != SealedKit.end } + [SealedKit.end[...]]
      return [kit.document, Array(block.joined(separator: "\n").utf8)]
    }
  ) { input in
    guard let kit = try? SealedKit(parsing: input) else { return }
    let again = try SealedKit(parsing: kit.document)
    #expect(again.context == kit.context && again.salt == kit.salt && again.box == kit.box && again.cost == kit.cost)
    #expect((1...RecoveryKit.maximumKeyStores).contains(kit.keyStores.count))
  }

  // MARK: Keys

  private static let epoch = SecretBytes([UInt8](repeating: 5, count: 32))
  private static let tenant = id(Kernel.Tenant.self)

  static let keyBlock = OutsideReader(
    name: "key-block",
    seeds: {
      [
        try KeyBlock.seal(
          SecretBytes([UInt8](repeating: 3, count: KeyBlock.plainSize)), tenant: tenant, number: 2, epoch: 1, key: epoch
        )
      ]
    }
  ) { input in
    guard let plain = try? KeyBlock.open(input, tenant: tenant, number: 2, epoch: 1, key: epoch) else { return }
    #expect(plain.allSatisfy { $0 == 3 }, "another block opens")
  }

  static let mark = OutsideReader.texts("taken", ["0\n", "1024\n", "9223372036854775807\n", "-1\n", "+1\n", "01\n"]) {
    text in
    guard let mark = TakenMark.parse(Array(text.utf8)) else { return }
    #expect(String(decoding: TakenMark.text(mark), as: UTF8.self) == text, "two spellings of a mark")
  }

  // MARK: Backups

  private static let signer = Result {
    try NoteSigner(name: "steward/01kah5zzzz0000000000000000", seed: SecretBytes([UInt8](repeating: 1, count: 32)))
  }
  private static let backup = BackupID.make(at: time)

  private static func manifestText() throws -> String {
    let link = Manifest.Link(backup: backup, digest: Digest(sha256: [1]))
    return Manifest(
      installation: "01kah5zzzz0000000000000000", verifier: try signer.get().verifierKey, backup: backup, made: time,
      number: 3,
      scope: .tenant(tenant), previous: link, parent: nil, wrappedKey: [1, 2, 3], indexDigest: Digest(sha256: [2]),
      indexSize: 9
    ).text
  }

  static let manifest = OutsideReader(
    name: "manifest", seeds: { [Array(try manifestText().utf8), try signer.get().sign(text: try manifestText())] }
  ) { input in
    if let text = String(validating: input, as: UTF8.self), let manifest = try? Manifest(parsing: text) {
      #expect(manifest.text == text)
    }
    guard let signed = try? SignedManifest(verifying: input) else { return }
    #expect(
      signed.manifest.verifier != (try? signer.get().verifierKey) || signed.manifest.text == (try? manifestText()),
      "never signed")
  }

  static let partIndex = OutsideReader(
    name: "part-index",
    seeds: {
      let items: [ObjectName.Item] = [.part(0), .part(1), .contents]
      return [PartIndex(lines: items.map { PartIndex.Line(item: $0, digest: Digest(sha256: [1]), size: 12) }).bytes]
    }
  ) { input in
    guard let index = try? PartIndex(parsing: input, of: backup) else { return }
    #expect(index.bytes == input && index.partCount >= 0 && index.totalBytes >= 0)
  }

  static let partHeader = OutsideReader(
    name: "part-header",
    seeds: {
      [
        Array(
          PartHeader(keyID: String(repeating: "a", count: 32), commitment: [UInt8](repeating: 2, count: 32)).text.utf8)
          + [1, 2]
      ]
    }
  ) { input in
    guard let header = PartHeader(input) else { return }
    #expect(header.text.utf8.elementsEqual(input.prefix(PartHeader.size)))
  }

  static let objectName = OutsideReader.texts(
    "object-name", ["contents", "index", "manifest", "000000", "000001", "1234567", "-1", "+00001"]
  ) { text in
    guard let name = ObjectName(backup: backup, item: text) else { return }
    #expect(name.itemText == text && !text.contains("/"))
  }

  static let contents = OutsideReader(
    name: "contents",
    seeds: {
      let tenants: CBOR = .array([
        .map([
          "id": .text(tenant.text), "size": 7, "checkpoint": .bytes([1]), "schema": 0, "first": 0, "last": 2,
          "files": .array([.array([.text(tenant.text), 5])]), "lost": .array([.text(tenant.text)]),
        ])
      ])
      let table: CBOR = .array(["tenant", .array(["id", "slug"]), .array([.array([.text(tenant.text), "acme"])])])
      let control: CBOR = .map(["schema": .array(["CREATE TABLE x (a)"]), "tables": .array([table])])
      return [CBOR.map(["v": 1, "control": control, "schemas": .array([.array(["x"])]), "tenants": tenants]).encoded]
    }
  ) { input in
    guard let contents = try? Contents(decoding: input) else { return }
    _ = contents.columnByTenant("slug")
    _ = contents.limited(to: [tenant])
    #expect(contents.control.tables.allSatisfy { table in table.rows.allSatisfy { $0.count == table.columns.count } })
  }

  // MARK: What clients send

  static let cursor: OutsideReader = {
    let stamps = Stamps(root: SecretBytes([UInt8](repeating: 8, count: 32)))
    let honest = [
      stamps.stamped("01kah5zzzz0000000000000000", for: ["cursor", "a", "/v1/x"]), stamps.stamped("", for: ["cursor"]),
    ]
    return OutsideReader.texts("cursor", honest) { text in
      guard let value = stamps.open(text, for: ["cursor", "a", "/v1/x"]) else { return }
      #expect(text == honest[0] && value == "01kah5zzzz0000000000000000", "a cursor that nobody stamped")
    }
  }()

  static let credential: OutsideReader = {
    let made = CredentialText<Platform.Token>.make(tenant: tenant, id: .make(at: time))
    return OutsideReader.texts("credential", [made.text(prefix: "stw_"), made.text(), "stw___"]) { text in
      for prefix in ["stw_", ""] {
        guard let read = CredentialText<Platform.Token>(text, prefix: prefix) else { continue }
        #expect(read.text(prefix: prefix) == text)
      }
    }
  }()

  static let forwarded = OutsideReader.texts(
    "forwarded",
    [
      "192.0.2.1, 10.0.0.1", "[2001:db8::1]:443", "for=192.0.2.43;proto=https, for=\"[2001:db8::17]:47\"",
      "for=_x;by=\"a,b\";proto", "::ffff:10.0.0.1",
    ]
  ) { text in
    let proxies = TrustedProxies(["10.0.0.0/8", "::1"].compactMap { Web.AddressRange($0) })
    for field in ["X-Forwarded-For", "Forwarded", "X-Forwarded-Proto"] {
      var headers = Headers()
      headers.add(field, text)
      if let client = proxies.client(headers) { #expect(!proxies.contains(client)) }
      _ = proxies.isSecure(headers)
    }
    _ = OwnNames(["example.com", "*.example.org"]).contains(text)
    if let host = OwnNames.host(of: text) { #expect(text.utf8.starts(with: host.utf8)) }
  }

  static let form = OutsideReader.texts("form", ["a=1&b=%C3%A9+x&a=", "name=%00", "=&=&", "a=%"]) { text in
    _ = try? await FormReader.read(
      contentType: "application/x-www-form-urlencoded", body: Chunks(bytes: Array(text.utf8)))
  }

  // MARK: Addresses

  static let egressURL = OutsideReader.texts(
    "egress-url",
    ["https://example.com:8443/a?b=c", "http://[2001:db8::1]/", "https://192.0.2.7", "https://EXAMPLE.com./%2e"]
  ) { text in
    guard let url = try? EgressURL(text) else { return }
    let again = try EgressURL(url.text)
    #expect(again == url && again.text == url.text, "written again it is another place: \(url.text)")
  }

  static let addresses = OutsideReader.texts(
    "address-range", ["10.0.0.0/8", "fd00::/8", "192.0.2.1", "::ffff:1.2.3.4/120", "2001:db8::/32", "1.2.3.4/33"]
  ) { text in
    if let range = Egress.AddressRange(text) {
      #expect(range.contains(range.base))
      #expect(Egress.AddressRange(range.description) == range)
    }
    if let address = Address(text) { #expect(Address("\(address)") == address) }
    if let range = Web.AddressRange(text), let own = ClientAddress(String(text.prefix { $0 != "/" })) {
      #expect(range.contains(own))
    }
    if let client = ClientAddress(text) { #expect(ClientAddress(client.text) == client) }
  }

  static let listenAddress = OutsideReader.texts(
    "listen-address", ["localhost:8080", "[::]:443", "0.0.0.0:0", ":", "[::1]:65536"]
  ) { text in
    guard let address = try? ListenAddress(parsing: text) else { return }
    #expect((0...65_535).contains(address.port) && !address.host.isEmpty)
  }

  static let endpoint = OutsideReader.texts("endpoint", ["smtp.example.net:587", "[2001:db8::1]:587", "a.:1", "x:+5"]) {
    text in
    guard let endpoint = Endpoint(text) else { return }
    #expect(Endpoint(endpoint.description) == endpoint, "\(endpoint)")
  }

  static let mailAddress = OutsideReader.texts(
    "mail-address", ["ida@acme.example", "a.b+c@x-y.example", "\"a b\"@x", "a@[127.0.0.1]"]
  ) { text in
    guard let address = MailAddress(name: text, address: text) else { return }
    #expect(!address.address.utf8.contains { $0 <= 0x20 || $0 >= 0x7f || $0 == UInt8(ascii: ">") })
    #expect(!address.name.utf8.contains { $0 < 0x20 })
  }

  static let postgresURL = OutsideReader.texts(
    "postgres-url",
    [
      "postgres://app:quite-secret@db-1:5432,db-2:5433/steward?sslmode=verify-full&sslrootcert=/a%20b",
      "postgresql://app@[::1]/x",
      "postgres://app@%2Fvar%2Frun:5432/x?host=/tmp&connect_timeout=3",
    ]
  ) { text in
    do {
      let server = try PostgresServer(url: text)
      #expect(!server.hosts.isEmpty && !server.database.isEmpty)
      #expect(!"\(server)".contains("quite-secret") || server.parameters["password"] != "quite-secret")
    } catch { #expect(!"\(error)".contains("secret"), "the message repeats the password: \(error)") }
  }

  // MARK: The network and the machine

  static let hello = OutsideReader(
    name: "hello",
    seeds: {
      let extensions: [UInt8] = [0, 43, 0, 2, 3, 4]
      let body = [3, 3] + [UInt8](repeating: 1, count: 32) + [0, 0x13, 1, 0, 0, 6] + extensions
      let message = [2, 0, 0, UInt8(body.count)] + body
      return [[22, 3, 3, 0, UInt8(message.count)] + message, [21, 3, 3, 0, 2, 2, 40], [72, 84, 84, 80, 47]]
    }
  ) { input in
    for count in [0, 4, input.count / 2] { _ = HelloReply(Array(input.prefix(count))) }
    _ = HelloReply(input)
  }

  static let mounts = OutsideReader.texts(
    "mounts",
    [
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n25 1 8:1 / / rw - ext4 /dev/sda1 rw\n",
      "- - - - - - -",
    ]
  ) { text in
    for mount in Machine.mounts(parsing: text) { #expect(!mount.device.isEmpty && !mount.place.isEmpty) }
  }
}

// MARK: - Chance

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Chance: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ limit: Int) -> Int { limit <= 1 ? 0 : Int(next() % UInt64(limit)) }
}

/// Inputs made of others: a few changes each.
struct Mutation {
  let seeds: [[UInt8]]
  private var chance = Chance(state: 2_026)
  private static let interesting: [UInt8] = [
    0, 1, 9, 10, 13, 32, 34, 37, 39, 43, 45, 46, 47, 48, 57, 58, 61, 91, 93, 95, 0x7f, 0x80, 0xC3, 0xCC, 0x81, 0xff,
  ]

  init(seeds: [[UInt8]]) { self.seeds = seeds }

  mutating func scatter() { chance.state = UInt64.random(in: 0 ... .max) }

  mutating func next() -> [UInt8] {
    var input = seeds[chance.below(seeds.count)]
    for _ in 0...chance.below(4) { change(&input) }
    return input
  }

  private mutating func change(_ input: inout [UInt8]) {
    let place = chance.below(input.count + 1)
    let end = min(input.count, place + 1 + chance.below(8))
    switch chance.below(7) {
    case 0 where place < input.count: input[place] ^= 1 << UInt8(chance.below(8))
    case 1 where place < input.count: input[place] = Self.interesting[chance.below(Self.interesting.count)]
    case 2: input.insert(Self.interesting[chance.below(Self.interesting.count)], at: place)
    case 3: input.removeSubrange(min(place, end)..<end)
    case 4: input.insert(contentsOf: input[min(place, end)..<end], at: place)
    case 5: input = Array(input.prefix(place))
    default:
      let other = seeds[chance.below(seeds.count)]
      let from = chance.below(other.count + 1)
      input.insert(contentsOf: other[from..<min(other.count, from + 12)], at: place)
    }
  }
}

/// Inputs that once broke a reader.
enum FailCases {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static var directory: String { root.appending(path: "FailCases").path }
  private static var found: URL { root.appending(path: ".build/fuzz/found") }

  static func of(_ reader: String) throws -> [[UInt8]] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted().filter { $0.hasPrefix("\(reader)-") }
      .map { Array(try Data(contentsOf: URL(filePath: "\(directory)/\($0)"))) }
  }

  /// The targets of the fuzzer's program, by the name that each is given.
  static func targets() throws -> Set<String> {
    let folder = root.appending(path: "Tests/fuzz")
    var names: Set<String> = []
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) where file.hasSuffix(".swift") {
      let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
      names.formUnion(text.matches(of: /Target\(\s*"([a-z-]+)"/).map { String($0.1) })
    }
    return names
  }

  static func keep(_ input: [UInt8], _ reader: String) {
    try? FileManager.default.createDirectory(at: found, withIntermediateDirectories: true)
    try? Data(input).write(to: found.appending(path: "\(reader)-last"))
  }

  static func forget(_ reader: String) {
    try? FileManager.default.removeItem(at: found.appending(path: "\(reader)-last"))
  }
}
