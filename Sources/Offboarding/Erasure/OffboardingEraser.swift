import Custody
import Platform

/// What belongs to a vendor and to a case: rows, files, facts, and the mails that spoke of them.
enum OffboardingEraser {
  static let eraser = Eraser(
    [
      VendorRecord.table.name: .goes(), CaseRecord.table.name: .goes(), StepRecord.table.name: .goes(),
      EvidenceRecord.table.name: .goes(alone: true), BundleRecord.table.name: .goes(),
      StepReminderRecord.table.name: .goes(alone: true),
    ], exports: [BundleRecord.table.name]
  ) { target, reader in
    switch target.kind {
    case .vendor: try VendorID(target.id).flatMap { try vendor($0, reader) }
    case .case: try CaseID(target.id).flatMap { try file($0, reader) }
    case .row: try piece(target.id, reader)
    case .person: try PersonID(target.id).flatMap { try naming($0, reader) }
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
    for key in cases.compactMap({ $0[0].text.flatMap { CaseID($0) } }) {
      if let part = try file(key, reader) { finding.add(part) }
    }
    finding.remains = finding.remains.unique
    return finding
  }

  /// Nothing of a case goes with a person: what is certified rests on who did it.
  private static func naming(_ person: PersonID, _ reader: Reader) throws -> ErasureFinding? {
    let found = try reader.rows(
      """
      SELECT id FROM case_file WHERE tenant = \(reader.tenant) AND (opened_by = \(person) OR closed_by = \(person))
      UNION SELECT case_id FROM case_step WHERE tenant = \(reader.tenant)
      AND (completed_by = \(person) OR approved_by = \(person) OR returned_by = \(person))
      UNION SELECT case_id FROM case_evidence WHERE tenant = \(reader.tenant) AND attached_by = \(person)
      """)
    guard !found.isEmpty else { return nil }
    var finding = ErasureFinding()
    finding.remains = [
      ErasureRemainder(
        "Their name as it was then in \(found.count == 1 ? "1 case" : "\(found.count) cases")",
        "A certificate says who did a step, and is proven with it. It goes when the case is erased.")
    ]
    return finding
  }

  /// A row by itself: what holds its case or vendor holds it.
  private static func piece(_ row: String, _ reader: Reader) throws -> ErasureFinding? {
    let halves = row.split(separator: "/", maxSplits: 1).map(String.init)
    guard halves.count == 2 else { return nil }
    var finding = ErasureFinding()
    if halves[0] == VendorRecord.table.name {
      finding.within = VendorID(halves[1]).map { [ObjectRef("vendor", $0)] } ?? []
    }
    if halves[0] == EvidenceRecord.table.name, let piece = try reader.find(EvidenceRecord.self, halves[1])?.evidence {
      finding.title = piece.name
      finding.files = 1
    }
    if let id = try caseID(of: halves[1], in: halves[0], reader) {
      finding.within = [ObjectRef("case", id)]
      if let head = try reader.find(CaseRecord.self, id) {
        finding.within.append(ObjectRef("vendor", head.file.vendor))
      }
    }
    return finding.within.isEmpty ? nil : finding
  }

  /// The case that a row belongs to.
  private static func caseID(of key: String, in table: String, _ reader: Reader) throws -> CaseID? {
    switch table {
    case CaseRecord.table.name: CaseID(key)
    case StepRecord.table.name, StepReminderRecord.table.name: try reader.find(StepRecord.self, key)?.caseID
    case EvidenceRecord.table.name: try reader.find(EvidenceRecord.self, key)?.evidence.caseID
    case BundleRecord.table.name: try reader.find(BundleRecord.self, key)?.caseID
    default: nil
    }
  }

  private static func file(_ id: CaseID, _ reader: Reader) throws -> ErasureFinding? {
    guard var finding = try parts(of: id, reader) else { return nil }
    try finding.addMail(about: id, reader)
    return finding
  }

  /// A case without its mail.
  private static func parts(of id: CaseID, _ reader: Reader) throws -> ErasureFinding? {
    guard let file = try CaseStore.load(id, reader) else { return nil }
    var finding = ErasureFinding()
    finding.title = file.vendorName
    finding.objects = [ObjectRef("case", id)]
    finding.within = [ObjectRef("vendor", file.vendor)]
    finding.subjects = [try CaseStore.subject(of: id, reader)]
    // In the trash or not.
    let evidence = try CaseStore.evidence(of: id, reader)
    for piece in evidence {
      finding.subjects.append(try reader.subject(of: EvidenceRecord.self, piece.id.text))
    }
    finding.files = evidence.count
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
  /// Reminders were written by entries about the case, which says of each whose it is: their own texts go after a while, and vendors change
  /// their names. What was delivered here, and deleted since, has versions in the journal.
  fileprivate mutating func addMail(about id: CaseID, _ reader: Reader) throws {
    let messages = try reader.rows(of: MessageRecord.table.name, writtenAbout: ObjectRef("case", id))
    let delivered = messages.map { RowRef(table: MailboxRecord.table.name, id: $0.id) }
    subjects += try reader.subjects(ofEvery: messages + delivered).sorted { $0.number < $1.number }
    for message in messages {
      let disclosures = try reader.rows(
        of: DisclosureRecord.table.name, writtenAbout: ObjectRef("message", message.id))
      told += disclosures.compactMap { DisclosureID($0.id) }
    }
  }
}

extension [ErasureRemainder] {
  fileprivate var unique: [ErasureRemainder] {
    reduce(into: []) { found, next in if !found.contains(next) { found.append(next) } }
  }
}
