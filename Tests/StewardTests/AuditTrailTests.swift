import Platform
import Server
import Storage
import TestKit
import Testing
import TransparencyLog

@testable import AuditTrail

@Suite("The audit trail")
struct AuditTrailTests {
  /// A house in which Anna did three things.
  private func busyHouse() async throws -> (house: House, vendor: String) {
    let house = try await House.open()
    let made = try await house.anna.post("/v1/vendors", ["name": "Initech"])
    let vendor = try #require(try made.json()["id"]?.string)
    house.clock.advance(seconds: 60)
    _ = try await house.anna.send(
      .patch, "/v1/vendors/\(vendor)", headers: ["Content-Type": "application/json"],
      body: Array(#"{"name":"Initrode"}"#.utf8))
    house.clock.advance(seconds: 60)
    _ = try await house.olga.post("/v1/tokens", ["label": "ci"])
    return (house, vendor)
  }

  private func items(_ answer: FrontDoor.Answer) throws -> [JSON] {
    #expect(answer.status == 200, "\(answer.text)")
    return try #require(try answer.json()["items"]?.array)
  }

  @Test("lists every write, newest first, with the name of who did it")
  func lists() async throws {
    let (house, vendor) = try await busyHouse()
    defer { house.leave() }
    let all = try items(try await house.adam.get("/v1/audit"))
    #expect(all.prefix(3).map { $0["action"]?.string } == ["token.create", "vendor.update", "vendor.create"])
    #expect(all[1]["actor_name"]?.string == "Anna Berg")
    #expect(all[1]["object"]?.string == "vendor:\(vendor)")
    #expect(all[1]["changes"]?.integer ?? 0 >= 1)
    let indexes = all.compactMap { $0["index"]?.integer }
    #expect(indexes == indexes.sorted(by: >))
  }

  @Test("filters by action, actor, object and time, alone and together")
  func filters() async throws {
    let (house, vendor) = try await busyHouse()
    defer { house.leave() }
    let anna = try #require(house.anna.id)
    func actions(_ query: String) async throws -> [String] {
      try items(try await house.adam.get("/v1/audit?\(query)")).compactMap { $0["action"]?.string }
    }
    #expect(try await actions("action=vendor.update") == ["vendor.update"])
    #expect(try await actions("actor=person:\(anna)") == ["vendor.update", "vendor.create"])
    #expect(try await actions("actor=\(anna)") == ["vendor.update", "vendor.create"])
    #expect(try await actions("object=vendor:\(vendor)") == ["vendor.update", "vendor.create"])
    let middle = "2026-03-02T09:01:00.000Z"
    #expect(try await actions("since=\(middle)") == ["token.create", "vendor.update"])
    #expect(try await actions("since=\(middle)&until=\(middle)") == ["vendor.update"])
    #expect(try await actions("since=2026-03-02T10:01:00%2B01:00&until=2026-03-02T09:01:00Z") == ["vendor.update"])
    #expect(try await actions("since=2026-03-03").isEmpty)
    #expect(try await actions("until=2026-03-01").isEmpty)
    #expect(
      try await actions("since=2026-03-02&until=2026-03-02&action=vendor.create&actor=\(anna)") == ["vendor.create"])
    #expect(try await actions("action=&actor=&object=&since=&until=&limit=1") == ["token.create"])
  }

  @Test(
    "a filter that cannot be read is refused with the field's name",
    arguments: [
      ("since", "yesterday"), ("until", "2026-13-01T00:00:00.000Z"), ("object", "nonsense%20here"), ("actor", "%00"),
      ("since", "2026-03-02T09:00:00"), ("action", String(repeating: "a", count: 300)),
      ("until", "2026-03-02T09:00:00%2b99:00"),
    ])
  func refusesFilters(field: String, value: String) async throws {
    let house = try await House.open()
    defer { house.leave() }
    for path in ["/v1/audit", "/v1/audit/export"] {
      let answer = try await house.adam.get("\(path)?\(field)=\(value)")
      #expect(answer.status == 400)
      if value != "%00" { #expect(try answer.json()["errors"]?.array?.first?["field"]?.string == field) }
    }
  }

  @Test("pages follow each other without gap or repetition")
  func pages() async throws {
    let (house, _) = try await busyHouse()
    defer { house.leave() }
    let whole = try items(try await house.adam.get("/v1/audit?limit=200")).compactMap { $0["index"]?.integer }
    var seen: [Int] = []
    var path = "/v1/audit?limit=4"
    while true {
      let answer = try await house.adam.get(path)
      seen += try items(answer).compactMap { $0["index"]?.integer }
      guard let next = try answer.json()["next"]?.string else { break }
      path = "/v1/audit?limit=4&cursor=\(next)"
    }
    #expect(seen == whole)
    #expect(try await house.gina.get(path).status == 400, "a cursor from elsewhere")
  }

  @Test("the export is the leaves of the signed tree, in order")
  func export() async throws {
    let (house, _) = try await busyHouse()
    defer { house.leave() }
    let lines = try await house.adam.get("/v1/audit/export").body.split(separator: 0x0a).map(Array.init)
    var frontier = Frontier()
    for line in lines { frontier.append(MerkleTree.leafHash(line)) }
    let key = try VerifierKey(parsing: try await house.adam.get("/v1/log/vkey").text)
    let checkpoint = try Checkpoint.open(try await house.adam.get("/v1/log/checkpoint").body, key: key)
    #expect(checkpoint.size == frontier.size)
    #expect(checkpoint.root == frontier.root)
    let some = try await house.adam.get("/v1/audit/export?action=vendor.update").text
    #expect(some.split(separator: "\n").count == 1)
    #expect(some.contains(#""action":"vendor.update""#))
    #expect(!some.contains("Initrode"))
  }

  @Test("the log's key is certified by the installation's")
  func certificate() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let installation = try VerifierKey(parsing: try await house.stranger.get("/.well-known/steward.vkey").text)
    let note = try await house.adam.get("/v1/log/certificate").body
    let certificate = try LogKeyCertificate.open(note, installationKey: installation)
    #expect("\(certificate.key)\n" == (try await house.adam.get("/v1/log/vkey").text))
  }

  @Test("tiles of any width up to the tree's size hold the leaves, and none beyond it is served")
  func tiles() async throws {
    let (house, _) = try await busyHouse()
    defer { house.leave() }
    let lines = try await house.adam.get("/v1/audit/export").body.split(separator: 0x0a).map(Array.init)
    for width in 1...lines.count {
      let tile = try await house.adam.get("/v1/log/tile/0/000.p/\(width)")
      #expect(tile.body == TilePath.hashTile(lines.prefix(width).map(MerkleTree.leafHash)))
      let bundle = try await house.adam.get("/v1/log/tile/entries/000.p/\(width)")
      #expect(bundle.body == TilePath.entryBundle(Array(lines.prefix(width))))
    }
    for path in [
      "0/000.p/\(lines.count + 1)", "0/000", "0/001", "1/000.p/1", "x/y", "0/999", "0/..", "entries/000.p/0",
    ] {
      #expect(try await house.adam.get("/v1/log/tile/\(path)").status == 404, "\(path)")
    }
  }

  @Test("an entry shows what proves it, and its receipt verifies from the installation's key down")
  func entry() async throws {
    let (house, vendor) = try await busyHouse()
    defer { house.leave() }
    let item = try #require(try items(try await house.adam.get("/v1/audit?action=vendor.update")).first)
    let index = try #require(item["index"]?.integer)
    let shown = try await house.adam.get("/v1/audit/\(index)").json()
    #expect(shown["holds"]?.bool == true)
    #expect(shown["entry"]?["object"]?.string == "vendor:\(vendor)")
    #expect(
      shown["change_records"]?.array?.contains { $0["table"]?.string == "vendor" && $0["op"]?.string == "update" }
        == true)
    let receipt = try Receipt(parsing: try await house.adam.get("/v1/audit/\(index)/receipt").body)
    let installation = try VerifierKey(parsing: house.app.ledger.installation.verifierKey)
    let certificate = try LogKeyCertificate.open(receipt.certificate, installationKey: installation)
    let checkpoint = try Checkpoint.open(receipt.proof.checkpoint, key: certificate.key)
    let leaf = try #require(receipt.leaf)
    #expect(leaf == shown["entry"]?.canonical)
    #expect(
      Proofs.verifyInclusion(
        leaf: MerkleTree.leafHash(leaf), index: receipt.index, size: checkpoint.size, proof: receipt.proof.hashes,
        root: checkpoint.root))
    for wrong in ["-1", "+1", "01", "x", "99999", "9223372036854775808"] {
      #expect(try await house.adam.get("/v1/audit/\(wrong)").status == 404, "\(wrong)")
      #expect(try await house.adam.get("/v1/audit/\(wrong)/receipt").status == 404, "\(wrong)")
    }
  }

  @Test("the downloaded receipt is the one in the answer to the write")
  func sameReceipt() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let made = try await house.anna.post("/v1/vendors", ["name": "Initech"])
    let header = try #require(made.headers["Steward-Receipt"])
    let index = try Receipt(header: header).index
    #expect(try await house.adam.get("/v1/audit/\(index)/receipt").body == Base64.decode(header))
  }

  @Test(
    "an entry that was tampered with is said not to verify",
    arguments: [
      "UPDATE log_entry SET data = CAST(replace(CAST(data AS TEXT), 'vendor.update', 'vendor.gamble') AS BLOB) WHERE action = 'vendor.update'",
      "UPDATE log_entry SET actor = 'system:nobody' WHERE action = 'vendor.update'",
      "UPDATE log_change SET after = zeroblob(32) WHERE op = 'update'",
      "UPDATE log_checkpoint SET note = CAST(replace(CAST(note AS TEXT), 'steward/', 'stewarD/') AS BLOB)",
    ])
  func tampered(statement: String) async throws {
    let (house, _) = try await busyHouse()
    defer { house.leave() }
    let item = try #require(try items(try await house.adam.get("/v1/audit?action=vendor.update")).first)
    let index = try #require(item["index"]?.integer)
    try house.tamper(house.acme.id, statement)
    #expect(try await house.adam.get("/v1/audit/\(index)").json()["holds"]?.bool == false)
    let page = try await house.adam.page("/audit/\(index)").text
    #expect(page.contains("This entry does not verify"))
    #expect(page.contains("does not hold"))
  }

  @Test("owner, manager and auditor read it; a member, another tenant and a stranger do not")
  func access() async throws {
    let (house, vendor) = try await busyHouse()
    defer { house.leave() }
    let paths = [
      "/v1/audit", "/v1/audit/export", "/v1/audit/1", "/v1/audit/1/receipt", "/v1/log/checkpoint",
      "/v1/log/tile/0/000.p/1",
      "/v1/log/vkey", "/v1/log/certificate", "/audit", "/audit/1",
    ]
    for path in paths {
      for reader in [house.olga, house.anna, house.adam] {
        #expect(try await reader.get(path).status == 200, "\(reader.name) \(path)")
      }
      #expect(try await house.mia.get(path).status == 404, "\(path)")
      #expect(try await house.stranger.get(path).status == 401, "\(path)")
    }
    #expect(try items(try await house.gina.get("/v1/audit?object=vendor:\(vendor)")).isEmpty)
  }

  @Test("the page filters, names people, links to each entry and to the export of what is shown")
  func page() async throws {
    let (house, _) = try await busyHouse()
    defer { house.leave() }
    let page = try await house.adam.page("/audit?action=vendor.update").text
    #expect(page.contains("Anna Berg"))
    #expect(page.contains("/v1/audit/export?action=vendor.update"))
    #expect(page.contains(#"<option value="vendor.update" selected>"#))
    #expect(!page.contains("vendor.create</code>"))
    let index = try #require(
      try items(try await house.adam.get("/v1/audit?action=vendor.update")).first?["index"]?.integer)
    #expect(page.contains("/audit/\(index)"))
    let entry = try await house.adam.page("/audit/\(index)").text
    for words in [
      "This entry is on the record", "steward-verify receipt", "/v1/audit/\(index)/receipt", "vendor", "Anna Berg",
    ] {
      #expect(entry.contains(words), "\(words)")
    }
    #expect(try await house.adam.page("/audit?since=2030-01-01").text.contains("No entry matches"))
  }

  @Test("times are read as people and programs write them")
  func moments() {
    let noon = Instant("2026-03-02T12:00:00.500Z")
    #expect(Moment.parse("2026-03-02T12:00:00.500Z") == noon)
    #expect(Moment.parse("2026-03-02T13:00:00.5+01:00") == noon)
    #expect(Moment.parse("2026-03-02T06:30:00.5009999-05:30") == noon)
    for wrong in [
      "", "2026-03-02", "2026-03-02T12:00:00", "2026-03-02T12:00:00.Z", "2026-03-02T25:00:00Z",
      "2026-03-02T12:00:00+1:00",
    ] {
      #expect(Moment.parse(wrong) == nil, "\(wrong)")
    }
  }
}
