import Certificate
import Platform

/// The head of a case as stored; its steps and evidence are rows of their own that share its subject key.
package struct CaseRecord: Record {
  /// Without steps and evidence.
  package let file: CaseFile

  package static let table = Table(
    "case_file", .primary, version: 2,
    columns: [
      Column("vendor", .text, .key, purpose: "the vendor that is left", nullable: false),
      Column("state", .text, .operational, purpose: "open, certified or withdrawn", nullable: false),
      Column("template", .text, .operational, purpose: "id of the template", nullable: false),
      Column("template_version", .integer, .operational, purpose: "its pinned version", nullable: false),
      Column("template_hash", .bytes, .operational, purpose: "digest of the pinned copy", nullable: false),
      Column(
        "terminated_on", .text, .operational, purpose: "the day on which the contract ended; due dates come from it",
        nullable: false),
      Column("opened_at", .integer, .operational, purpose: "when the case was opened", nullable: false),
      Column("opened_by", .text, .key, purpose: "who opened it", nullable: false),
      Column("closed_at", .integer, .operational, purpose: "when it was certified or withdrawn"),
      Column("closed_by", .text, .key, purpose: "who did that"),
      Column("certificate", .text, .key, purpose: "the certificate that was issued"),
    ] + Trash.columns,
    sealed: [
      Column("vendor_name", .text, .content, purpose: "name of the vendor when the case was opened", nullable: false),
      Column("registry_id", .text, .content, purpose: "its registry id then"),
      Column("data_categories", .text, .content, purpose: "the data that has to come back and be deleted"),
      Column("retention_days", .integer, .content, purpose: "retention that the vendor declared then"),
      Column("template_copy", .text, .content, purpose: "the template the case follows", nullable: false),
      Column("opened_by_name", .text, .personal, purpose: "name of who opened it", nullable: false),
      Column("closed_by_name", .text, .personal, purpose: "name of who closed it"),
      Column("closing_note", .text, .content, purpose: "why it was withdrawn"),
    ],
    indexes: [Index(["state"]), Index(["vendor"]), Index(["trashed_at"])],
    retention: "as long as the certificate has to stand", upgrades: [Trash.upgrade(to: 2)])

  package init(_ file: CaseFile) {
    var head = file
    head.steps = []
    head.evidence = []
    self.file = head
  }

  package var key: String { file.id.text }

  package var plain: [String: Value] { own.merging(Trashed.plain(file.trashed)) { first, _ in first } }

  private var own: [String: Value] {
    [
      "vendor": file.vendor.value, "state": file.state.rawValue.value, "template": file.template.id.value,
      "template_version": file.template.version.value, "template_hash": file.template.hash.value,
      "terminated_on": file.terminatedOn.value, "opened_at": file.openedAt.value, "opened_by": file.openedBy.id.value,
      "closed_at": (file.closing?.at).value, "closed_by": (file.closing?.by.id).value,
      "certificate": file.certificate.value,
    ]
  }

  package var content: [String: CBOR] {
    var content: [String: CBOR] = [
      "vendor_name": .text(file.vendorName), "data_categories": .array(file.dataCategories.map(CBOR.text)),
      "template_copy": .text(file.template.json.text), "opened_by_name": .text(file.openedBy.name),
    ]
    content["registry_id"] = file.registryID.map(CBOR.text)
    content["retention_days"] = file.declaredRetentionDays.map { .integer(Int64($0)) }
    content["closed_by_name"] = file.closing.map { .text($0.by.name) }
    content["closing_note"] = file.closing.map { .text($0.note) }
    return content
  }

  package init(_ row: OpenedRow) throws {
    file = CaseFile(
      id: try row.keyID(), vendor: try row.id("vendor"), vendorName: try row.contentText("vendor_name"),
      registryID: row.content["registry_id"]?.text, dataCategories: row.contentTexts("data_categories"),
      declaredRetentionDays: row.content["retention_days"]?.integer.map { Int($0) },
      template: try CaseTemplate(json: JSON.parse(try row.contentText("template_copy"))),
      terminatedOn: Day(try row.text("terminated_on")) ?? Day(daysSince1970: 0), openedAt: try row.instant("opened_at"),
      openedBy: NamedPerson(id: try row.id("opened_by"), name: try row.contentText("opened_by_name")),
      state: CaseState(rawValue: try row.text("state")) ?? .withdrawn,
      closing: Review(row, "closed", note: "closing_note"),
      certificate: row.optionalID("certificate"), trashed: Trashed(row), steps: [], evidence: [])
  }
}

extension Review {
  /// From the columns `<verb>_at`, `<verb>_by` and the sealed `<verb>_by_name` and note; nil if it did not happen.
  init?(_ row: OpenedRow, _ verb: String, note: String) {
    guard let at = row.optionalInstant("\(verb)_at"), let by = row.optionalID("\(verb)_by", of: Person.self) else {
      return nil
    }
    self.init(
      at: at, by: NamedPerson(id: by, name: row.content["\(verb)_by_name"]?.text ?? ""),
      note: row.content[note]?.text ?? "")
  }
}
