import Certificate
import Platform

/// The facts to which the entries of an erasure commit (docs/format.md §9.1).
enum Fact {
  static func proposal(_ erasure: Erasure) -> JSON {
    [
      "type": "proposal", "object": erasure.target.json, "person": erasure.proposedBy.json,
      "suppress": .bool(erasure.suppress), "rows": .integer(erasure.inventory.rows),
      "files": .integer(erasure.inventory.files),
    ]
  }

  /// The last confirmation.
  static func confirmation(_ erasure: Erasure) -> JSON {
    [
      "type": "confirmation", "person": erasure.progress.confirmed.last?.person.json ?? .null,
      "number": .integer(Int64(erasure.progress.confirmed.count)),
      "of": .integer(Int64(erasure.confirmationsNeeded)),
    ]
  }

  static func taken(_ counts: ErasedCounts, isFirst: Bool) -> JSON {
    [
      "type": isFirst ? "start" : "part", "rows": .integer(counts.rows), "files": .integer(counts.files),
      "images": .integer(counts.images), "subjects": .integer(counts.subjects),
    ]
  }

  static func statement(_ erasure: Erasure, tenant: TenantID, at now: Instant) throws -> JSON {
    guard let keys = erasure.progress.keys, let startedAt = erasure.startedAt else {
      throw Problem(.internal, "An erasure cannot be final before its keys have ended.", detail: erasure.key)
    }
    func person(_ person: Erasure.Person) -> ErasureStatement.Person {
      ErasureStatement.Person(id: person.id.text, name: person.name)
    }
    let inventory = erasure.inventory
    var erased = erasure.erased
    erased.subjects = erasure.subjectCount
    return ErasureStatement(
      id: erasure.id.text, proposedAt: erasure.proposedAt, startedAt: startedAt, finalAt: now, tenant: tenant.text,
      object: ErasedObject(type: erasure.target.kind.rawValue, id: erasure.target.id),
      proposedBy: person(erasure.proposedBy),
      confirmedBy: erasure.progress.confirmed.map {
        ErasureStatement.Confirmation(person: person($0.person), at: $0.at)
      }, isSuppressed: erasure.suppress, erased: erased,
      tables: erasure.progress.tables.map { ErasureStatement.TableCount(table: $0.key, rows: $0.value) }
        .sorted { $0.table < $1.table }, epochBefore: keys.epochBefore, epochAfter: keys.epochAfter,
      copies: keys.copies.map(\.end), backupsKeptDays: inventory.backupsKeptDays, backups: inventory.backups,
      told: inventory.told, remains: inventory.remains
    ).json
  }
}

extension ErasureTarget {
  var json: JSON { ["type": .string(kind.rawValue), "id": .string(id)] }
}
