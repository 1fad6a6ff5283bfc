import Certificate
import Platform
import TransparencyLog

/// Gathers from the record what a bundle is made of (docs/format.md §6): the entries of the case with their proofs in the tree of
/// the *certify* entry's batch, and the facts they commit to. The same record gives the same bundle.
enum CertificateBundle {
  static func build(_ id: CaseID, _ ledger: Ledger, _ tenant: TenantID) async throws -> [UInt8] {
    let certificate = try await ledger.logCertificate(tenant)
    let sources = try await ledger.read(tenant) { try Sources(id, certificate, $0) }
    // The log key signs inside the ledger, so the text to be signed is asked for first.
    var manifest = ""
    _ = try sources.bundle { text in
      manifest = text
      return []
    }
    let signed = try await ledger.signManifest(tenant, manifest)
    return try sources.bundle { _ in signed }
  }

  /// One member of a bundle of ours.
  static func member(_ name: String, of bundle: [UInt8]) throws -> [UInt8]? {
    try StoredZip.decode(bundle).first { $0.name == name }?.data
  }

  private struct Sources: Sendable {
    let entries: [Bundle.Entry]
    let proof: [UInt8]
    let certificate: [UInt8]

    init(_ id: CaseID, _ certificate: [UInt8], _ reader: Reader) throws {
      let logged = try Sources.entries(of: id, reader)
      guard let certify = logged.last, certify.action == "case.certify",
        let checkpoint = try reader.checkpoint(covering: certify.index)
      else { throw Problem(.notFound, "No certificate has been issued for this case.") }
      entries = try logged.map { entry in
        Bundle.Entry(
          leaf: entry.data, index: entry.index,
          proof: try reader.inclusionProof(index: entry.index, size: checkpoint.size),
          disclosed: try reader.disclosures(ofEntry: entry.index).map(Sources.disclosure))
      }
      proof = try Receipt.make(
        index: certify.index, hashes: try reader.inclusionProof(index: certify.index, size: checkpoint.size),
        checkpoint: checkpoint.note, certificate: certificate, leaf: certify.data, limited: false
      ).encoded
      self.certificate = certificate
    }

    private static func entries(of id: CaseID, _ reader: Reader) throws -> [LoggedEntry] {
      var filter = EntryFilter()
      filter.object = ObjectRef("case", id).description
      filter.ascending = true
      filter.limit = BundleLimit.entries + 1
      let logged = try reader.entries(filter)
      guard logged.count <= BundleLimit.entries else {
        throw Problem(
          .tooLarge, "The case has more than \(BundleLimit.entries) entries, more than a certificate can hold.")
      }
      return logged
    }

    private static func disclosure(_ committed: CommittedFact) throws -> JSON {
      ["fact": try JSON.parse(committed.fact), "salt": .string(Base64.encode(committed.salt))]
    }

    func bundle(_ signer: (String) throws -> [UInt8]) throws -> [UInt8] {
      try Bundle.make(
        statementDisclosure: entries.last?.disclosed.first ?? .null, certifyProof: proof,
        logKeyCertificate: certificate,
        entries: entries, evidence: evidence, signer: signer)
    }

    /// The evidence facts without their type, in the order of attachment (§6.3).
    private var evidence: JSON {
      .array(
        entries.flatMap(\.disclosed).compactMap { disclosure in
          guard var members = disclosure["fact"]?.object, members["type"]?.string == "evidence" else { return nil }
          members["type"] = nil
          return .object(members)
        })
    }
  }
}
