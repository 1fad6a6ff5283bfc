import Platform

/// What belongs to a person: name, address, roles and everything they can sign in with, invitations that wait, and the mail they got.
///
/// Their id stays on the record, and leads to nobody any more.
enum PersonEraser {
  static let eraser = Eraser(
    Dictionary(
      uniqueKeysWithValues: AccountsSchema.tables.filter { $0.kind == .primary }.map { ($0.name, .goes()) })
  ) { target, reader in
    guard target.kind == .person, let id = PersonID(target.id) else { return nil }
    return try find(id, reader)
  }

  private static func find(_ id: PersonID, _ reader: Reader) throws -> ErasureFinding? {
    guard let person = try reader.find(PersonRecord.self, id) else { return nil }
    guard try !PeopleStore.isLastOwner(id, reader) else {
      throw Problem(
        .conflict,
        "This is the last owner. Make someone else an owner first, or erase the whole organisation.")
    }
    var finding = ErasureFinding()
    finding.title = person.name
    finding.objects = [ObjectRef("person", id)]
    try addCredentials(of: id, to: &finding, reader)
    for letter in try reader.fetch(MessageRecord.self)
    where PersonInput.folded(letter.email) == PersonInput.folded(person.email) {
      try finding.add(letter, reader)
    }
    finding.remains = [
      ErasureRemainder(
        "The person's id on the record",
        "Entries say that somebody of this id acted. Nothing leads from it to a name or an address any more.")
    ]
    return finding
  }

  /// Name and address lie under one key with roles and password; every other credential has its own.
  private static func addCredentials(
    of id: PersonID, to finding: inout ErasureFinding, _ reader: Reader
  ) throws {
    func add<R: Record>(_ type: R.Type, _ keys: [String]) throws {
      for key in keys { finding.subjects.append(try reader.subject(of: type, key)) }
    }
    try add(PersonRecord.self, [id.text])
    if try reader.find(PasswordRecord.self, id) != nil { try add(PasswordRecord.self, [id.text]) }
    try add(RoleGrantRecord.self, try reader.fetch(RoleGrantRecord.self, "AND person = \(id)").map(\.key))
    try add(SessionRecord.self, try reader.fetch(SessionRecord.self, "AND person = \(id)").map(\.key))
    try add(TokenRecord.self, try reader.fetch(TokenRecord.self, "AND person = \(id)").map(\.key))
    try add(SetupLinkRecord.self, try reader.fetch(SetupLinkRecord.self, "AND person = \(id)").map(\.key))
  }
}
