import Platform

/// What belongs to a vendor and to a case: rows, files, facts, and the mails that spoke of them.
enum OffboardingEraser {
  static let eraser = Eraser([
    VendorRecord.table.name: .goes(), CaseRecord.table.name: .goes(), StepRecord.table.name: .goes(),
    EvidenceRecord.table.name: .goes(alone: true), BundleRecord.table.name: .goes(),
    StepReminderRecord.table.name: .goes(alone: true),
  ]) { target, reader in
    switch target.kind {
    case .vendor: try VendorID(target.id).flatMap { try vendor($0, reader) }
    case .case: try CaseID(target.id).flatMap { try file($0, reader) }
    default: nil
    }
  }

  /// The vendor with all its cases.
  private static func vendor(_ id: VendorID, _ reader: Reader) throws -> ErasureFinding? {
    guard let record = try reader.find(VendorRecord.self, id) else { return nil }
    var finding = ErasureFinding()
    finding.title = record.details.name
    finding.identity = record.details.identity
    finding.subjects = [try reader.subject(of: VendorRecord.self, id.text)]
    finding.objects = [ObjectRef("vendor", id)]
    let cases = try reader.rows("SELECT id FROM case_file WHERE tenant = \(reader.tenant) AND vendor = \(id)")
    var mentions: [String] = []
    for key in cases.compactMap({ $0[0].text.flatMap { CaseID($0) } }) {
      mentions.append("/cases/\(key)")
      if let part = try parts(of: key, reader) { finding.add(part) }
    }
    try finding.addMail(mentions, vendor: record.details.name, reader)
    finding.remains = finding.remains.unique
    return finding
  }

  private static func file(_ id: CaseID, _ reader: Reader) throws -> ErasureFinding? {
    guard var finding = try parts(of: id, reader) else { return nil }
    try finding.addMail(["/cases/\(id)"], vendor: nil, reader)
    return finding
  }

  /// A case without its mail.
  private static func parts(of id: CaseID, _ reader: Reader) throws -> ErasureFinding? {
    guard let file = try CaseStore.load(id, reader) else { return nil }
    var finding = ErasureFinding()
    finding.title = file.vendorName
    finding.objects = [ObjectRef("case", id)]
    finding.subjects = [try CaseStore.subject(of: id, reader)]
    for piece in file.evidence {
      finding.subjects.append(try reader.subject(of: EvidenceRecord.self, piece.id.text))
    }
    finding.files = file.evidence.count
    for step in file.steps where try reader.find(StepReminderRecord.self, step.key) != nil {
      finding.subjects.append(try reader.subject(of: StepReminderRecord.self, step.key.text))
    }
    if let certificate = file.certificate {
      if try reader.find(BundleRecord.self, certificate) != nil {
        finding.subjects.append(try reader.subject(of: BundleRecord.self, certificate.text))
        finding.files += 1
      }
      finding.remains = [certificateRemains]
    }
    return finding
  }

  private static let certificateRemains = ErasureRemainder(
    "Certificates that were downloaded",
    "They are in your hands and keep verifying: the record that they are proven with holds no content. Our own copy goes."
  )
}

extension ErasureFinding {
  /// Reminders name the vendor in their subject, and their text links to the case.
  fileprivate mutating func addMail(_ mentions: [String], vendor: String?, _ reader: Reader) throws {
    let letters = try reader.fetch(MessageRecord.self, "AND template IN ('step_due', 'step_overdue')")
    for letter in letters {
      let isMeant =
        mentions.contains { letter.shown.contains($0) } || vendor.map { letter.subject.hasSuffix("(\($0))") } ?? false
      guard isMeant else { continue }
      subjects.append(try reader.subject(of: MessageRecord.self, letter.key))
      if try reader.find(MailboxRecord.self, letter.key) != nil {
        subjects.append(try reader.subject(of: MailboxRecord.self, letter.key))
      }
      let rows = try reader.rows(
        """
        SELECT DISTINCT c.row_key FROM log_entry e JOIN log_change c ON c.tenant = e.tenant AND c.idx = e.idx
        WHERE e.tenant = \(reader.tenant) AND e.object = \("message:\(letter.key)") AND c.tbl = 'egress_disclosure'
        """)
      told += rows.compactMap { $0[0].text.flatMap { DisclosureID($0) } }
    }
  }
}

extension [ErasureRemainder] {
  fileprivate var unique: [ErasureRemainder] {
    reduce(into: []) { found, next in if !found.contains(next) { found.append(next) } }
  }
}
