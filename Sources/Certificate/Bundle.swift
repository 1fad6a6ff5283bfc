import Kernel
import TransparencyLog

/// The file that an auditor takes home (docs/format.md §6), made from its parts. The same parts give the same bytes.
package enum Bundle {
  /// The members in their order.
  package enum Name {
    package static let readme = "README.txt"
    package static let page = "certificate.html"
    package static let statement = "statement.json"
    package static let proof = "statement.tlog-proof"
    package static let logKey = "log-key.note"
    package static let entries = "entries.jsonl"
    package static let evidence = "evidence.json"
    package static let manifest = "manifest.note"
    package static let all = [readme, page, statement, proof, logKey, entries, evidence, manifest]
  }

  /// One entry of the case: its leaf data, its place, its inclusion proof in the certify checkpoint's tree, and `{"fact","salt"}` for
  /// each of its commitments.
  package struct Entry: Sendable {
    package let leaf: [UInt8]
    package let index: Int64
    package let proof: [Digest]
    package let disclosed: [JSON]

    package init(leaf: [UInt8], index: Int64, proof: [Digest], disclosed: [JSON]) {
      self.leaf = leaf
      self.index = index
      self.proof = proof
      self.disclosed = disclosed
    }
  }

  /// `statementDisclosure` is `{"fact","salt"}`; `certifyProof` an unlimited receipt with leaf data; `signer` signs the manifest with the log's key.
  package static func make(
    statementDisclosure: JSON, certifyProof: [UInt8], logKeyCertificate: [UInt8], entries: [Entry], evidence: JSON,
    signer: (String) throws -> [UInt8]
  ) throws -> [UInt8] {
    guard entries.count <= BundleLimit.entries else {
      throw BundleError("a bundle holds at most \(BundleLimit.entries) entries")
    }
    let statement = statementDisclosure["fact"] ?? .null
    let certificate = try LogKeyCertificate.unidentified(logKeyCertificate)
    let proof = try Receipt(parsing: certifyProof)
    var members = [
      StoredZip.Member(
        name: Name.readme, data: Array(Readme.text(statement: statement, origin: certificate.origin).utf8)),
      StoredZip.Member(
        name: Name.page,
        data: Array(
          CertificatePage.html(statement: statement, evidence: evidence, origin: certificate.origin, index: proof.index)
            .utf8)),
      StoredZip.Member(name: Name.statement, data: statementDisclosure.canonical + [0x0a]),
      StoredZip.Member(name: Name.proof, data: certifyProof),
      StoredZip.Member(name: Name.logKey, data: logKeyCertificate),
      StoredZip.Member(name: Name.entries, data: entries.flatMap(line)),
      StoredZip.Member(name: Name.evidence, data: evidence.canonical + [0x0a]),
    ]
    let manifest = manifestText(origin: certificate.origin, index: proof.index, members: members)
    members.append(StoredZip.Member(name: Name.manifest, data: try signer(manifest)))
    return try StoredZip.encode(members)
  }

  /// Canonical JSON around the leaf data, which is canonical itself.
  private static func line(_ entry: Entry) -> [UInt8] {
    var out = Array(#"{"disclosed":"#.utf8)
    JSON.array(entry.disclosed).write(to: &out)
    out += #","entry":"#.utf8
    out += entry.leaf
    out += #","index":\#(entry.index),"proof":"#.utf8
    JSON.array(entry.proof.map { .string($0.base64) }).write(to: &out)
    out += "}\n".utf8
    return out
  }

  /// The text of the manifest over all members but itself (§6.4).
  static func manifestText(origin: String, index: Int64, members: [StoredZip.Member]) -> String {
    let lines = members.map { "\(Digest(sha256: $0.data).hex) \($0.data.count) \($0.name)\n" }
    return "steward/manifest/v1\n\(origin)\n\(index)\n" + lines.joined()
  }
}
