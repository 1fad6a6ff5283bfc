import Platform

/// The verbs on people and their credentials: each is one write on the record.
package final class Accounts: PeopleDirectory {
  let ledger: Ledger
  let tenants: Tenants
  let clock: any StewardClock
  let hashing = HashingPool()
  /// Failed sign-ins per person, and per address of the network.
  let personThrottle = Throttle(allowed: 10)
  let addressThrottle = Throttle(allowed: 50)

  package init(ledger: Ledger, tenants: Tenants, clock: any StewardClock) {
    self.ledger = ledger
    self.tenants = tenants
    self.clock = clock
  }

  /// The longest a session lives without a request, and in any case; both stand in public sentences.
  package static let sessionIdleSeconds = SessionRecord.idleSeconds
  package static let sessionAbsoluteSeconds = SessionRecord.absoluteSeconds

  // MARK: People

  /// Adds a person who then sets a password with the link. The link is in clear for this once.
  func invite(
    _ tenant: TenantID, _ input: PersonInput, by actor: Actor, mailing letter: InvitationLetter? = nil
  ) async throws -> (id: PersonID, link: String, receipt: Receipt) {
    let now = clock.now
    let id = PersonID.make(at: now)
    let link = CredentialText<SetupLink>.make(tenant: tenant, id: .make(at: now))
    let written = try await ledger.write(tenant, Act("person.add", on: ObjectRef("person", id), by: actor)) { work in
      try PeopleStore.add(input, id: id, state: .invited, in: work)
      try PeopleStore.issueLink(link, for: id, now: now, in: work)
      try letter?.post(to: id, link: "/setup/\(link.text())", in: work)
    }
    return (id, "/setup/\(link.text())", written.receipt)
  }

  /// As `invite`, for the command line.
  package func invite(
    _ tenant: TenantID, name: String, email: String, roles: Set<Role>, by actor: Actor
  ) async throws -> (id: PersonID, link: String) {
    let input = try PersonInput(name: name, email: email, roles: roles.map(\.rawValue))
    let invited = try await invite(tenant, input, by: actor)
    return (invited.id, invited.link)
  }

  /// The first owner of a tenant that is being made. If they were invited before and never came, they get a new link: whoever made the
  /// tenant may not have seen the first. `conflict` if anybody else is there, or they can sign in.
  package func inviteOwner(
    _ tenant: TenantID, name: String, email: String, by actor: Actor
  ) async throws -> (id: PersonID, link: String) {
    let people = try await people(in: tenant)
    guard let known = people.first else {
      return try await invite(tenant, name: name, email: email, roles: [.owner], by: actor)
    }
    guard people.count == 1, !known.isActive, PersonInput.folded(known.email) == PersonInput.folded(email) else {
      throw Problem(.conflict, "There is already a tenant of this name; choose another one.")
    }
    return (known.id, try await readmit(tenant, known.id, by: actor).link)
  }

  package func enrol(
    _ tenant: TenantID, name: String, email: String, roles: Set<Role>, by actor: Actor
  ) async throws -> PersonID {
    let input = try PersonInput(name: name, email: email, roles: roles.map(\.rawValue))
    let id = PersonID.make(at: clock.now)
    _ = try await ledger.write(tenant, Act("person.add", on: ObjectRef("person", id), by: actor)) { work in
      try PeopleStore.add(input, id: id, state: .active, in: work)
    }
    return id
  }

  package func disable(_ tenant: TenantID, _ person: PersonID, by actor: Actor) async throws {
    _ = try await disabled(tenant, person, by: actor)
  }

  func disabled(_ tenant: TenantID, _ person: PersonID, by actor: Actor) async throws -> Receipt {
    let act = Act("person.disable", on: ObjectRef("person", person), by: actor)
    return try await ledger.write(tenant, act) { work in try PeopleStore.disable(person, in: work) }.receipt
  }

  /// A new set-up link, for someone who lost theirs or who may come back after having been disabled.
  func readmit(
    _ tenant: TenantID, _ person: PersonID, by actor: Actor, mailing letter: InvitationLetter? = nil
  ) async throws -> (link: String, receipt: Receipt) {
    let now = clock.now
    let link = CredentialText<SetupLink>.make(tenant: tenant, id: .make(at: now))
    let act = Act("person.readmit", on: ObjectRef("person", person), by: actor)
    let written = try await ledger.write(tenant, act) { work in
      guard var record = try work.find(PersonRecord.self, person) else { throw Problem.notFound }
      guard record.state != .active else { throw Problem(.conflict, "This person can sign in already.") }
      record.state = .invited
      try work.update(record)
      try PeopleStore.issueLink(link, for: person, now: now, in: work)
      try letter?.post(to: person, link: "/setup/\(link.text())", in: work)
    }
    return ("/setup/\(link.text())", written.receipt)
  }

  // MARK: Passwords

  /// Sets a password without a link; for the demo and for probes.
  package func setPassword(_ tenant: TenantID, _ person: PersonID, _ password: String, by actor: Actor) async throws {
    try PasswordRule.check(password)
    let hash = try await hashing.run { try PasswordHash.make(password) }
    _ = try await ledger.write(tenant, Act("password.set", on: ObjectRef("person", person), by: actor)) { work in
      try Accounts.store(hash: hash, for: person, in: work)
    }
  }

  package func confirm(_ principal: Principal, password: String) async throws {
    _ = try await verified(principal, password, field: "password")
  }

  /// The stored hash of the password that this is; throws `invalid` for another, and slows down whoever guesses.
  private func verified(_ principal: Principal, _ password: String, field: String) async throws -> String {
    try personThrottle.attempt(principal.person.text, now: clock.now)
    let stored = try await ledger.read(principal.tenant) { try $0.find(PasswordRecord.self, principal.person) }
    let encoded = stored?.hash ?? PasswordHash.ofNobody
    let isShort = password.utf8.count <= PasswordRule.maximumLength
    guard try await hashing.run({ isShort && PasswordHash.verify(password, against: encoded) }) else {
      throw Problem.invalid(field, "This is not your present password.")
    }
    personThrottle.succeed(principal.person.text)
    return encoded
  }

  static func store(hash: String, for person: PersonID, in work: Work) throws {
    let record = PasswordRecord(person: person, hash: hash, changedAt: work.now)
    if try work.find(PasswordRecord.self, person) == nil {
      try work.insert(record, subject: try work.subject(of: PersonRecord.self, person.text))
    } else {
      try work.update(record)
    }
  }

  /// Replaces the password of someone who knows the present one; every other session ends.
  func changePassword(_ principal: Principal, from current: String, to new: String) async throws -> Receipt {
    try PasswordRule.check(new, field: "new_password")
    let encoded = try await verified(principal, current, field: "current_password")
    let hash = try await hashing.run { try PasswordHash.make(new) }
    let kept: SessionID? = if case .session(let id) = principal.credential { id } else { nil }
    let act = Act("password.change", on: ObjectRef("person", principal.person), by: principal.actor)
    return try await ledger.write(principal.tenant, act) { work in
      // It may have been changed, or its person disabled, since it was checked.
      guard try work.find(PasswordRecord.self, principal.person)?.hash == encoded else {
        throw Problem(.conflict, "The password was changed meanwhile; try again.")
      }
      try Accounts.store(hash: hash, for: principal.person, in: work)
      try PeopleStore.endCredentials(of: principal.person, except: kept, tokensToo: false, in: work)
    }.receipt
  }

  // MARK: Tokens

  package func issueToken(
    _ tenant: TenantID, for person: PersonID, label: String, by actor: Actor
  ) async throws -> String {
    try await makeToken(tenant, for: person, label: label, by: actor).text
  }

  func makeToken(
    _ tenant: TenantID, for person: PersonID, label: String, by actor: Actor
  ) async throws -> (record: TokenRecord, text: String, receipt: Receipt) {
    let label = label.trimmed
    guard !label.isEmpty, label.count <= TokenRecord.maximumLabelLength else {
      throw Problem.invalid("label", "Say in 1 to \(TokenRecord.maximumLabelLength) characters what the token is for.")
    }
    let token = CredentialText<Token>.make(tenant: tenant, id: .make(at: clock.now))
    let act = Act("token.create", on: ObjectRef("token", token.id), by: actor)
    let written = try await ledger.write(tenant, act) { work in
      guard let owner = try work.find(PersonRecord.self, person), owner.state == .active else { throw Problem.notFound }
      let held = try work.fetch(TokenRecord.self, "AND person = \(person) AND revoked_at IS NULL").count
      guard held < TokenRecord.maximumPerPerson else {
        throw Problem(.conflict, "Revoke a token first: there are \(TokenRecord.maximumPerPerson) already.")
      }
      let record = TokenRecord(
        id: token.id, person: person, label: label, secretHash: token.secretHash, createdAt: work.now)
      try work.insert(record)
      return record
    }
    return (written.value, token.text(prefix: tokenPrefix), written.receipt)
  }

  /// Ends a token of `principal`, or of anyone in the tenant for who manages people.
  func revokeToken(_ id: TokenID, by principal: Principal) async throws -> Receipt {
    let act = Act("token.revoke", on: ObjectRef("token", id), by: principal.actor)
    return try await ledger.write(principal.tenant, act) { work in
      guard var record = try work.find(TokenRecord.self, id),
        record.person == principal.person || principal.has(.peopleManage)
      else { throw Problem.notFound }
      guard record.revokedAt == nil else { throw Problem(.conflict, "This token has been revoked already.") }
      record.revokedAt = work.now
      try work.update(record)
    }.receipt
  }

  // MARK: Directory

  package func person(_ id: PersonID, in tenant: TenantID) async throws -> PersonCard? {
    guard let record = try await ledger.view(PersonRecord.self, tenant)[id.text] else { return nil }
    return card(record, try await grants(tenant))
  }

  package func people(in tenant: TenantID) async throws -> [PersonCard] {
    let grants = try await grants(tenant)
    return try await ledger.view(PersonRecord.self, tenant).rows.map { card($0, grants) }
  }

  /// A person who can sign in, by address.
  package func person(email: String, in tenant: TenantID) async throws -> PersonCard? {
    guard let record = try await ledger.read(tenant, { try PeopleStore.person(email: email, $0) }) else { return nil }
    return try await person(record.id, in: tenant)
  }

  private func grants(_ tenant: TenantID) async throws -> [PersonID: Set<Role>] {
    let rows = try await ledger.view(RoleGrantRecord.self, tenant).rows
    return Dictionary(grouping: rows, by: \.person).mapValues { Set($0.map(\.role)) }
  }

  private func card(_ record: PersonRecord, _ grants: [PersonID: Set<Role>]) -> PersonCard {
    PersonCard(
      id: record.id, name: record.name, email: record.email, roles: grants[record.id] ?? [],
      isActive: record.state == .active)
  }
}
