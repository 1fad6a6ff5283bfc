import Certificate
import Custody
import Platform

package enum ErasureNoun {}
package typealias ErasureID = ID<ErasureNoun>

/// One erasure from its proposal to its end. It survives what it erases: what it keeps names ids, counts, times and places of keys, the
/// people who asked for it, and the reason in their words.
package struct Erasure: Record, Equatable {
  package enum State: String, Sendable, CaseIterable {
    /// Somebody may still think better of it; nothing has happened.
    case proposed
    /// It cannot be taken back.
    case started
    /// The rows are gone; a place that holds keys could not be reached.
    case pending
    case final
    case withdrawn

    /// Whether it still has to be carried on.
    package var isUnderway: Bool { self == .started || self == .pending }
  }

  package struct Person: Sendable, Equatable {
    package let id: PersonID
    package let name: String

    package init(id: PersonID, name: String) {
      self.id = id
      self.name = name
    }

    var json: JSON { ["id": .string(id.text), "name": .string(name)] }
  }

  /// Where its ciphertext may still lie; nothing opens it in any case.
  package enum Ciphertext: String, Sendable, CaseIterable {
    /// In no file of the installation.
    case gone
    /// Pieces of it in unused parts of a database file that is too large to be written anew at once.
    case waiting
    /// In the files of a PostgreSQL server, whose owner has to write them anew.
    case database
  }

  package static let table = Table(
    "erasure", .primary, version: 2,
    columns: [
      Column("object_type", .text, .operational, purpose: "what kind of thing it is", nullable: false),
      Column("object_id", .text, .key, purpose: "which one", nullable: false),
      Column("state", .text, .operational, purpose: "how far it is", nullable: false),
      Column("suppress", .integer, .operational, purpose: "1 if it must not come back", nullable: false),
      Column("confirmations", .integer, .operational, purpose: "how often it was confirmed", nullable: false),
      Column("rows", .integer, .operational, purpose: "rows that went", nullable: false),
      Column("files", .integer, .operational, purpose: "files that went", nullable: false),
      Column("images", .integer, .operational, purpose: "before images that went", nullable: false),
      Column("proposed_at", .integer, .operational, purpose: "when it was proposed", nullable: false),
      Column("proposed_by", .text, .key, purpose: "who did", nullable: false),
      Column("started_at", .integer, .operational, purpose: "when the rows began to go"),
      Column("final_at", .integer, .operational, purpose: "when the last copy of the keys had ended everywhere"),
      Column("ciphertext", .text, .operational, purpose: "where pieces of the ciphertext may still lie"),
      Column("cleared_at", .integer, .operational, purpose: "since when they lie in no file"),
    ],
    sealed: [
      Column("reason", .text, .content, purpose: "why, in the words of whoever asked for it", nullable: false),
      Column("inventory", .text, .content, purpose: "what was shown before", nullable: false),
      Column("progress", .text, .content, purpose: "who confirmed it, which keys have to go, where they ended"),
    ], indexes: [Index(["state"]), Index(["object_type", "object_id"])],
    retention: "as long as somebody may ask what became of it",
    upgrades: [Table.Upgrade(to: 2, [.addColumn("ciphertext"), .addColumn("cleared_at")])])

  /// Ids of those that were begun and are not over, as they stand in the plain columns; for whoever verifies.
  package static func underway(_ connection: Connection, _ tenant: TenantID) throws -> Set<String> {
    guard try connection.hasTable(table.name) else { return [] }
    let states = State.allCases.filter(\.isUnderway).map { Value.text($0.rawValue) }
    let rows = try connection.rows(
      raw: "SELECT id FROM erasure WHERE tenant = ? AND state IN (?, ?)", [.text(tenant.text)] + states)
    return Set(rows.compactMap { $0[0].text })
  }

  package let id: ErasureID
  package let target: ErasureTarget
  package let suppress: Bool
  package let reason: String
  package let proposedAt: Instant
  package let proposedBy: Person
  package var inventory: Inventory
  package var state = State.proposed
  package var progress = Progress()
  package var erased = ErasedCounts()
  package var startedAt: Instant?
  package var finalAt: Instant?
  /// Nil before it is final.
  package var ciphertext: Ciphertext?
  package var clearedAt: Instant?

  init(
    id: ErasureID, target: ErasureTarget, suppress: Bool, reason: String, by person: Person, at now: Instant,
    inventory: Inventory
  ) {
    self.id = id
    self.target = target
    self.suppress = suppress
    self.reason = reason
    proposedAt = now
    proposedBy = person
    self.inventory = inventory
  }

  package init(_ row: OpenedRow) throws {
    id = try row.keyID()
    guard let kind = ErasureTarget.Kind(rawValue: try row.text("object_type")),
      let state = State(rawValue: try row.text("state"))
    else { throw Problem(.internal, "A stored erasure is of a kind that is not known.", detail: row.key) }
    target = ErasureTarget(kind, try row.text("object_id"))
    self.state = state
    suppress = try row.integer("suppress") == 1
    erased = ErasedCounts(
      rows: try row.integer("rows"), files: try row.integer("files"), images: try row.integer("images"))
    proposedAt = try row.instant("proposed_at")
    startedAt = row.optionalInstant("started_at")
    finalAt = row.optionalInstant("final_at")
    ciphertext = row.optionalText("ciphertext").flatMap(Ciphertext.init)
    clearedAt = row.optionalInstant("cleared_at")
    reason = try row.contentText("reason")
    inventory = try Inventory(json: JSON.parse(try row.contentText("inventory")))
    progress = try Progress(json: JSON.parse(try row.contentText("progress")))
    proposedBy = Person(id: try row.id("proposed_by"), name: progress.proposer)
  }

  package var key: String { id.text }
  package var ref: ObjectRef { ObjectRef("erasure", id) }

  package var plain: [String: Value] {
    [
      "object_type": .text(target.kind.rawValue), "object_id": .text(target.id), "state": .text(state.rawValue),
      "suppress": suppress.value, "confirmations": progress.confirmed.count.value, "rows": erased.rows.value,
      "files": erased.files.value, "images": erased.images.value, "proposed_at": proposedAt.value,
      "proposed_by": proposedBy.id.value, "started_at": startedAt.value, "final_at": finalAt.value,
      "ciphertext": ciphertext.map { .text($0.rawValue) } ?? .null, "cleared_at": clearedAt.value,
    ]
  }

  package var content: [String: CBOR] {
    var progress = progress
    progress.proposer = proposedBy.name
    return [
      "reason": .text(reason), "inventory": .text(inventory.json.text), "progress": .text(progress.json.text),
    ]
  }

  /// Keys that have to go, or went. Of a tenant, which ends with all its keys, as many as were counted before.
  var subjectCount: Int64 { target.kind == .tenant ? inventory.subjects : Int64(progress.subjects.count) }

  /// How many confirmations it takes, each in a request of its own.
  package var confirmationsNeeded: Int { target.kind == .tenant ? 2 : 1 }
  package var nextConfirmation: Int { progress.confirmed.count + 1 }
}

extension Erasure {
  /// What has happened so far, beyond what the columns say.
  package struct Progress: Sendable, Equatable {
    package struct Confirmation: Sendable, Equatable {
      package let person: Person
      package let at: Instant
    }

    var proposer = ""
    /// Nobody asked for it by hand: its time in the trash ended.
    package var isOfTrash = false
    package var confirmed: [Confirmation] = []
    /// Keys whose rows are still there.
    package var left: [Int64] = []
    /// Keys that have to go, or went.
    package var subjects: [Int64] = []
    package var tables: [String: Int64] = [:]
    package var keys: KeyEnds?

    init() {}

    init(json: JSON) throws {
      proposer = json["proposer"]?.string ?? ""
      isOfTrash = json["of_trash"]?.bool ?? false
      confirmed = (json["confirmed"]?.array ?? []).compactMap { item in
        guard let id = item["id"]?.string.flatMap({ PersonID($0) }),
          let at = item["at"]?.string.flatMap({ Instant($0) })
        else { return nil }
        return Confirmation(person: Person(id: id, name: item["name"]?.string ?? ""), at: at)
      }
      left = (json["left"]?.array ?? []).compactMap { $0.integer.map(Int64.init) }
      subjects = (json["subjects"]?.array ?? []).compactMap { $0.integer.map(Int64.init) }
      tables = (json["tables"]?.object ?? [:]).compactMapValues { $0.integer.map(Int64.init) }
      keys = KeyEnds(json: json["keys"])
    }

    var json: JSON {
      [
        "proposer": .string(proposer), "of_trash": .bool(isOfTrash),
        "confirmed": .array(
          confirmed.map {
            [
              "id": .string($0.person.id.text), "name": .string($0.person.name), "at": .string($0.at.description),
            ]
          }),
        "left": .array(left.map(JSON.integer)), "subjects": .array(subjects.map(JSON.integer)),
        "tables": .object(tables.mapValues(JSON.integer)), "keys": keys?.json ?? .null,
      ]
    }
  }
}

/// Where the keys were, and when each copy ended.
package struct KeyEnds: Sendable, Equatable {
  package struct Copy: Sendable, Equatable {
    package let place: String
    package let isLive: Bool
    package let endedAt: Instant?
    /// What stands in the way of it.
    package let obstacle: String?

    var end: KeyCopyEnd { KeyCopyEnd(place: place, isLive: isLive, endedAt: endedAt) }

    var json: JSON {
      var json = end.json.object ?? [:]
      json["obstacle"] = JSON(obstacle)
      return .object(json)
    }
  }

  package let epochBefore: Int64
  package let epochAfter: Int64
  package let copies: [Copy]

  package var isComplete: Bool { !copies.isEmpty && copies.allSatisfy { $0.endedAt != nil } }
  package var lastEnd: Instant? { copies.compactMap(\.endedAt).max() }

  init(epochBefore: Int64, epochAfter: Int64, copies: [Copy]) {
    self.epochBefore = epochBefore
    self.epochAfter = epochAfter
    self.copies = copies
  }

  /// What was learned now, over what was known: an end that was seen stays when it was, and a place that was named stays too. Whoever takes
  /// a replica off the list before its keys have ended there gives it up; he does not destroy it.
  /// Places go by their labels from here on: whoever reads this need not know where somebody else's disks are.
  init(_ destruction: KeyDestruction, over known: KeyEnds?, installation: String) {
    let ends = Dictionary((known?.copies ?? []).map { ($0.place, $0.endedAt) }, uniquingKeysWith: { first, _ in first })
    let named = destruction.copies.map { copy in
      (KeyPlaceLabel.text(copy.place, isLive: copy.isLive, installation: installation), copy)
    }
    let asked = Set(named.map(\.0))
    let leftOut = (known?.copies ?? []).filter { !asked.contains($0.place) }.map { copy in
      Copy(
        place: copy.place, isLive: false, endedAt: copy.endedAt,
        obstacle: copy.endedAt == nil ? KeyEnds.givenUp : nil)
    }
    self.init(
      epochBefore: known?.epochBefore ?? destruction.epochBefore,
      epochAfter: max(known?.epochAfter ?? 0, destruction.epochAfter),
      copies: leftOut
        + named.map { place, copy in
          let end = (ends[place] ?? nil) ?? copy.endedAt
          return Copy(place: place, isLive: copy.isLive, endedAt: end, obstacle: end == nil ? KeyEnds.obstacle : nil)
        })
  }

  private static let givenUp =
    "This replica was taken off the list before its keys had ended there. Bring it back at its place with --keys-replica; until then the erasure is not final."

  /// What exactly it is names places; `steward doctor` tells the operator.
  private static let obstacle =
    "It cannot be reached, or did not take the change. It is tried again until it does; the operator sees more with steward doctor."

  init?(json: JSON?) {
    guard let json, let before = json["epoch_before"]?.integer, let after = json["epoch_after"]?.integer else {
      return nil
    }
    self.init(
      epochBefore: Int64(before), epochAfter: Int64(after),
      copies: (json["copies"]?.array ?? []).map { copy in
        Copy(
          place: copy["place"]?.string ?? "", isLive: copy["live"]?.bool ?? false,
          endedAt: copy["ended_at"]?.string.flatMap { Instant($0) }, obstacle: copy["obstacle"]?.string)
      })
  }

  var json: JSON {
    [
      "epoch_before": .integer(epochBefore), "epoch_after": .integer(epochAfter),
      "copies": .array(copies.map(\.json)),
    ]
  }

  /// As a fact, without what only the operator needs.
  func fact(subjects: Int64) -> JSON {
    [
      "type": "destruction", "subjects": .integer(subjects), "epoch_before": .integer(epochBefore),
      "epoch_after": .integer(epochAfter),
      "copies": .array(copies.map(\.end.json)),
    ]
  }
}
