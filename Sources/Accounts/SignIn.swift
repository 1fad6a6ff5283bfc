import Platform

extension Accounts {
  /// What a sign-in gives: the value of the session cookie.
  struct NewSession: Sendable {
    let cookie: String
    let receipt: Receipt
  }

  /// One sentence for every way in which it can fail, so that nobody learns who has an account.
  static let signInRefused = Problem(.unauthenticated, "The address or the password is not right.")

  /// Checks address and password and starts a session. An unknown address takes as long as a wrong password.
  func signIn(_ tenant: TenantID, email: String, password: String, from address: String) async throws -> NewSession {
    let now = clock.now
    let name = Hex.encode(try await ledger.keyedHash(tenant, PeopleStore.emailPurpose, PersonInput.folded(email)))
    let place = Accounts.place(address)
    try throttled(name, from: place, now: now)
    let found = try await ledger.read(tenant) { reader -> (PersonRecord, PasswordRecord)? in
      guard let person = try PeopleStore.person(email: email, reader), person.state == .active,
        let stored = try reader.find(PasswordRecord.self, person.id)
      else { return nil }
      return (person, stored)
    }
    let encoded = found?.1.hash ?? PasswordHash.ofNobody
    let isShort = password.utf8.count <= PasswordRule.maximumLength
    guard try await hashing.run({ isShort && PasswordHash.verify(password, against: encoded) }), let found else {
      throw Accounts.signInRefused
    }
    personThrottle.succeed(name)
    if let place { addressThrottle.takeBack(place) }
    return try await startSession(tenant, found.0.id, checked: found.1)
  }

  /// Counts an attempt before its password is looked at, so that many at once are no more than as many one after another.
  ///
  /// Behind a proxy on this machine everybody comes from the loopback address; counting there would let one guesser lock out all.
  private func throttled(_ name: String, from place: String?, now: Instant) throws {
    guard let place else { return try personThrottle.attempt(name, now: now) }
    try addressThrottle.attempt(place, now: now)
    do { try personThrottle.attempt(name, now: now) } catch {
      addressThrottle.takeBack(place)
      throw error
    }
  }

  /// What counts as one place: an IPv4 address or the /64 of an IPv6 address, of which a guesser has 2^64. Nil for this machine.
  private static func place(_ address: String) -> String? {
    guard let client = ClientAddress(address), !client.isLoopback else { return nil }
    return Hex.encode(client.party)
  }

  /// The password is looked at again inside the write: it may have been changed since it was checked.
  private func startSession(_ tenant: TenantID, _ person: PersonID, checked: PasswordRecord) async throws -> NewSession
  {
    let now = clock.now
    let session = CredentialText<Session>.make(tenant: tenant, id: .make(at: now))
    let act = Act("session.start", on: ObjectRef("person", person), by: .person(person))
    let written = try await ledger.write(tenant, act) { work in
      guard let record = try work.find(PersonRecord.self, person), record.state == .active,
        try work.find(PasswordRecord.self, person)?.hash == checked.hash
      else { throw Accounts.signInRefused }
      try Accounts.sweepSessions(of: person, now: now, in: work)
      try Accounts.insert(session, for: person, now: now, in: work)
    }
    return NewSession(cookie: session.text(), receipt: written.receipt)
  }

  /// The record's own time never goes back; after a clock that ran ahead it stays ahead, and a session must not last the longer for it.
  static func insert(_ session: CredentialText<Session>, for person: PersonID, now: Instant, in work: Work) throws {
    try work.insert(
      SessionRecord(id: session.id, person: person, secretHash: session.secretHash, createdAt: now))
  }

  /// Sessions over their absolute life go with the person's next sign-in.
  private static func sweepSessions(of person: PersonID, now: Instant, in work: Work) throws {
    let oldest = now.adding(seconds: -SessionRecord.absoluteSeconds)
    for session in try work.fetch(SessionRecord.self, "AND person = \(person) AND created_at < \(oldest)") {
      try work.delete(SessionRecord.self, session.key)
      try work.run(
        "DELETE FROM session_use WHERE tenant = \(work.tenant) AND session = \(session.id)",
        on: AccountsSchema.sessionUse)
    }
  }

  /// Ends the session that asks. A token is not a session and stays; nothing is written for it.
  func signOut(_ principal: Principal) async throws -> Receipt? {
    guard case .session(let id) = principal.credential else { return nil }
    return try await endSession(id, by: principal)
  }

  /// Ends one of the principal's own sessions.
  func endSession(_ id: SessionID, by principal: Principal) async throws -> Receipt {
    let act = Act("session.end", on: ObjectRef("person", principal.person), by: principal.actor)
    return try await ledger.write(principal.tenant, act) { work in
      guard let record = try work.find(SessionRecord.self, id), record.person == principal.person else {
        throw Problem.notFound
      }
      try work.delete(SessionRecord.self, record.key)
    }.receipt
  }

  // MARK: Set-up links

  /// Who a link is for, or nil if it is used up, over, or never was.
  func setup(_ text: String) async throws -> (tenant: TenantProfile, person: PersonRecord)? {
    guard let link = CredentialText<SetupLink>(text), let tenant = try await tenants.profile(of: link.tenant) else {
      return nil
    }
    let now = clock.now
    let person = try await ledger.read(link.tenant) { try Accounts.person(of: link, now: now, $0) }
    return person.map { (tenant, $0) }
  }

  /// Sets the first password and signs in; the link is used up.
  func completeSetup(_ text: String, password: String) async throws -> NewSession {
    guard let link = CredentialText<SetupLink>(text), try await ledger.find(link.tenant) != nil else {
      throw Problem.notFound
    }
    let now = clock.now
    guard let person = try await ledger.read(link.tenant, { try Accounts.person(of: link, now: now, $0) }) else {
      throw Problem.notFound
    }
    try PasswordRule.check(password)
    let hash = try await hashing.run { try PasswordHash.make(password) }
    let session = CredentialText<Session>.make(tenant: link.tenant, id: .make(at: now))
    let act = Act("person.set-up", on: ObjectRef("person", person.id), by: .person(person.id))
    let written = try await ledger.write(link.tenant, act) { work in
      guard var record = try Accounts.person(of: link, now: now, work) else { throw Problem.notFound }
      try work.delete(SetupLinkRecord.self, link.id.text)
      record.state = .active
      try work.update(record)
      try Accounts.store(hash: hash, for: record.id, in: work)
      try Accounts.insert(session, for: record.id, now: now, in: work)
    }
    return NewSession(cookie: session.text(), receipt: written.receipt)
  }

  private static func person(of link: CredentialText<SetupLink>, now: Instant, _ reader: Reader) throws -> PersonRecord?
  {
    guard let record = try reader.find(SetupLinkRecord.self, link.id), link.matches(record.secretHash),
      now < record.expiresAt, record.expiresAt < now.adding(seconds: 2 * SetupLinkRecord.lifetimeSeconds),
      let person = try reader.find(PersonRecord.self, record.person), person.state != .disabled
    else { return nil }
    return person
  }
}
