import Platform

package enum NoticeNoun {}

/// A notice to one owner, in the tenant that it went to. What became of it stands in that tenant's outbox.
struct Notice: Record, Equatable {
  static let table = Table(
    "subprocessor_notice", .primary,
    columns: [
      Column("subprocessor", .text, .key, purpose: "whom it announces", nullable: false),
      Column("announcement", .text, .key, purpose: "which round it belongs to", nullable: false),
      Column("person", .text, .key, purpose: "which owner it went to", nullable: false),
      Column("message", .text, .key, purpose: "the message in the outbox", nullable: false),
      Column("posted_at", .integer, .operational, purpose: "when it was put there", nullable: false),
    ], indexes: [Index(["announcement"])], retention: "as long as the tenant")

  let id: ID<NoticeNoun>
  let provider: SubprocessorID
  let announcement: AnnouncementID
  let person: PersonID
  /// A later message if an earlier one could not be sent.
  var message: MessageID
  var postedAt: Instant

  init(
    id: ID<NoticeNoun>, provider: SubprocessorID, announcement: AnnouncementID, person: PersonID, message: MessageID,
    postedAt: Instant
  ) {
    self.id = id
    self.provider = provider
    self.announcement = announcement
    self.person = person
    self.message = message
    self.postedAt = postedAt
  }

  init(_ row: OpenedRow) throws {
    self.init(
      id: try row.keyID(), provider: try row.id("subprocessor"), announcement: try row.id("announcement"),
      person: try row.id("person"), message: try row.id("message"), postedAt: try row.instant("posted_at"))
  }

  var key: String { id.text }
  var plain: [String: Value] {
    [
      "subprocessor": provider.value, "announcement": announcement.value, "person": person.value,
      "message": message.value, "posted_at": postedAt.value,
    ]
  }
  var content: [String: CBOR] { [:] }
}

/// How far a tenant's owners have been told. Pure: what the outbox says is handed in.
package struct NoticeStanding: Sendable, Equatable {
  /// What became of one notice.
  package enum Delivery: Sendable, Equatable {
    /// The mail server has taken it.
    case sent(Instant)
    case waiting
    /// Somebody has to do something first, such as setting up mail. A notice that could only be shown is such a one.
    case held
    case failed
  }

  /// Somebody who holds the clock up.
  package struct Missing: Sendable, Equatable {
    package enum Reason: String, Sendable {
      case noOwner = "no active owner"
      case notPosted = "not posted"
      case waiting = "waiting to be sent"
      case held = "held in the outbox"
      case failed = "cannot be sent"
    }

    package let tenant: String
    /// Nil if the tenant has nobody to write to.
    package let person: PersonID?
    package let reason: Reason
  }

  /// When the last notice was sent; nil while somebody is missing.
  package let completeAt: Instant?
  package let missing: [Missing]
  package let sent: Int

  /// One tenant: every owner of today must have been told, and at least one person in any case. Who is no owner any more counts only
  /// if nobody else was told.
  static func of(
    tenant: String, owners: [PersonID], deliveries: [PersonID: Delivery]
  ) -> NoticeStanding {
    let sent = deliveries.values.compactMap { if case .sent(let at) = $0 { at } else { nil } }
    var missing = owners.compactMap { person -> Missing? in
      switch deliveries[person] {
      case .sent: nil
      // Who became an owner after the notices went out finds the list on the page.
      case nil: sent.isEmpty ? Missing(tenant: tenant, person: person, reason: .notPosted) : nil
      case .waiting: Missing(tenant: tenant, person: person, reason: .waiting)
      case .held: Missing(tenant: tenant, person: person, reason: .held)
      case .failed: Missing(tenant: tenant, person: person, reason: .failed)
      }
    }
    if sent.isEmpty, missing.isEmpty { missing = [Missing(tenant: tenant, person: nil, reason: .noOwner)] }
    return NoticeStanding(completeAt: missing.isEmpty ? sent.max() : nil, missing: missing, sent: sent.count)
  }

  /// All tenants together: complete when the last one is. Without any there is nobody to wait for since `begun`.
  static func of(_ tenants: [NoticeStanding], begun: Instant) -> NoticeStanding {
    let missing = tenants.flatMap(\.missing)
    return NoticeStanding(
      completeAt: missing.isEmpty ? tenants.compactMap(\.completeAt).max() ?? begun : nil, missing: missing,
      sent: tenants.reduce(0) { $0 + $1.sent })
  }
}
