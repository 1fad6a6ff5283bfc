import Platform

extension CaseDesk {
  /// Puts a whole case into the trash, whatever its state.
  package func discard(_ id: CaseID) async throws -> Written<CaseFile> {
    let person = person
    return try await move(id, "case.trash") { file, work in
      guard file.trashed == nil else { throw Trash.lying }
      guard try !work.isHeld([RowRef(table: "case_file", id: id.text)]) else { throw Trash.held }
      file.trashed = Trashed(at: work.now, by: person.id)
    }
  }

  package func restore(_ id: CaseID) async throws -> Written<CaseFile> {
    try await move(id, "case.restore") { file, work in
      guard file.trashed != nil else { throw Trash.notThere }
      if let vendor = try work.find(VendorRecord.self, file.vendor), vendor.trashed != nil {
        throw Problem(.conflict, "Its vendor is in the trash; bring the vendor back first.")
      }
      file.trashed = nil
    }
  }

  private func move(
    _ id: CaseID, _ action: StaticString, _ verb: @escaping @Sendable (inout CaseFile, Work) throws -> Void
  ) async throws -> Written<CaseFile> {
    try await ledger.write(tenant, act(action, id)) { work in
      guard var file = try CaseStore.load(id, work) else { throw try work.absence("case_file", id.text) }
      try verb(&file, work)
      try work.update(CaseRecord(file))
      return file
    }
  }

  // MARK: Evidence

  /// Takes a piece of evidence out of an open case; its step must not rest on it.
  package func discard(_ evidence: EvidenceID, of id: CaseID, _ step: String) async throws -> Written<CaseFile> {
    let person = person
    return try await change(id, step, "case.evidence.trash") { file, work in
      guard file.evidence(of: step).contains(where: { $0.id == evidence }) else { throw Problem.notFound }
      let about = [ObjectRef("case", id), ObjectRef("vendor", file.vendor)]
      guard try !work.isHeld([RowRef(table: "case_evidence", id: evidence.text)], about: about) else {
        throw Trash.held
      }
      let piece = try file.discard(evidence, Trashed(at: work.now, by: person.id))
      try work.update(EvidenceRecord(piece))
      return Fact.removal(piece)
    }
  }

  package func restore(_ evidence: EvidenceID, of id: CaseID, _ step: String) async throws -> Written<CaseFile> {
    try await change(id, step, "case.evidence.restore") { file, work in
      guard let piece = try work.find(EvidenceRecord.self, evidence)?.evidence, piece.caseID == id, piece.step == step
      else { throw try work.absence("case_evidence", evidence.text) }
      guard piece.trashed != nil else { throw Trash.notThere }
      let back = try file.bringBack(piece)
      try work.update(EvidenceRecord(back))
      return Fact.reinstatement(back)
    }
  }

  // MARK: What lies there

  package func trashedCases(limit: Int) async throws -> [CaseFile] {
    try await ledger.read(tenant) {
      try $0.fetch(CaseRecord.self, "AND trashed_at IS NOT NULL ORDER BY trashed_at DESC, id LIMIT \(limit)").map(
        \.file)
    }
  }

  /// With the case that each belongs to.
  package func trashedEvidence(limit: Int) async throws -> [(piece: Evidence, file: CaseFile)] {
    try await ledger.read(tenant) { reader in
      try reader.fetch(
        EvidenceRecord.self, "AND trashed_at IS NOT NULL ORDER BY trashed_at DESC, id LIMIT \(limit)"
      ).compactMap { record in
        try reader.find(CaseRecord.self, record.evidence.caseID).map { (record.evidence, $0.file) }
      }
    }
  }
}
