import Kernel
import Storage

/// The switch of a frozen tenant: the row stands as long as the freeze. It lies among the tenant's own rows, so that whoever froze
/// it, when and why is on its record, and the write path finds it in the transaction it has to refuse.
package struct FreezeRecord: Record, Equatable {
  package static let table = Table(
    "tenant_freeze", .primary,
    columns: [
      Column("since", .integer, .operational, purpose: "when the tenant was frozen", nullable: false),
      Column("actor", .text, .key, purpose: "who froze it", nullable: false),
    ],
    sealed: [Column("reason", .text, .content, purpose: "why, in the words of whoever froze it", nullable: false)],
    retention: "until the freeze is lifted; the journal keeps the image")
  /// There is one row at most.
  package static let key = "freeze"

  package let since: Instant
  /// As in the entry: `person:<id>` or `system:operator`.
  package let actor: String
  package let reason: String

  package init(since: Instant, actor: Actor, reason: String) {
    self.since = since
    self.actor = actor.description
    self.reason = reason
  }

  package init(_ row: OpenedRow) throws {
    since = try row.instant("since")
    actor = try row.text("actor")
    reason = try row.contentText("reason")
  }

  package var key: String { FreezeRecord.key }
  package var plain: [String: Value] { ["since": since.value, "actor": .text(actor)] }
  package var content: [String: CBOR] { ["reason": .text(reason)] }
}

/// Acts that a freeze does not stop, with the reason that is published beside the promise.
package struct FreezeExemption: Sendable, Equatable {
  /// Names of acts: `noun.verb`, or `noun.*` for every act of a noun.
  package let acts: [String]
  /// What goes on, in a few words.
  package let what: String
  package let reason: String

  package init(_ acts: [String], what: String, reason: String) {
    self.acts = acts
    self.what = what
    self.reason = reason
  }
}

/// What the write path lets through while a tenant is frozen. Whatever is not named is refused.
package struct FreezeRule: Sendable, Equatable {
  package let exemptions: [FreezeExemption]

  package init(_ exemptions: [FreezeExemption]) { self.exemptions = exemptions }

  /// Nothing but the way out, and the tables without which there is no way in.
  package static let strict = FreezeRule([
    FreezeExemption(["freeze.lift"], what: "Lifting the freeze", reason: "A freeze must have an end."),
    FreezeExemption(
      ["erasure.reapply"], what: "Rows that come back although their keys were destroyed go again",
      reason: "Nobody could read them; a restore would not be whole otherwise."),
    FreezeExemption(["schema.apply"], what: "Migrations", reason: "A newer version could not open the data otherwise."),
  ])

  package func exempts(_ action: String) -> Bool {
    exemptions.contains { $0.acts.contains { FreezeRule.matches($0, action) } }
  }

  private static func matches(_ pattern: String, _ action: String) -> Bool {
    pattern.hasSuffix(".*") ? action.hasPrefix(pattern.dropLast()) : action == pattern
  }
}

extension Problem {
  package static let frozen = Problem(
    .frozen, "This organisation is frozen: nothing can be changed until an owner or the operator lifts the freeze.")
}
