import Certificate
import Custody
import Platform

/// What an erasure would take away, and what would remain and why; shown before anything happens. Counts and ids, no content.
package struct Inventory: Sendable, Equatable {
  package var rows: Int64 = 0
  package var files: Int64 = 0
  package var images: Int64 = 0
  package var exports: Int64 = 0
  package var subjects: Int64 = 0
  package var tables: [ErasureStatement.TableCount] = []
  package var backupsKeptDays: Int64?
  package var backups: [ErasureStatement.Backup] = []
  package var told: [ErasureStatement.Told] = []
  package var remains: [ErasureStatement.Remaining] = []
  /// `type:id` of everything that goes with it.
  package var objects: [String] = []
  package var isHeld = false
  /// What people call it. Never stored.
  package var title: String?

  init() {}
}

// MARK: - Taking it

extension Inventory {
  /// Disclosures that are listed one by one.
  private static let toldLimit = 200

  /// Nil if there is no such object.
  static func take(_ target: ErasureTarget, of tenant: TenantID, _ services: Services) async throws -> Inventory? {
    var inventory: Inventory?
    if target.kind == .tenant {
      inventory = try await whole(tenant, services)
    } else {
      let erasers = services.erasers
      inventory = try await services.ledger.read(tenant) { reader in
        try erasers.find(target, reader).map { try Inventory($0, erasers, reader) }
      }
    }
    guard var taken = inventory else { return nil }
    // What else is exported leaves as a stream, and nothing of it is kept.
    let kept = services.erasers.exports
    taken.exports = taken.tables.filter { kept.contains($0.table) }.reduce(0) { $0 + $1.rows }
    taken.remains += always
    let facts = try? await services.backups.facts()
    if let facts { taken.add(facts) }
    try await taken.addOthers(than: facts, services)
    return taken
  }

  private static let always = [
    ErasureStatement.Remaining(
      what: "Entries on the record",
      why:
        "They say what was done, when and by whom, to which id. They hold no content, and every receipt and certificate is proven with them."
    )
  ]

  init(_ finding: ErasureFinding, _ erasers: Erasers, _ reader: Reader) throws {
    let (refs, gone) = try erasers.rows(under: Set(finding.subjects), reader)
    rows = Int64(refs.count)
    files = Int64(finding.files)
    subjects = Int64(Set(finding.subjects).count)
    images = Int64(try reader.imageCount(of: refs + gone))
    tables = Inventory.counted(refs)
    objects = finding.objects.map(\.description)
    isHeld =
      try (finding.objects + finding.within).contains { try reader.isHeld($0) }
      || reader.isHeld(ObjectRef("tenant", reader.tenant))
    title = finding.title
    remains = finding.remains.map { ErasureStatement.Remaining(what: $0.what, why: $0.why) }
    told = try Set(finding.told).sorted { $0.text < $1.text }.prefix(Inventory.toldLimit).compactMap {
      try reader.find(DisclosureRecord.self, $0).map(ErasureStatement.Told.init)
    }
  }

  static func counted(_ rows: [RowRef]) -> [ErasureStatement.TableCount] {
    Dictionary(grouping: rows, by: \.table).map {
      ErasureStatement.TableCount(table: $0.key, rows: Int64($0.value.count))
    }
    .sorted { $0.table < $1.table }
  }

  /// Everything that an organisation has.
  private static func whole(_ tenant: TenantID, _ services: Services) async throws -> Inventory? {
    let tables = services.ledger.tables.values.filter { $0.kind == .primary }.map(\.name).sorted()
    let files = try await services.ledger.files.list(tenant).count
    return try await services.ledger.read(tenant) { reader in
      var inventory = Inventory()
      for table in tables {
        let count =
          try reader.rows("SELECT count(*) FROM \(raw: table) WHERE tenant = \(tenant)").first?[0].integer ?? 0
        guard count > 0 else { continue }
        inventory.tables.append(ErasureStatement.TableCount(table: table, rows: count))
        inventory.rows += count
        inventory.subjects += count
      }
      inventory.files = Int64(files)
      inventory.images =
        try reader.rows("SELECT count(*) FROM log_change WHERE tenant = \(tenant) AND image IS NOT NULL").first?[0]
        .integer
        ?? 0
      inventory.objects = [ObjectRef("tenant", tenant).description]
      inventory.isHeld = try !reader.fetch(LegalHold.self, "LIMIT 1").isEmpty
      inventory.told = try reader.fetch(DisclosureRecord.self, "ORDER BY id DESC LIMIT \(Inventory.toldLimit)").map(
        ErasureStatement.Told.init)
      inventory.remains = [
        ErasureStatement.Remaining(
          what: "The name of the organisation in its address, and this erasure",
          why: "The installation has to be able to say that it was there, and who asked for its end.")
      ]
      return inventory
    }
  }

  /// A backup goes with the day after its last; what was sealed under a destroyed key is dead in it meanwhile.
  mutating func add(_ facts: BackupFacts) {
    backupsKeptDays = Int64(facts.retentionDays)
    backups = facts.kept.map { kept in
      ErasureStatement.Backup(
        id: kept.id, madeAt: kept.made, goneBy: kept.made.adding(seconds: (facts.retentionDays + 1) * 86_400))
    }
  }
}

extension Inventory {
  /// Days for which a backup without an end of its own is taken to be still there.
  private static let assumedDays = 31

  /// Backups on the installation's record that do not lie at the configured place: those made by hand have an end, which a daily round
  /// keeps; of one that outlives it nobody here can say when it goes.
  private mutating func addOthers(than facts: BackupFacts?, _ services: Services) async throws {
    let system = try await services.tenants.system()
    let since = services.now.adding(seconds: -Inventory.assumedDays * 86_400)
    let rows = try await services.ledger.read(system) { reader in
      try reader.rows(
        """
        SELECT id, made_at, kept_until FROM backup WHERE tenant = \(system) AND removed_at IS NULL
        AND (kept_until IS NOT NULL OR made_at >= \(since)) ORDER BY id
        """)
    }
    let known = Set(backups.map(\.id))
    for row in rows {
      guard let id = row[0].text, let made = row[1].integer, !known.contains(id) else { continue }
      // A day for the round that removes it. Past that nobody here can say.
      let end = row[2].integer.map { Instant(milliseconds: $0).adding(seconds: 86_400) }
      backups.append(
        ErasureStatement.Backup(
          id: id, madeAt: Instant(milliseconds: made), goneBy: end.flatMap { $0 > services.now ? $0 : nil }))
    }
  }
}

extension ErasureStatement.Told {
  init(_ disclosure: DisclosureRecord) {
    self.init(
      to: disclosure.destination, purpose: disclosure.purpose, at: disclosure.begunAt,
      outcome: disclosure.outcome.rawValue)
  }
}

// MARK: - JSON

extension Inventory {
  package var json: JSON {
    [
      "rows": .integer(rows), "files": .integer(files), "journal_images": .integer(images),
      "exports": .integer(exports), "subjects": .integer(subjects),
      "tables": .array(tables.map { ["table": .string($0.table), "rows": .integer($0.rows)] }),
      "backups": [
        "kept_days": backupsKeptDays.map(JSON.integer) ?? .null,
        "holding": .array(
          backups.map {
            ["id": .string($0.id), "made_at": .string($0.madeAt.description), "gone_by": JSON($0.goneBy?.description)]
          }
        ),
      ],
      "told": .array(
        told.map {
          [
            "to": .string($0.to), "purpose": .string($0.purpose), "at": .string($0.at.description),
            "outcome": .string($0.outcome),
          ]
        }),
      "remains": .array(remains.map { ["what": .string($0.what), "why": .string($0.why)] }),
      "objects": .array(objects.map(JSON.string)), "held": .bool(isHeld),
    ]
  }

  init(json: JSON) throws {
    func number(_ name: String) -> Int64 { Int64(json[name]?.integer ?? 0) }
    func instant(_ item: JSON, _ name: String) -> Instant? { item[name]?.string.flatMap { Instant($0) } }
    rows = number("rows")
    files = number("files")
    images = number("journal_images")
    exports = number("exports")
    subjects = number("subjects")
    tables = (json["tables"]?.array ?? []).map {
      ErasureStatement.TableCount(table: $0["table"]?.string ?? "", rows: Int64($0["rows"]?.integer ?? 0))
    }
    backupsKeptDays = json["backups"]?["kept_days"]?.integer.map(Int64.init)
    backups = (json["backups"]?["holding"]?.array ?? []).compactMap { item in
      instant(item, "made_at").map {
        ErasureStatement.Backup(id: item["id"]?.string ?? "", madeAt: $0, goneBy: instant(item, "gone_by"))
      }
    }
    told = (json["told"]?.array ?? []).compactMap { item in
      instant(item, "at").map {
        ErasureStatement.Told(
          to: item["to"]?.string ?? "", purpose: item["purpose"]?.string ?? "", at: $0,
          outcome: item["outcome"]?.string ?? "")
      }
    }
    remains = (json["remains"]?.array ?? []).map {
      ErasureStatement.Remaining(what: $0["what"]?.string ?? "", why: $0["why"]?.string ?? "")
    }
    objects = (json["objects"]?.array ?? []).compactMap(\.string)
    isHeld = json["held"]?.bool ?? false
  }
}
