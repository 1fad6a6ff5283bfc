import Platform

/// A provider as stored. It stands in the installation's own tenant, so that every change is an entry of its log.
extension Provider: Record {
  package static let table = Table(
    "subprocessor", .primary,
    columns: [
      Column("kind", .text, .operational, purpose: "whether it is another party", nullable: false),
      Column("state", .text, .operational, purpose: "whether data may go there", nullable: false),
      Column("ground", .text, .operational, purpose: "on what ground it started"),
      Column("announcement", .text, .key, purpose: "names the notices that were sent"),
      Column("announced_at", .integer, .operational, purpose: "when customers began to be told"),
      Column("notified_at", .integer, .operational, purpose: "when the last notice was sent"),
      Column("active_since", .integer, .operational, purpose: "when it last started"),
      Column("contract_expires", .text, .operational, purpose: "last day of the contract"),
    ],
    sealed: [
      Column("name", .text, .content, purpose: "how the provider is called"),
      Column("entity", .text, .content, purpose: "its legal entity"),
      Column("address", .text, .content, purpose: "where it sits"),
      Column("contact", .text, .content, purpose: "how it is reached"),
      Column("description", .text, .content, purpose: "what it does for us"),
      Column("purposes", .text, .content, purpose: "what the gate lets through to it"),
      Column("categories", .text, .content, purpose: "which kinds of data it gets"),
      Column("region", .text, .content, purpose: "where it processes them"),
      Column("hosts", .text, .content, purpose: "where it may be reached"),
      Column("contract_dated", .text, .content, purpose: "when the contract was signed"),
      Column("contract_clauses", .text, .content, purpose: "what the contract settles"),
      Column("contract_reference", .text, .content, purpose: "where the contract lies"),
    ], retention: "always: the list is published with its history")

  package init(_ row: OpenedRow) throws {
    let damaged = Problem(.internal, "A stored provider cannot be read.", detail: row.key)
    guard let kind = Kind(rawValue: try row.text("kind")), let state = State(rawValue: try row.text("state")),
      let region = Region(try row.contentText("region"))
    else { throw damaged }
    let details = ProviderDetails(
      kind: kind, name: try row.contentText("name"), entity: try row.contentText("entity"),
      address: try row.contentText("address"), contact: try row.contentText("contact"),
      description: try row.contentText("description"), purposes: row.contentTexts("purposes"),
      categories: row.contentTexts("categories").compactMap(DataCategory.init(rawValue:)), region: region,
      hosts: row.contentTexts("hosts").compactMap { Endpoint($0) })
    self.init(id: try row.keyID(), details: details, contract: Provider.contract(row))
    self.state = state
    ground = row.optionalText("ground").flatMap(Ground.init(rawValue:))
    if let id = row.optionalID("announcement", of: Announcement.self), let at = row.optionalInstant("announced_at") {
      announced = Announced(id: id, at: at)
    }
    notifiedAt = row.optionalInstant("notified_at")
    activeSince = row.optionalInstant("active_since")
    entry = row.entry
  }

  private static func contract(_ row: OpenedRow) -> Contract? {
    guard let expires = row.optionalText("contract_expires").flatMap({ Day($0) }),
      let dated = row.content["contract_dated"]?.text.flatMap({ Day($0) })
    else { return nil }
    return Contract(
      dated: dated, expires: expires,
      clauses: Set(row.contentTexts("contract_clauses").compactMap(Contract.Clause.init(rawValue:))),
      reference: row.content["contract_reference"]?.text ?? "")
  }

  package var key: String { id.text }

  package var plain: [String: Value] {
    [
      "kind": details.kind.rawValue.value, "state": state.rawValue.value, "ground": (ground?.rawValue).value,
      "announcement": (announced?.id).value, "announced_at": (announced?.at).value, "notified_at": notifiedAt.value,
      "active_since": activeSince.value, "contract_expires": (contract?.expires).value,
    ]
  }

  package var content: [String: CBOR] {
    var content: [String: CBOR] = [
      "name": .text(details.name), "entity": .text(details.entity), "address": .text(details.address),
      "contact": .text(details.contact), "description": .text(details.description),
      "purposes": .array(details.purposes.map(CBOR.text)),
      "categories": .array(details.categories.map { .text($0.rawValue) }),
      "region": .text(details.region.description), "hosts": .array(details.hosts.map { .text($0.description) }),
    ]
    if let contract {
      content["contract_dated"] = .text(contract.dated.description)
      content["contract_clauses"] = .array(contract.clauses.map(\.rawValue).sorted().map(CBOR.text))
      content["contract_reference"] = .text(contract.reference)
    }
    return content
  }
}

package enum RegisterChangeNoun {}

/// One change of the register, for its history. Never altered; its row's entry is the entry of the log that made the change.
package struct RegisterChange: Record, Equatable {
  package enum Kind: String, Sendable {
    case added, announced, notified, activated, suspended, lapsed, renewed, ended
  }

  package static let table = Table(
    "subprocessor_change", .primary,
    columns: [
      Column("subprocessor", .text, .key, purpose: "which entry changed", nullable: false),
      Column("change", .text, .operational, purpose: "what happened", nullable: false),
      Column("at", .integer, .operational, purpose: "when", nullable: false),
    ],
    sealed: [Column("note", .text, .content, purpose: "why, in the operator's words; published")],
    retention: "always: the list is published with its history")

  package let id: ID<RegisterChangeNoun>
  package let provider: SubprocessorID
  package let kind: Kind
  package let at: Instant
  package let note: String
  /// -1 before it is stored.
  package private(set) var entry: Int64 = -1

  init(id: ID<RegisterChangeNoun>, provider: SubprocessorID, kind: Kind, at: Instant, note: String) {
    self.id = id
    self.provider = provider
    self.kind = kind
    self.at = at
    self.note = note
  }

  package init(_ row: OpenedRow) throws {
    guard let kind = Kind(rawValue: try row.text("change")) else {
      throw Problem(.internal, "A stored change cannot be read.", detail: row.key)
    }
    self.init(
      id: try row.keyID(), provider: try row.id("subprocessor"), kind: kind, at: try row.instant("at"),
      note: try row.contentText("note"))
    entry = row.entry
  }

  package var key: String { id.text }
  package var plain: [String: Value] {
    ["subprocessor": provider.value, "change": kind.rawValue.value, "at": at.value]
  }
  package var content: [String: CBOR] { ["note": .text(note)] }
}
