import Platform
import Synchronization

/// Tells who a credential belongs to.
///
/// What it finds is kept only as long as no row of a person, grant, session or token of the tenant has changed, so a revocation
/// or a new role counts from the next request on. Times are checked at every request.
package final class AccountsAuthenticator: Authenticator {
  /// Principals kept at once.
  static let maximumKept = 10_000
  /// A session's last use is written down this often.
  static let useGranularitySeconds = 60

  private struct Kept {
    let version: Int64
    let visitor: Visitor
    /// Nil for a token.
    let session: SessionRecord?
  }

  private let accounts: Accounts
  private let permissions: @Sendable (Set<Role>) -> Set<Permission>
  private let kept = Mutex<[Digest: Kept]>([:])
  private let lastUses = Mutex<[SessionID: (used: Instant, written: Instant)]>([:])

  package init(accounts: Accounts, permissions: @escaping @Sendable (Set<Role>) -> Set<Permission>) {
    self.accounts = accounts
    self.permissions = permissions
  }

  package func visitor(_ credential: PresentedCredential, now: Instant) async throws -> Visitor? {
    switch credential {
    case .bearer(let text):
      let name = name(text)
      if let known = try await known(name) { return known.session == nil ? known.visitor : nil }
      guard let token = CredentialText<Token>(text, prefix: tokenPrefix) else { return nil }
      return try await visitor(name, token.tenant) { try self.open(token, $0) }?.visitor
    case .sessionCookie(let text):
      guard let session = CredentialText<Session>(text) else { return nil }
      guard let found = try await visitor(name(text), session.tenant, { try self.open(session, $0) }),
        let record = found.session, try await isLive(record, session.tenant, now: now)
      else { return nil }
      return found.visitor
    }
  }

  /// What is kept under the digest of a credential and still holds; then nothing of the credential has to be read.
  private func known(_ name: Digest) async throws -> Kept? {
    guard let kept = kept.withLock({ $0[name] }) else { return nil }
    let tenant = kept.visitor.principal.tenant
    guard accounts.ledger.tenant(tenant) != nil else { return nil }
    let version = try await accounts.ledger.version(tenant, tables: AccountsSchema.tablesOfPrincipals)
    return kept.version == version ? kept : nil
  }

  private func name(_ text: String) -> Digest { Digest(sha256: Array(text.utf8)) }

  /// What a credential opens, read within one snapshot.
  private struct Opened: Sendable {
    let person: PersonRecord
    let roles: Set<Role>
    let credential: Principal.Credential
    let session: SessionRecord?
  }

  private func visitor(
    _ name: Digest, _ tenant: TenantID, _ open: @escaping @Sendable (Reader) throws -> Opened?
  ) async throws -> Kept? {
    guard try await accounts.ledger.find(tenant) != nil else { return nil }
    // The version is taken before reading: what changes in between makes the kept value stale, never too fresh.
    let version = try await accounts.ledger.version(tenant, tables: AccountsSchema.tablesOfPrincipals)
    if let kept = kept.withLock({ $0[name] }), kept.version == version { return kept }
    guard let opened = try await accounts.ledger.read(tenant, open),
      let profile = try await accounts.tenants.profile(of: tenant)
    else { return nil }
    let principal = Principal(
      tenant: tenant, person: opened.person.id, roles: opened.roles, credential: opened.credential,
      permissions: permissions(opened.roles))
    let visitor = Visitor(
      principal: principal, name: opened.person.name, tenantName: profile.name, tenantSlug: profile.slug)
    let fresh = Kept(version: version, visitor: visitor, session: opened.session)
    kept.withLock { kept in
      if kept.count >= AccountsAuthenticator.maximumKept { kept.removeAll(keepingCapacity: true) }
      kept[name] = fresh
    }
    return fresh
  }

  private func open(_ token: CredentialText<Token>, _ reader: Reader) throws -> Opened? {
    guard let record = try reader.find(TokenRecord.self, token.id), record.revokedAt == nil,
      token.matches(record.secretHash), let person = try reader.find(PersonRecord.self, record.person),
      person.state == .active
    else { return nil }
    let roles = try PeopleStore.roles(of: person.id, reader)
    return Opened(person: person, roles: roles, credential: .token(record.id), session: nil)
  }

  private func open(_ session: CredentialText<Session>, _ reader: Reader) throws -> Opened? {
    guard let record = try reader.find(SessionRecord.self, session.id), session.matches(record.secretHash),
      let person = try reader.find(PersonRecord.self, record.person), person.state == .active
    else { return nil }
    let roles = try PeopleStore.roles(of: person.id, reader)
    return Opened(person: person, roles: roles, credential: .session(record.id), session: record)
  }

  // MARK: Times of a session

  private func isLive(_ record: SessionRecord, _ tenant: TenantID, now: Instant) async throws -> Bool {
    guard now < record.createdAt.adding(seconds: SessionRecord.absoluteSeconds) else { return false }
    // Begun when the clock was far ahead: it would last until the clock is there again.
    guard record.createdAt < now.adding(seconds: SessionRecord.absoluteSeconds) else { return false }
    guard let use = try await lastUse(record, tenant, after: now.adding(seconds: -SessionRecord.idleSeconds)) else {
      return false
    }
    let isDue = now >= use.written.adding(seconds: AccountsAuthenticator.useGranularitySeconds)
    lastUses.withLock { uses in
      if uses.count >= AccountsAuthenticator.maximumKept { uses.removeAll(keepingCapacity: true) }
      uses[record.id] = (now, isDue ? now : use.written)
    }
    if isDue {
      try await accounts.ledger.writeTransient(
        tenant,
        [
          """
          INSERT INTO session_use (tenant, session, used_at) VALUES (\(tenant), \(record.id), \(now))
          ON CONFLICT (tenant, session) DO UPDATE SET used_at = excluded.used_at
          """
        ])
    }
    return true
  }

  /// When the session was last used and when that was last written down, if it was later than `earliest`. Where several servers serve
  /// a session, what this one remembers may be old; what is written down is at most `useGranularitySeconds` behind.
  private func lastUse(
    _ record: SessionRecord, _ tenant: TenantID, after earliest: Instant
  ) async throws -> (used: Instant, written: Instant)? {
    if let use = lastUses.withLock({ $0[record.id] }) {
      if use.used > earliest { return use }
      guard accounts.ledger.isShared else { return nil }
    }
    let rows = try await accounts.ledger.read(tenant) { reader in
      try reader.rows("SELECT used_at FROM session_use WHERE tenant = \(tenant) AND session = \(record.id)")
    }
    let used = rows.first?.first?.integer.map(Instant.init(milliseconds:)) ?? record.createdAt
    return used > earliest ? (used, used) : nil
  }
}
