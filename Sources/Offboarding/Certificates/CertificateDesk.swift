import Certificate
import Platform

/// Issuing the certificate of a case, and the bundle in which it leaves the house.
///
/// The statement is committed by the `case.certify` entry; only after that can there be proofs of it. So the bundle is built in a
/// second step from the record alone, stored sealed, and given out unchanged ever after. If the process ends between the two,
/// whoever asks next has it built from the same facts.
package struct CertificateDesk: Sendable {
  package let cases: CaseDesk
  let tenantName: String

  package init(_ cases: CaseDesk, tenantName: String) {
    self.cases = cases
    self.tenantName = tenantName
  }

  /// Issues the certificate, or throws `conflict` with every gap.
  package func issue(_ id: CaseID) async throws -> Written<CaseFile> {
    let certificate = CertificateID.make(at: cases.ledger.clock.now)
    let (person, tenant, tenantName) = (cases.person, cases.tenant, tenantName)
    let written = try await cases.change(id, nil, "case.certify") { file, work in
      try file.certify(certificate, Review(at: work.now, by: person, note: ""))
      return file.statement(tenant: tenant, tenantName: tenantName, issuedAt: work.now, issuedBy: person)
    }
    // The certificate stands from here on. If its bundle cannot be built now, the next reader builds it.
    _ = try? await bundle(of: written.value)
    return written
  }

  /// The bundle of a certified case; `notFound` for a case that has no certificate.
  package func bundle(_ id: CaseID) async throws -> BundleRecord {
    try await bundle(of: try await cases.find(id))
  }

  private func bundle(of file: CaseFile) async throws -> BundleRecord {
    guard let certificate = file.certificate else {
      throw Problem(.notFound, "No certificate has been issued for this case.")
    }
    if let stored = try await cases.ledger.read(cases.tenant, { try $0.find(BundleRecord.self, certificate) }) {
      return stored
    }
    return try await store(try await CertificateBundle.build(file.id, cases.ledger, cases.tenant), certificate, file.id)
  }

  /// The first one stored is the one that counts. Steward itself stores it: whoever happens to ask first has decided nothing.
  private func store(_ bytes: [UInt8], _ certificate: CertificateID, _ id: CaseID) async throws -> BundleRecord {
    let staged = try await cases.ledger.stageFile(cases.tenant, limit: Int64(BundleLimit.bytes), Chunks(bytes: bytes))
    let record = BundleRecord(
      certificate: certificate, caseID: id, file: staged.id, size: staged.size, sha256: staged.sha256)
    let act = Act("certificate.store", on: ObjectRef("certificate", certificate), by: .system("certificate"))
    do {
      _ = try await cases.ledger.write(cases.tenant, act) { work in
        // Whoever asks first may ask while the case goes.
        guard let head = try work.find(CaseRecord.self, id) else { throw try work.absence("case_file", id.text) }
        try CaseStore.refuseEnding(head.file, work)
        try work.insert(record, subject: staged.subject)
      }
      return record
    } catch {
      await cases.ledger.discard(cases.tenant, staged)
      if let stored = try await cases.ledger.read(cases.tenant, { try $0.find(BundleRecord.self, certificate) }) {
        return stored
      }
      throw error
    }
  }

  /// The bytes of a stored bundle.
  package func open(_ record: BundleRecord) async throws -> FilePieces {
    let subject = try await cases.ledger.read(cases.tenant) { try $0.subject(of: BundleRecord.self, record.key) }
    return try await cases.ledger.openFile(cases.tenant, record.file, subject: subject)
  }

  /// One member of a stored bundle, such as `statement.json`.
  package func member(_ name: String, of record: BundleRecord) async throws -> [UInt8] {
    let bytes = try await Chunks(try await open(record)).collect(limit: BundleLimit.bytes)
    guard let member = try CertificateBundle.member(name, of: bytes) else {
      throw Problem(.internal, "The stored certificate cannot be read.", detail: "bundle \(record.key) lacks \(name)")
    }
    return member
  }
}
