import Certificate
import Platform

/// The finished bundle of a certificate: a sealed file that is written once and never again.
package struct BundleRecord: Record, Equatable {
  package let certificate: CertificateID
  package let caseID: CaseID
  package let file: FileID
  package let size: Int64
  package let sha256: Digest

  package static let table = Table(
    "case_bundle", .primary,
    columns: [
      Column("case_id", .text, .key, purpose: "the case that is certified", nullable: false),
      Column("file", .text, .key, purpose: "the sealed bundle", nullable: false),
      Column("size", .integer, .operational, purpose: "bytes of the bundle", nullable: false),
    ],
    sealed: [Column("sha256", .bytes, .content, purpose: "digest of the bundle", nullable: false)],
    indexes: [Index(["case_id"])], retention: "as long as the certificate has to stand")

  package init(certificate: CertificateID, caseID: CaseID, file: FileID, size: Int64, sha256: Digest) {
    self.certificate = certificate
    self.caseID = caseID
    self.file = file
    self.size = size
    self.sha256 = sha256
  }

  package var key: String { certificate.text }
  package var plain: [String: Value] {
    ["case_id": caseID.value, "file": file.value, "size": size.value]
  }
  package var content: [String: CBOR] { ["sha256": .bytes(sha256.bytes)] }

  package init(_ row: OpenedRow) throws {
    certificate = try row.keyID()
    caseID = try row.id("case_id")
    file = try row.id("file")
    size = try row.integer("size")
    sha256 = try row.contentDigest("sha256")
  }
}
