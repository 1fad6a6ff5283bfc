import Platform

/// The verbs on people inside a unit of work. Synchronous SQL only.
enum PeopleStore {
  static let emailPurpose = "person.email"

  /// Adds a person with their roles. `conflict` if the address is taken in this tenant.
  static func add(_ input: PersonInput, id: PersonID, state: PersonRecord.State, in work: Work) throws {
    let hash = work.keyedHash(emailPurpose, PersonInput.folded(input.email))
    guard try person(emailHash: hash, work) == nil else {
      throw Problem(
        .conflict, "Someone with this address is already here.",
        errors: [Problem.FieldError("email", "This address is taken.")])
    }
    let subject = try work.newSubject()
    try work.insert(
      PersonRecord(id: id, name: input.name, email: input.email, state: state, createdAt: work.now), subject: subject)
    for role in input.roles.sorted(by: { $0.rawValue < $1.rawValue }) {
      try work.insert(RoleGrantRecord(person: id, role: role), subject: subject)
    }
    try work.run(
      "INSERT INTO person_by_email (tenant, email_hash, person) VALUES (\(work.tenant), \(hash), \(id))",
      on: AccountsSchema.personByEmail)
  }

  static func person(email: String, _ reader: Reader) throws -> PersonRecord? {
    let hash = reader.keyedHash(emailPurpose, PersonInput.folded(email))
    guard let id = try person(emailHash: hash, reader), let record = try reader.find(PersonRecord.self, id),
      PersonInput.folded(record.email) == PersonInput.folded(email)
    else { return nil }
    return record
  }

  private static func person(emailHash: [UInt8], _ reader: Reader) throws -> PersonID? {
    let rows = try reader.rows(
      "SELECT person FROM person_by_email WHERE tenant = \(reader.tenant) AND email_hash = \(emailHash)")
    return rows.first?.first?.text.flatMap { PersonID($0) }
  }

  static func roles(of person: PersonID, _ reader: Reader) throws -> Set<Role> {
    Set(try reader.fetch(RoleGrantRecord.self, "AND person = \(person)").map(\.role))
  }

  /// Ends everything a person could act with: sessions and links go, tokens are revoked.
  static func endCredentials(of person: PersonID, except kept: SessionID? = nil, tokensToo: Bool, in work: Work) throws
  {
    for session in try work.fetch(SessionRecord.self, "AND person = \(person)") where session.id != kept {
      try work.delete(SessionRecord.self, session.key)
    }
    for link in try work.fetch(SetupLinkRecord.self, "AND person = \(person)") {
      try work.delete(SetupLinkRecord.self, link.key)
    }
    guard tokensToo else { return }
    for var token in try work.fetch(TokenRecord.self, "AND person = \(person) AND revoked_at IS NULL") {
      token.revokedAt = work.now
      try work.update(token)
    }
  }

  /// Disables a person. Refused for the last owner who can still sign in: nobody could add people any more.
  static func disable(_ person: PersonID, in work: Work) throws {
    guard var record = try work.find(PersonRecord.self, person) else { throw Problem.notFound }
    guard record.state != .disabled else { return }
    if try isLastOwner(person, work) {
      throw Problem(.conflict, "Make someone else an owner first: this is the last one.")
    }
    record.state = .disabled
    try work.update(record)
    try endCredentials(of: person, tokensToo: true, in: work)
    if try work.find(PasswordRecord.self, person) != nil { try work.delete(PasswordRecord.self, person.text) }
  }

  /// Whether nobody else could manage the organisation.
  static func isLastOwner(_ person: PersonID, _ reader: Reader) throws -> Bool {
    let owners = try reader.fetch(RoleGrantRecord.self, "AND role = \(Role.owner.rawValue)").map(\.person)
    guard owners.contains(person) else { return false }
    for owner in owners where owner != person {
      if let record = try reader.find(PersonRecord.self, owner), record.state == .active { return false }
    }
    return true
  }

  /// A fresh set-up link for an invited person; earlier ones end. `now` is the clock's time, not the record's, which may be ahead of it.
  static func issueLink(_ link: CredentialText<SetupLink>, for person: PersonID, now: Instant, in work: Work) throws {
    for old in try work.fetch(SetupLinkRecord.self, "AND person = \(person)") {
      try work.delete(SetupLinkRecord.self, old.key)
    }
    try work.insert(
      SetupLinkRecord(
        id: link.id, person: person, secretHash: link.secretHash,
        expiresAt: now.adding(seconds: SetupLinkRecord.lifetimeSeconds)))
  }
}
