import Kernel
import Storage

/// Keeps an object from being erased as long as the row stands. Its key is the object, such as `case:<id>`.
package struct LegalHold: Record, Equatable {
  package static let table = Table(
    "legal_hold", .primary,
    columns: [
      Column("object", .text, .key, purpose: "what is held", nullable: false),
      Column("since", .integer, .operational, purpose: "when the hold was placed", nullable: false),
      Column("actor", .text, .key, purpose: "who placed it", nullable: false),
    ],
    sealed: [Column("reason", .text, .content, purpose: "why, in the words of whoever placed it", nullable: false)],
    retention: "until the hold is lifted; the journal keeps the image")

  package let object: String
  package let since: Instant
  /// As in the entry: `person:<id>`.
  package let actor: String
  package let reason: String

  init(object: ObjectRef, since: Instant, actor: Actor, reason: String) {
    self.object = object.description
    self.since = since
    self.actor = actor.description
    self.reason = reason
  }

  package init(_ row: OpenedRow) throws {
    object = try row.text("object")
    since = try row.instant("since")
    actor = try row.text("actor")
    reason = try row.contentText("reason")
  }

  package var key: String { object }
  package var plain: [String: Value] { ["object": .text(object), "since": since.value, "actor": .text(actor)] }
  package var content: [String: CBOR] { ["reason": .text(reason)] }
}

extension Reader {
  package func isHeld(_ object: ObjectRef) throws -> Bool {
    try storedRow(LegalHold.table, object.description) != nil
  }
}

extension Work {
  /// Nothing of the object can be erased until the hold is lifted. Who may do this is for the caller to ask. Throws `Problem.conflict` if
  /// it is held already, and once the end of the tenant has begun.
  package func hold(_ object: ObjectRef, reason: String) throws {
    guard try !isEnding else {
      throw Problem(.conflict, "The erasure of this organisation has begun; no hold can keep it any more.")
    }
    try insert(LegalHold(object: object, since: now, actor: actor, reason: reason))
  }

  /// Throws `Problem.notFound` if it is not held.
  package func liftHold(_ object: ObjectRef) throws { try delete(LegalHold.self, object.description) }
}
