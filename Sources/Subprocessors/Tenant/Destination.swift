import Platform

package enum ChosenDestination {}
package typealias DestinationID = ID<ChosenDestination>

/// A place that a tenant chose itself: no sub-processor of ours, but theirs.
package struct Destination: Sendable, Equatable {
  package let id: DestinationID
  package let endpoint: Endpoint
  package let purpose: String
  package let categories: [DataCategory]
  package let addedAt: Instant

  package var reference: String { "destination:\(id)" }

  /// Per tenant.
  package static let maximum = 100
}

extension Destination: Record {
  package static let table = Table(
    "chosen_destination", .primary,
    columns: [Column("added_at", .integer, .operational, purpose: "when it was chosen", nullable: false)],
    sealed: [
      Column("endpoint", .text, .content, purpose: "host and port that may be called for the customer"),
      Column("purpose", .text, .content, purpose: "what for, as the gate names it"),
      Column("categories", .text, .content, purpose: "which kinds of data may go there"),
    ], retention: "until the customer takes it back or leaves")

  package init(_ row: OpenedRow) throws {
    id = try row.keyID()
    guard let endpoint = Endpoint(try row.contentText("endpoint")) else {
      throw Problem(.internal, "A stored destination cannot be read.", detail: row.key)
    }
    self.endpoint = endpoint
    purpose = try row.contentText("purpose")
    categories = row.contentTexts("categories").compactMap(DataCategory.init(rawValue:))
    addedAt = try row.instant("added_at")
  }

  package var key: String { id.text }
  package var plain: [String: Value] { ["added_at": addedAt.value] }
  package var content: [String: CBOR] {
    [
      "endpoint": .text(endpoint.description), "purpose": .text(purpose),
      "categories": .array(categories.map { .text($0.rawValue) }),
    ]
  }
}
