import Custody
import Platform

/// F10: content is encrypted at rest with AES-256.
///
/// Plants markers through the inputs of the API, then looks for them in all that was stored since (`StorageSearch`): a marker planted now
/// cannot be in anything older. That the search sees is shown by ids, which stand in the clear. That what is stored is
/// AES-256-GCM is shown by a known answer and by opening the stored rows with it.
enum AtRestCheck {
  static func run(_ probe: Probe) async throws -> String {
    try knownAnswer()
    let search = try await StorageSearch.begin(probe)
    let markers = try await plant(probe)
    try await readBack(markers, probe)
    let scan = try await search.words(markers.all, control: markers.vendor)
    try hold(scan.found.isEmpty, "A marker was found in the clear in \(scan.found.count) of \(scan.places).")
    guard scan.sawControl else {
      throw Hindered(reason: "The search did not find what stands in the clear, so it proves nothing.")
    }
    let rows = try await SealedRows.all(probe.first, probe)
    try hold(!rows.isEmpty, "There are no sealed rows.")
    for row in rows {
      let opens = try await probe.environment.opens(row.box, row.place, row.place.tenant)
      try hold(opens, "A stored row of \(row.place.table) is not a box of AES-256-GCM under its own key.")
    }
    return """
      Planted \(markers.all.count) markers through the API, read them back, and searched \(scan.places) \
      (\(scan.bytes) bytes) written since, in \(scan.spellings) spellings: none was found. Opened \(rows.count) stored rows as \
      AES-256-GCM under keys of 256 bits, and a known answer.
      """
  }

  struct Markers: Sendable {
    let vendor: String
    let name: String
    let fileName: String
    let fileBytes: String
    let search: String
    let refused: String
    let evidencePath: String
    var all: [String] { [name, fileName, fileBytes, search, refused] }
  }

  static func plant(_ probe: Probe) async throws -> Markers {
    let tenant = probe.first
    let vendor = try await probe.vendor(in: tenant)
    let open = try await probe.openCase(in: tenant)
    let (name, fileName, fileBytes) = (Marker.make(), Marker.make(), Marker.make())
    let (search, refused) = (Marker.make(), Marker.make())
    _ = try await probe.rename(vendor, to: name, in: tenant).body(200, for: "PATCH /v1/vendors/{id}")
    let content = Array(String(repeating: fileBytes + " ", count: 50).utf8)
    let evidence = try await probe.attach(content, name: "\(fileName).txt", to: open, in: tenant)
      .body(201, for: "POST …/evidence")
    _ = try await tenant.manager.caller.get("/v1/vendors?q=\(search)")
    _ = try await tenant.manager.caller.send(.post, "/v1/vendors", ["name": "", "privacy_url": .string(refused)])
    let id = try need(evidence["id"]?.string, "The evidence has no id.")
    return Markers(
      vendor: vendor, name: name, fileName: fileName, fileBytes: fileBytes, search: search, refused: refused,
      evidencePath: "/v1/cases/\(open.id)/steps/\(open.step)/evidence/\(id)")
  }

  /// What is not stored proves nothing about how it is stored.
  static func readBack(_ markers: Markers, _ probe: Probe) async throws {
    let caller = probe.first.manager.caller
    let vendor = try await caller.get("/v1/vendors/\(markers.vendor)").body(200, for: "GET /v1/vendors/{id}")
    guard vendor["name"]?.string == markers.name else { throw Hindered(reason: "The planted name was not stored.") }
    let file = try await caller.get(markers.evidencePath)
    guard file.status == 200, file.text.contains(markers.fileBytes) else {
      throw Hindered(reason: "The planted file was not stored.")
    }
  }

  /// Made with another implementation (Python's `cryptography`): the box of docs/format.md §5.1 over "steward".
  static func knownAnswer() throws {
    let key = SecretBytes((0..<32).map { UInt8($0) })
    let context = CBOR.array(["steward/known-answer/v1", "F10"]).encoded
    let opened = Hex.decode(KnownAnswer.box).flatMap { try? Box.open($0, key: key, context: context) }
    try hold(opened == Array("steward".utf8), "The known answer of AES-256-GCM does not open to what it must.")
  }
}

/// Rows as they are stored, with where they belong.
struct SealedRows: Sendable {
  /// Rows of one table that are looked at.
  static let maximumPerTable = 20

  let box: [UInt8]
  let place: SealedPlace

  /// The newest rows of every table that seals content.
  static func all(_ tenant: ProbeTenant, _ probe: Probe) async throws -> [SealedRows] {
    let tables = probe.services.ledger.tables.values.filter { $0.kind == .primary && !$0.sealed.isEmpty }
    return try await probe.services.ledger.read(tenant.id) { reader in
      try tables.sorted { $0.name < $1.name }.flatMap { table in
        try reader.rows(
          """
          SELECT id, schema, subject, sealed FROM \(raw: table.name) WHERE tenant = \(tenant.id)
          ORDER BY id DESC LIMIT \(maximumPerTable)
          """
        ).compactMap { row in sealed(row, table.name, tenant.id) }
      }
    }
  }

  private static func sealed(_ row: [Value], _ table: String, _ tenant: TenantID) -> SealedRows? {
    guard row.count == 4, let key = row[0].text, let schema = row[1].integer, let subject = row[2].integer,
      let box = row[3].bytes
    else { return nil }
    return SealedRows(
      box: box,
      place: SealedPlace(tenant: tenant, table: table, key: key, schema: schema, subject: SubjectRef(subject)))
  }
}
