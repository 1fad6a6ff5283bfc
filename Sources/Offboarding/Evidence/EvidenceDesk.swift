import Certificate
import Platform

/// Evidence comes and goes as a stream: it is sealed piece by piece before the case adopts it, and opened piece by piece.
package struct EvidenceDesk: Sendable {
  package let cases: CaseDesk
  /// Bytes of one file.
  package let limit: Int64

  package init(_ cases: CaseDesk, limit: Int64 = Ledger.largestFile) {
    self.cases = cases
    self.limit = limit
  }

  /// What is said about a file that is being uploaded.
  package struct Claim: Sendable {
    package let kind: String?
    package let name: FileName
    package let mediaType: String

    package init(kind: String?, name: FileName, mediaType: String) {
      self.kind = kind
      self.name = name
      self.mediaType = mediaType
    }
  }

  /// Seals `bytes`, then attaches them to the step. Nothing is left if either fails.
  package func attach<Bytes: AsyncSequence>(
    _ id: CaseID, _ step: String, _ claim: Claim, _ bytes: Bytes
  ) async throws -> Written<Evidence> where Bytes.Element == [UInt8] {
    let file = try await cases.find(id)
    guard let shape = file.shape(of: step), file.step(step) != nil else { throw Problem.notFound }
    try file.requireOpen()
    let kind = try EvidenceKind.checked(claim.kind ?? EvidenceDesk.likelyKind(shape, file))
    let staged = try await cases.ledger.stageFile(cases.tenant, limit: limit, bytes)
    do {
      return try await adopt(staged, id, step, kind, claim)
    } catch {
      await cases.ledger.discard(cases.tenant, staged)
      throw error
    }
  }

  /// The first kind that is still missing, else the first that the step asks for.
  private static func likelyKind(_ shape: CaseTemplate.Step, _ file: CaseFile) -> String {
    let attached = Set(file.evidence(of: shape.id).map(\.kind))
    return (shape.evidence.first { !attached.contains($0.kind) } ?? shape.evidence.first)?.kind ?? EvidenceKind.other
  }

  private func adopt(
    _ staged: StagedFile, _ id: CaseID, _ step: String, _ kind: String, _ claim: Claim
  ) async throws
    -> Written<Evidence>
  {
    let (scope, person) = (cases.scope, cases.person)
    let evidenceID = EvidenceID.make(at: cases.ledger.clock.now)
    return try await cases.ledger.write(cases.tenant, cases.act("case.evidence.attach", id)) { work in
      guard var file = try CaseStore.load(id, work) else { throw Problem.notFound }
      try scope.require(file, step: step)
      try CaseStore.refuseEnding(file, work)
      try file.requireOpen()
      // An upload is a hashed artefact, whatever its sender says about it.
      let evidence = Evidence(
        id: evidenceID, caseID: id, step: step, kind: kind, grade: .e2, name: claim.name.text,
        mediaType: claim.mediaType,
        file: staged.id, size: staged.size, sha256: staged.sha256, attachedAt: work.now, attachedBy: person)
      try file.attach(evidence)
      try work.insert(EvidenceRecord(evidence), subject: staged.subject)
      try work.commit(Fact.evidence(evidence), subject: staged.subject)
      return evidence
    }
  }

  /// The evidence and its bytes.
  package func open(_ id: CaseID, _ step: String, _ evidence: EvidenceID) async throws -> (Evidence, FilePieces) {
    let file = try await cases.find(id)
    guard let found = file.evidence(of: step).first(where: { $0.id == evidence }) else { throw Problem.notFound }
    let subject = try await cases.ledger.read(cases.tenant) { try $0.subject(of: EvidenceRecord.self, evidence.text) }
    return (found, try await cases.ledger.openFile(cases.tenant, found.file, subject: subject))
  }
}
