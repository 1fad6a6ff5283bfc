import Certificate
import Platform
import TransparencyLog

/// Gathers from the record what a bundle is made of (docs/format.md §6): the entries of the case with their proofs in the tree of
/// the *certify* entry's batch (of a later one where the log's key changed in between), and the facts they commit to.
enum CertificateBundle {
  static func build(_ id: CaseID, _ ledger: Ledger, _ tenant: TenantID) async throws -> [UInt8] {
    let logged = try await ledger.read(tenant) { try Sources.entries(of: id, $0) }
    guard let end = logged.lastIndex(where: { $0.action == "case.certify" }) else {
      throw Problem(.notFound, "No certificate has been issued for this case.")
    }
    // What came later, such as a stay in the trash, is not part of it.
    let (history, certify) = (Array(logged[...end]), logged[end])
    let signing = try await ledger.signing(tenant, showing: certify.index)
    return try await ledger.read(tenant) { try Sources(history, certify, signing, $0) }.bundle()
  }

  /// One member of a bundle of ours.
  static func member(_ name: String, of bundle: [UInt8]) throws -> [UInt8]? {
    try StoredZip.decode(bundle).first { $0.name == name }?.data
  }

  private struct Sources: Sendable {
    let entries: [Bundle.Entry]
    let proof: [UInt8]
    let signing: LogSigning

    init(_ logged: [LoggedEntry], _ certify: LoggedEntry, _ signing: LogSigning, _ reader: Reader) throws {
      entries = try logged.map { entry in
        Bundle.Entry(
          leaf: entry.data, index: entry.index,
          proof: try reader.inclusionProof(index: entry.index, size: signing.size),
          disclosed: try reader.disclosures(ofEntry: entry.index).map(Sources.disclosure))
      }
      proof = try Receipt.make(
        index: certify.index, hashes: try reader.inclusionProof(index: certify.index, size: signing.size),
        checkpoint: signing.checkpoint, certificate: signing.certificate, leaf: certify.data, limited: false
      ).encoded
      self.signing = signing
    }

    static func entries(of id: CaseID, _ reader: Reader) throws -> [LoggedEntry] {
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

    func bundle() throws -> [UInt8] {
      try Bundle.make(
        statementDisclosure: entries.last?.disclosed.first ?? .null, certifyProof: proof,
        logKeyCertificate: signing.certificate, entries: entries, evidence: evidence,
        signer: { try signing.sign(manifest: $0) })
    }

    /// The evidence facts without their type, in the order of attachment, without what was taken out again (§6.3).
    private var evidence: JSON {
      var (there, removed): ([JSON], [JSON]) = ([], [])
      for fact in entries.flatMap(\.disclosed).compactMap({ $0["fact"] }) {
        switch fact["type"]?.string {
        case "evidence":
          var members = fact.object ?? [:]
          members["type"] = nil
          there.append(.object(members))
        case "removal":
          if let place = there.firstIndex(where: { $0["id"] == fact["id"] }) { removed.append(there.remove(at: place)) }
        case "reinstatement":
          if let place = removed.firstIndex(where: { $0["id"] == fact["id"] }) {
            there.append(removed.remove(at: place))
          }
        default: continue
        }
      }
      return .array(there)
    }
  }
}
