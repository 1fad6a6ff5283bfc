import Kernel

/// What the final entry of an erasure says (docs/format.md §9.2).
package struct ErasureStatement: Sendable, Equatable {
  package struct Person: Sendable, Equatable {
    package let id: String
    package let name: String

    package init(id: String, name: String) {
      self.id = id
      self.name = name
    }

    package var json: JSON { ["id": .string(id), "name": .string(name)] }
  }

  package struct Confirmation: Sendable, Equatable {
    package let person: Person
    package let at: Instant

    package init(person: Person, at: Instant) {
      self.person = person
      self.at = at
    }
  }

  package struct Backup: Sendable, Equatable {
    package let id: String
    package let madeAt: Instant
    /// Nil: nobody has said how long it is kept.
    package let goneBy: Instant?

    package init(id: String, madeAt: Instant, goneBy: Instant?) {
      self.id = id
      self.madeAt = madeAt
      self.goneBy = goneBy
    }
  }

  /// Somebody outside who got something.
  package struct Told: Sendable, Equatable {
    package let to: String
    package let purpose: String
    package let at: Instant
    package let outcome: String

    package init(to: String, purpose: String, at: Instant, outcome: String) {
      self.to = to
      self.purpose = purpose
      self.at = at
      self.outcome = outcome
    }
  }

  package struct Remaining: Sendable, Equatable {
    package let what: String
    package let why: String

    package init(what: String, why: String) {
      self.what = what
      self.why = why
    }
  }

  package struct TableCount: Sendable, Equatable {
    package let table: String
    package let rows: Int64

    package init(table: String, rows: Int64) {
      self.table = table
      self.rows = rows
    }
  }

  package var id: String
  package var proposedAt: Instant
  package var startedAt: Instant
  package var finalAt: Instant
  package var tenant: String
  package var object: ErasedObject
  package var proposedBy: Person
  package var confirmedBy: [Confirmation]
  package var isSuppressed: Bool
  package var erased: ErasedCounts
  package var tables: [TableCount]
  package var epochBefore: Int64
  package var epochAfter: Int64
  package var copies: [KeyCopyEnd]
  package var backupsKeptDays: Int64?
  package var backups: [Backup]
  package var told: [Told]
  package var remains: [Remaining]

  package init(
    id: String, proposedAt: Instant, startedAt: Instant, finalAt: Instant, tenant: String, object: ErasedObject,
    proposedBy: Person, confirmedBy: [Confirmation], isSuppressed: Bool, erased: ErasedCounts,
    tables: [TableCount], epochBefore: Int64, epochAfter: Int64, copies: [KeyCopyEnd], backupsKeptDays: Int64?,
    backups: [Backup], told: [Told], remains: [Remaining]
  ) {
    self.id = id
    self.proposedAt = proposedAt
    self.startedAt = startedAt
    self.finalAt = finalAt
    self.tenant = tenant
    self.object = object
    self.proposedBy = proposedBy
    self.confirmedBy = confirmedBy
    self.isSuppressed = isSuppressed
    self.erased = erased
    self.tables = tables
    self.epochBefore = epochBefore
    self.epochAfter = epochAfter
    self.copies = copies
    self.backupsKeptDays = backupsKeptDays
    self.backups = backups
    self.told = told
    self.remains = remains
  }

  /// What an auditor can try again, with the installation in front of them.
  package static let rerun = [
    "Verify this record offline: steward-verify erasure --key steward.vkey FILE.",
    "Verify the whole record of the organisation: steward audit verify --keys. It holds although rows and images are gone.",
    "Open a copy of the data or a backup from before the erasure with today's keys: what was erased does not open, every other row does.",
    "Let the operator show which places of keys the names here mean (steward doctor), and search each for the file of the epoch key before: it is gone.",
    "Make a receipt or certificate from before the erasure and verify it: it holds.",
  ]

  package static let limits = [
    "That the bytes of a key were overwritten where they lay is the installation's word; a copy that somebody made of the key store by hand is not known to it.",
    "What left the installation before, such as a certificate that was downloaded or a mail that was sent, is where it went.",
    "Plain ids, times and counts stay on the record: they are what the proofs are made of.",
  ]
}

// MARK: - JSON

extension ErasureStatement {
  package static let format = "steward.erasure/1"

  package var json: JSON {
    [
      "type": "erasure", "format": .string(ErasureStatement.format),
      "erasure": [
        "id": .string(id), "proposed_at": .string(proposedAt.description),
        "started_at": .string(startedAt.description), "final_at": .string(finalAt.description),
      ],
      "tenant": ["id": .string(tenant)], "object": object.json, "proposed_by": proposedBy.json,
      "confirmed_by": .array(confirmedBy.map(\.json)), "suppressed": .bool(isSuppressed),
      "erased": [
        "rows": .integer(erased.rows), "files": .integer(erased.files), "journal_images": .integer(erased.images),
        "subjects": .integer(erased.subjects),
      ],
      "tables": .array(tables.map { ["table": .string($0.table), "rows": .integer($0.rows)] }),
      "keys": [
        "epoch_before": .integer(epochBefore), "epoch_after": .integer(epochAfter),
        "copies": .array(copies.map(\.json)),
      ],
      "backups": ["kept_days": backupsKeptDays.map(JSON.integer) ?? .null, "holding": .array(backups.map(\.json))],
      "told": .array(told.map(\.json)),
      "remains": .array(remains.map { ["what": .string($0.what), "why": .string($0.why)] }),
      "rerun": .array(ErasureStatement.rerun.map(JSON.string)),
      "limits": .array(ErasureStatement.limits.map(JSON.string)),
    ]
  }
}

extension ErasureStatement.Confirmation {
  var json: JSON { ["id": .string(person.id), "name": .string(person.name), "at": .string(at.description)] }
}

extension ErasureStatement.Backup {
  var json: JSON {
    ["id": .string(id), "made_at": .string(madeAt.description), "gone_by": JSON(goneBy?.description)]
  }
}

extension ErasureStatement.Told {
  var json: JSON {
    [
      "to": .string(to), "purpose": .string(purpose), "at": .string(at.description), "outcome": .string(outcome),
    ]
  }
}

// MARK: - Reading

extension ErasureStatement {
  private static let members = [
    "type", "format", "erasure", "tenant", "object", "proposed_by", "confirmed_by", "suppressed", "erased", "tables",
    "keys", "backups", "told", "remains", "rerun", "limits",
  ]

  /// Tables that a statement may name.
  static let maximumTables = 1_000

  /// Reads strictly; `rerun` and `limits` may say more than this version would.
  init(strict json: JSON) throws {
    let all = try StrictObject(json, ErasureStatement.members, "the statement")
    try all.check("type", is: "erasure")
    try all.check("format", is: ErasureStatement.format)
    let times = try StrictObject(
      all.json("erasure"), ["id", "proposed_at", "started_at", "final_at"], "the erasure in the statement")
    let erased = try StrictObject(
      all.json("erased"), ["rows", "files", "journal_images", "subjects"], "what was erased")
    let keys = try StrictObject(all.json("keys"), ["epoch_before", "epoch_after", "copies"], "the keys")
    let backups = try StrictObject(all.json("backups"), ["kept_days", "holding"], "the backups")
    let tables = try all.list("tables").map(TableCount.init(strict:))
    guard tables.count <= ErasureStatement.maximumTables, Set(tables.map(\.table)).count == tables.count else {
      throw BundleError("the statement names a table twice, or more than \(ErasureStatement.maximumTables) of them")
    }
    let proposer = try PersonRef(strict: all.json("proposed_by"), "proposed_by")
    guard try !all.texts("rerun").isEmpty, try !all.texts("limits").isEmpty else {
      throw BundleError("the statement does not say what it does not claim")
    }
    self.init(
      id: try times.text("id"), proposedAt: try ErasureFact.instant(times, "proposed_at"),
      startedAt: try ErasureFact.instant(times, "started_at"), finalAt: try ErasureFact.instant(times, "final_at"),
      tenant: try StrictObject(all.json("tenant"), ["id"], "the tenant").text("id"),
      object: try ErasedObject(strict: all.json("object")), proposedBy: Person(id: proposer.id, name: proposer.name),
      confirmedBy: try all.list("confirmed_by").map(Confirmation.init(strict:)),
      isSuppressed: try all.bool("suppressed"),
      erased: ErasedCounts(
        rows: try erased.integer("rows"), files: try erased.integer("files"),
        images: try erased.integer("journal_images"), subjects: try erased.integer("subjects")),
      tables: tables, epochBefore: try keys.integer("epoch_before"),
      epochAfter: try keys.integer("epoch_after"),
      copies: try keys.list("copies").map { try KeyCopyEnd(strict: $0, ended: true) },
      backupsKeptDays: backups.json("kept_days").isNull ? nil : try backups.integer("kept_days"),
      backups: try backups.list("holding").map(Backup.init(strict:)),
      told: try all.list("told").map(Told.init(strict:)),
      remains: try all.list("remains").map(Remaining.init(strict:)))
  }
}

extension ErasureStatement.Confirmation {
  fileprivate init(strict json: JSON) throws {
    let object = try StrictObject(json, ["id", "name", "at"], "a confirmation")
    self.init(
      person: ErasureStatement.Person(id: try object.text("id"), name: try object.text("name")),
      at: try ErasureFact.instant(object, "at"))
  }
}

extension ErasureStatement.TableCount {
  fileprivate init(strict json: JSON) throws {
    let object = try StrictObject(json, ["table", "rows"], "a table in the statement")
    self.init(table: try object.text("table"), rows: try object.integer("rows"))
  }
}

extension ErasureStatement.Backup {
  fileprivate init(strict json: JSON) throws {
    let object = try StrictObject(json, ["id", "made_at", "gone_by"], "a backup")
    self.init(
      id: try object.text("id"), madeAt: try ErasureFact.instant(object, "made_at"),
      goneBy: object.json("gone_by").isNull ? nil : try ErasureFact.instant(object, "gone_by"))
  }
}

extension ErasureStatement.Told {
  fileprivate init(strict json: JSON) throws {
    let object = try StrictObject(json, ["to", "purpose", "at", "outcome"], "a disclosure")
    self.init(
      to: try object.text("to"), purpose: try object.text("purpose"), at: try ErasureFact.instant(object, "at"),
      outcome: try object.text("outcome"))
  }
}

extension ErasureStatement.Remaining {
  fileprivate init(strict json: JSON) throws {
    let object = try StrictObject(json, ["what", "why"], "something that remains")
    self.init(what: try object.text("what"), why: try object.text("why"))
  }
}
