import Platform

/// A vendor as stored: what a customer typed lies sealed, the state of the relationship beside it.
package struct VendorRecord: Sendable, Equatable {
  package let id: VendorID
  package var details: VendorDetails
  package var trashed: Trashed?

  package init(id: VendorID, details: VendorDetails, trashed: Trashed? = nil) {
    self.id = id
    self.details = details
    self.trashed = trashed
  }
}

extension VendorRecord: Searchable, Trashable {
  package static let table = Table(
    "vendor", .primary, version: 2,
    columns: [
      Column(
        "relationship", .text, .operational, purpose: "whether the vendor still works for the customer", nullable: false
      ),
      Column("ended_on", .text, .operational, purpose: "the day on which the relationship ended"),
    ] + Trash.columns,
    sealed: [
      Column("name", .text, .content, purpose: "name of the vendor", nullable: false),
      Column("registry_id", .text, .content, purpose: "number of the vendor in an outside register"),
      Column("privacy_url", .text, .content, purpose: "where the vendor says how it treats data"),
      Column(
        "retention_days", .integer, .content,
        purpose: "how long the vendor declares to keep data; due dates come from it"),
      Column("data_categories", .text, .content, purpose: "kinds of data the vendor holds"),
      Column("purposes", .text, .content, purpose: "what the vendor uses the data for"),
    ],
    indexes: [Index(["trashed_at"])], retention: "until the customer deletes the vendor or leaves",
    upgrades: [Trash.upgrade(to: 2)])

  package var key: String { id.text }
  package var isTrashed: Bool { trashed != nil }

  package var plain: [String: Value] {
    Trashed.plain(trashed).merging([
      "relationship": details.relationship.rawValue.value, "ended_on": details.endedOn.value,
    ]) { first, _ in first }
  }

  package var content: [String: CBOR] {
    var content: [String: CBOR] = [
      "name": .text(details.name), "data_categories": .array(details.dataCategories.map(CBOR.text)),
      "purposes": .array(details.purposes.map(CBOR.text)),
    ]
    content["registry_id"] = details.registryID.map(CBOR.text)
    content["privacy_url"] = details.privacyURL.map(CBOR.text)
    content["retention_days"] = details.retentionDays.map { .integer(Int64($0)) }
    return content
  }

  package init(_ row: OpenedRow) throws {
    id = try row.keyID()
    trashed = Trashed(row)
    details = VendorDetails(
      name: try row.contentText("name"), registryID: row.content["registry_id"]?.text,
      privacyURL: row.content["privacy_url"]?.text,
      retentionDays: row.content["retention_days"]?.integer.map { Int($0) },
      dataCategories: row.contentTexts("data_categories"), purposes: row.contentTexts("purposes"),
      relationship: VendorDetails.Relationship(rawValue: try row.text("relationship")) ?? .active,
      endedOn: row.optionalText("ended_on").flatMap { Day($0) })
  }

  /// Name and register number, without what nobody can see in them.
  package var searchText: String { Words.searchable(details.name) + " " + Words.searchable(details.registryID ?? "") }
}

// MARK: - JSON

extension VendorRecord {
  package static let members: Set<String> = [
    "id", "name", "registry_id", "privacy_url", "retention_days", "data_categories", "purposes", "relationship",
    "ended_on",
  ]

  /// A vendor in the trash has the member `trashed`, too.
  package var json: JSON {
    guard let trashed, case .object(var members) = known else { return known }
    members["trashed"] = trashed.json
    return .object(members)
  }

  private var known: JSON {
    [
      "id": .string(id.text), "name": .string(details.name), "registry_id": JSON(details.registryID),
      "privacy_url": JSON(details.privacyURL), "retention_days": JSON(details.retentionDays),
      "data_categories": .array(details.dataCategories.map(JSON.string)),
      "purposes": .array(details.purposes.map(JSON.string)),
      "relationship": .string(details.relationship.rawValue), "ended_on": JSON(details.endedOn?.description),
    ]
  }
}

extension VendorDraft {
  /// From a JSON object; null empties a member. Everything of the wrong type is told at once.
  package init(json: JSON) throws(Problem) {
    self.init()
    var faults: [Problem.FieldError] = []
    func read<T>(_ member: String, _ message: String, _ convert: (JSON) -> T?) -> Change<T> {
      guard let value = json[member] else { return .keep }
      if value.isNull { return .clear }
      if let converted = convert(value) { return .set(converted) }
      faults.append(Problem.FieldError(member, message))
      return .keep
    }
    name = read("name", "The name is a text.") { $0.string }
    registryID = read("registry_id", "A registry id is a text.") { $0.string }
    privacyURL = read("privacy_url", "A URL is a text.") { $0.string }
    retentionDays = read("retention_days", "Retention is a whole number of days from 0 to 36500.") { $0.integer }
    dataCategories = read("data_categories", "Data categories are a list of texts.", VendorDraft.texts)
    purposes = read("purposes", "Purposes are a list of texts.", VendorDraft.texts)
    relationship = read("relationship", "A relationship is active or ended.") {
      $0.string.flatMap(VendorDetails.Relationship.init(rawValue:))
    }
    endedOn = read("ended_on", "A day is written like 2026-11-21.") { $0.string.flatMap { Day($0) } }
    guard faults.isEmpty else { throw InvalidInput(errors: faults).problem }
  }

  private static func texts(_ json: JSON) -> [String]? {
    guard let array = json.array else { return nil }
    let texts = array.compactMap(\.string)
    return texts.count == array.count ? texts : nil
  }
}
