import Certificate
import Platform

/// A piece of evidence as stored. It shares the subject key of its file: what erases one erases both.
package struct EvidenceRecord: Record {
  package let evidence: Evidence

  package static let table = Table(
    "case_evidence", .primary, version: 2,
    columns: [
      Column("case_id", .text, .key, purpose: "the case", nullable: false),
      Column("step", .text, .operational, purpose: "the step it belongs to", nullable: false),
      Column("grade", .text, .operational, purpose: "how it came to be, E0 to E5", nullable: false),
      Column("file", .text, .key, purpose: "the sealed file", nullable: false),
      Column("size", .integer, .operational, purpose: "bytes of the file", nullable: false),
      Column("attached_at", .integer, .operational, purpose: "when it was attached", nullable: false),
      Column("attached_by", .text, .key, purpose: "who attached it", nullable: false),
    ] + Trash.columns,
    sealed: [
      Column("kind", .text, .content, purpose: "what it is meant to show", nullable: false),
      Column("name", .text, .content, purpose: "name of the file", nullable: false),
      Column("media_type", .text, .content, purpose: "media type as claimed", nullable: false),
      Column(
        "sha256", .bytes, .content, purpose: "digest of the file: in the clear it would tell who has a known file",
        nullable: false),
      Column("attached_by_name", .text, .personal, purpose: "name of who attached it", nullable: false),
    ],
    indexes: [Index(["case_id"]), Index(["trashed_at"])], retention: "with the case",
    upgrades: [Trash.upgrade(to: 2)])

  package init(_ evidence: Evidence) { self.evidence = evidence }

  package var key: String { evidence.id.text }

  package var plain: [String: Value] { own.merging(Trashed.plain(evidence.trashed)) { first, _ in first } }

  private var own: [String: Value] {
    [
      "case_id": evidence.caseID.value, "step": evidence.step.value, "grade": evidence.grade.rawValue.value,
      "file": evidence.file.value, "size": evidence.size.value, "attached_at": evidence.attachedAt.value,
      "attached_by": evidence.attachedBy.id.value,
    ]
  }

  package var content: [String: CBOR] {
    [
      "kind": .text(evidence.kind), "name": .text(evidence.name), "media_type": .text(evidence.mediaType),
      "sha256": .bytes(evidence.sha256.bytes), "attached_by_name": .text(evidence.attachedBy.name),
    ]
  }

  package init(_ row: OpenedRow) throws {
    evidence = Evidence(
      id: try row.keyID(), caseID: try row.id("case_id"), step: try row.text("step"), kind: try row.contentText("kind"),
      grade: Grade(rawValue: try row.text("grade")) ?? .e0, name: try row.contentText("name"),
      mediaType: try row.contentText("media_type"), file: try row.id("file"), size: try row.integer("size"),
      sha256: try row.contentDigest("sha256"),
      attachedAt: try row.instant("attached_at"),
      attachedBy: NamedPerson(id: try row.id("attached_by"), name: try row.contentText("attached_by_name")),
      trashed: Trashed(row))
  }
}
