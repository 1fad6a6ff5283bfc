import Kernel
import Ledger
import Storage

package enum Disclosed {}
package typealias DisclosureID = ID<Disclosed>

/// One time something left, or may have left: to whom, what for, how much of what. Written before the act, completed after it;
/// a row that was never completed is an act whose end nobody saw.
package struct DisclosureRecord: Record {
  package enum Outcome: String, Sendable {
    /// Written before the act.
    case begun
    /// The other side has it.
    case done
    /// The other side did not take it, or was not reached: nothing of the content was handed over for good.
    case refused
    /// It may have it: the connection broke, or the process ended, at the wrong moment.
    case unknown
  }

  package static let table = Table(
    "egress_disclosure", .primary,
    columns: [
      Column("module", .text, .operational, purpose: "which part of the product sent it", nullable: false),
      Column("destination", .text, .operational, purpose: "who got it, as in the register", nullable: false),
      Column("purpose", .text, .operational, purpose: "what for, as in the register", nullable: false),
      Column("categories", .text, .operational, purpose: "what kinds of data", nullable: false),
      Column("item_count", .integer, .operational, purpose: "how many records or messages", nullable: false),
      Column("byte_count", .integer, .operational, purpose: "how many bytes", nullable: false),
      Column("outcome", .text, .operational, purpose: "begun, done, refused or unknown", nullable: false),
      Column("begun_at", .integer, .operational, purpose: "when it was about to leave", nullable: false),
      Column("ended_at", .integer, .operational, purpose: "when the outcome was known"),
    ],
    sealed: [
      Column("place", .text, .content, purpose: "host and port"),
      Column("sha256", .bytes, .content, purpose: "digest of the bytes that left"),
    ], indexes: [Index(["outcome"])], retention: "as long as the tenant")

  package let id: DisclosureID
  package let module: String
  package let destination: String
  package let purpose: String
  package let categories: [String]
  package let itemCount: Int
  package var byteCount: Int
  package let place: String
  package var sha256: Digest
  package let begunAt: Instant
  package var outcome: Outcome = .begun
  package var endedAt: Instant?

  init(_ permit: EgressPermit, bytes: [UInt8], at now: Instant) {
    id = permit.id
    module = permit.intent.module
    destination = permit.destination
    purpose = permit.intent.purpose
    categories = permit.intent.categories
    itemCount = permit.intent.count
    byteCount = bytes.count
    place = "\(permit.intent.host):\(permit.intent.port)"
    sha256 = Digest(sha256: bytes)
    begunAt = now
  }

  package init(_ row: OpenedRow) throws {
    id = try row.keyID()
    module = try row.text("module")
    destination = try row.text("destination")
    purpose = try row.text("purpose")
    categories = try row.text("categories").split(separator: ",").map(String.init)
    itemCount = Int(try row.integer("item_count"))
    byteCount = Int(try row.integer("byte_count"))
    outcome = Outcome(rawValue: try row.text("outcome")) ?? .unknown
    begunAt = try row.instant("begun_at")
    endedAt = row.optionalInstant("ended_at")
    place = try row.contentText("place")
    sha256 = try row.contentDigest("sha256")
  }

  package var key: String { id.text }
  package var plain: [String: Value] {
    [
      "module": .text(module), "destination": .text(destination), "purpose": .text(purpose),
      "categories": .text(categories.joined(separator: ",")), "item_count": itemCount.value,
      "byte_count": byteCount.value, "outcome": .text(outcome.rawValue), "begun_at": begunAt.value,
      "ended_at": endedAt.value,
    ]
  }
  package var content: [String: CBOR] { ["place": .text(place), "sha256": .bytes(sha256.bytes)] }
}
