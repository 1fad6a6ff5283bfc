import Platform
import TransparencyLog

package enum ImportNoun {}
package typealias ImportID = ID<ImportNoun>

/// What an import did: every line after the header is counted once.
package struct ImportOutcome: Sendable {
  package let id: ImportID
  package fileprivate(set) var created = 0
  package fileprivate(set) var updated = 0
  package fileprivate(set) var unchanged = 0
  package fileprivate(set) var rejectedTotal: Int
  package fileprivate(set) var rejected: [RejectedLine]
  /// Of the last piece that was written; nil if nothing had to be.
  package fileprivate(set) var receipt: Receipt?

  /// A line that was well formed and was not taken all the same.
  fileprivate mutating func reject(_ line: RejectedLine) {
    rejectedTotal += 1
    if rejected.count < VendorRegister.Limit.rejectedShown { rejected.append(line) }
  }

  package var json: JSON {
    [
      "import": .string(id.text), "created": JSON(created), "updated": JSON(updated), "unchanged": JSON(unchanged),
      "rejected_total": JSON(rejectedTotal),
      "rejected": .array(
        rejected.map { ["line": JSON($0.line), "field": .string($0.field), "reason": .string($0.reason)] }),
    ]
  }
}

/// Brings a checked register into the vendors of a tenant, at most a thousand rows in one command.
///
/// A vendor is recognised by its registry id. Lines that say what is known already are not written at all, so the same file
/// again changes nothing; an import that was cut off goes on where it stopped when it is sent again.
package struct VendorImport: Sendable {
  package let desk: VendorDesk

  package init(_ desk: VendorDesk) { self.desk = desk }

  fileprivate enum Effect: Sendable {
    case created, updated, unchanged
    /// The vendor was erased and is not to come back, or lies in the trash.
    case refused(RejectedLine)
  }

  package func run(_ register: VendorRegister) async throws -> ImportOutcome {
    let id = ImportID.make(at: desk.ledger.clock.now)
    var outcome = ImportOutcome(id: id, rejectedTotal: register.rejectedTotal, rejected: register.rejected)
    var waiting: [ImportedLine] = []
    for number in 0..<register.pieceCount {
      let news = try await news(in: register.piece(number), &outcome)
      waiting += news
      while waiting.count >= VendorRegister.Limit.piece {
        try await write(Array(waiting.prefix(VendorRegister.Limit.piece)), &outcome)
        waiting.removeFirst(VendorRegister.Limit.piece)
      }
    }
    if !waiting.isEmpty { try await write(waiting, &outcome) }
    return outcome
  }

  /// The lines that would change something; the others are counted.
  private func news(in lines: [ImportedLine], _ outcome: inout ImportOutcome) async throws -> [ImportedLine] {
    let (news, refused) = try await desk.ledger.read(desk.tenant) { reader in
      var (news, refused): ([ImportedLine], [RejectedLine]) = ([], [])
      let hasMarks = try Suppression.exist(reader)
      for line in lines {
        if let old = try VendorRegistry.vendor(line.registryID, reader) {
          if old.trashed != nil {
            refused.append(VendorImport.trashed(line))
          } else if VendorImport.merged(line, old.details) != old.details {
            news.append(line)
          }
        } else if hasMarks, let stopped = try VendorImport.stopped(line, line.details, nil, reader) {
          refused.append(stopped)
        } else {
          news.append(line)
        }
      }
      return (news, refused)
    }
    outcome.unchanged += lines.count - news.count - refused.count
    for line in refused { outcome.reject(line) }
    return news
  }

  private func write(_ lines: [ImportedLine], _ outcome: inout ImportOutcome) async throws {
    let act = Act("vendor.import", on: ObjectRef("import", outcome.id), by: desk.actor)
    let written = try await desk.ledger.write(desk.tenant, act) { work in
      let hasMarks = try Suppression.exist(work)
      // Ids in order, so that lists show new vendors in the order of the file.
      let ids = lines.map { _ in VendorID.make(at: work.now) }.sorted()
      return try zip(lines, ids).map { try VendorImport.put($0, as: $1, hasMarks: hasMarks, work) }
    }
    for effect in written.value {
      switch effect {
      case .created: outcome.created += 1
      case .updated: outcome.updated += 1
      case .unchanged: outcome.unchanged += 1
      case .refused(let line): outcome.reject(line)
      }
    }
    outcome.receipt = written.receipt
  }

  private static func put(_ line: ImportedLine, as id: VendorID, hasMarks: Bool, _ work: Work) throws -> Effect {
    guard let old = try VendorRegistry.vendor(line.registryID, work) else {
      if hasMarks, let stopped = try stopped(line, line.details, nil, work) { return .refused(stopped) }
      let record = VendorRecord(id: id, details: line.details)
      try VendorRegistry.move(record.id, from: nil, to: line.registryID, work)
      try work.insert(record)
      return .created
    }
    guard old.trashed == nil else { return .refused(trashed(line)) }
    let details = merged(line, old.details)
    guard details != old.details else { return .unchanged }
    if hasMarks, let stopped = try stopped(line, details, old.details, work) { return .refused(stopped) }
    try work.update(VendorRecord(id: old.id, details: details))
    return .updated
  }

  /// Why a line cannot be taken that makes a vendor, or makes another of one, which was erased and is not to come back.
  private static func stopped(
    _ line: ImportedLine, _ new: VendorDetails, _ old: VendorDetails?, _ reader: Reader
  ) throws -> RejectedLine? {
    guard new.identity != old?.identity, let mark = try Suppression.match(new.identity, reader) else { return nil }
    return RejectedLine(line: line.line, field: mark.field, reason: mark.reason)
  }

  private static func trashed(_ line: ImportedLine) -> RejectedLine {
    RejectedLine(line: line.line, field: "registry_id", reason: VendorRegistry.inTrash)
  }

  /// The line over what is known. A line was checked as a new vendor; laid over a valid one it stays valid.
  private static func merged(_ line: ImportedLine, _ old: VendorDetails) -> VendorDetails {
    (try? line.draft.applied(to: old).get()) ?? old
  }
}
