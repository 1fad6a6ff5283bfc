import Custody
import Kernel
import Storage
import TransparencyLog

/// What became of the change of a log's key.
package struct LogKeyRotation: Sendable, Equatable {
  /// Number of the key that signs now.
  package let number: Int64
  package let verifierKey: String
  /// Index of the entry that names it; nil where the call only went on with ending earlier keys.
  package let entry: Int64?
  /// Places that still hold the seed of a key that no longer signs.
  package let pending: [KeyStore.PendingEnd]
}

/// The change of a log's key, in four steps of which each may be the last (docs/format.md §3.4):
///
/// 1. the next key is durable at every place of the keys;
/// 2. `key.rotate` names it, in a batch that the old key signs: the last it ever signs, since whoever makes a batch reads who signs
///    under the lock of the head;
/// 3. the old seed is overwritten and removed at every place;
/// 4. `key.end` says so, in a batch that the new key signs.
///
/// Broken off before 2 there is a key that nobody uses, and the next try takes it; behind 2 the change stands, and what is left is done
/// when the tenant is next opened, or by the same command.
extension Ledger {
  /// Gives the tenant's log a new key. Where an earlier one has not ended everywhere, it goes on with that and changes nothing else.
  package func rotateLogKey(_ tenant: TenantID, by actor: Actor) async throws -> LogKeyRotation {
    try await using(tenant) { try await rotateLogKey(of: $0, by: actor) }
  }

  private func rotateLogKey(of ledger: TenantLedger, by actor: Actor) async throws -> LogKeyRotation {
    let tenant = ledger.tenant
    let pending = try await endLogKeys(ledger, by: actor)
    guard pending.isEmpty else { return try await standing(ledger, entry: nil, pending) }
    let number = try await certificates(of: ledger).newest.number + 1
    try installation.keyStore.makeLogKey(of: tenant, number: number)
    guard let written = try await name(number, behind: number - 1, in: ledger, by: actor) else {
      throw Problem(.conflict, "Somebody else has changed this log's key at this moment; look, then try again.")
    }
    return try await standing(ledger, entry: written.index, try await endLogKeys(ledger, by: actor))
  }

  /// Ends the seeds of keys that no longer sign, at every place that can be reached; and once they are gone everywhere the record says
  /// so. Gives back where that is still to come.
  package func endLogKeys(_ tenant: TenantID, by actor: Actor) async throws -> [KeyStore.PendingEnd] {
    try await using(tenant) { try await endLogKeys($0, by: actor) }
  }

  private func standing(
    _ ledger: TenantLedger, entry: Int64?, _ pending: [KeyStore.PendingEnd]
  ) async throws -> LogKeyRotation {
    let newest = try await certificates(of: ledger).newest
    return LogKeyRotation(
      number: newest.number, verifierKey: try LogKeyCertificate.unidentified(newest.note).key.description, entry: entry,
      pending: pending)
  }

  private func certificates(of ledger: TenantLedger) async throws -> LogCertificates {
    try await ledger.database.read { try ledger.log.certificates($0) }
  }

  // MARK: Steps

  /// Puts the key `number` on the record. Nil if `last` is not the newest there any more: another server was faster.
  private func name(
    _ number: Int64, behind last: Int64, in ledger: TenantLedger, by actor: Actor
  ) async throws -> ProvableWrite? {
    let (log, installation) = (ledger.log, installation)
    let key = try log.verifierKey(number: number)
    return try await ledger.writeOnce(Act("key.rotate", on: log.object(key), by: actor)) { work in
      let before = try log.certificates(work.connection).newest
      guard before.number == last else { throw AlreadyDone() }
      if before.number == 1, try work.find(LogKeyRecord.self, "1") == nil {
        let first = try LogKeyCertificate.unidentified(before.note)
        try work.insert(LogKeyRecord(number: 1, since: first.since, certificate: before.note))
      }
      let certificate = try installation.certify(key, since: work.now)
      try work.insert(LogKeyRecord(number: number, since: work.now, certificate: certificate))
    }
  }

  private func endLogKeys(_ ledger: TenantLedger, by actor: Actor) async throws -> [KeyStore.PendingEnd] {
    var pending: [KeyStore.PendingEnd] = []
    for item in try await certificates(of: ledger).items.dropLast() where item.endedAt == nil {
      let left = try installation.keyStore.endLogKey(of: ledger.tenant, number: item.number)
      pending += left
      guard left.isEmpty else { continue }
      let key = try LogKeyCertificate.unidentified(item.note).key
      _ = try await ledger.writeOnce(Act("key.end", on: ledger.log.object(key), by: actor)) { work in
        guard var row = try work.find(LogKeyRecord.self, String(item.number)), row.endedAt == nil else {
          throw AlreadyDone()
        }
        row.endedAt = work.now
        try work.update(row)
      }
    }
    return pending
  }

  // MARK: At the opening

  private static var opener: Actor { .system("keys") }

  /// Older data than the keys, from a backup or a copy: the key that the record names has ended, and a later one is in the key store. The log
  /// goes on with that one, and says so before it says anything else. There is no old key that could sign for it; the installation does.
  func takeUpLogKey(_ ledger: TenantLedger) async throws {
    let newest = try await certificates(of: ledger).newest
    let store = installation.keyStore
    guard try !store.hasLogKey(of: ledger.tenant, number: newest.number),
      let number = try store.newestLogKey(of: ledger.tenant), number > newest.number
    else { return }
    let key = try ledger.log.verifierKey(number: number)
    try ledger.log.takeUp(number, certificate: try installation.certify(key, since: clock.now))
    _ = try await name(number, behind: newest.number, in: ledger, by: Self.opener)
  }

  /// What an earlier process began and did not finish, and what the installation certified with a key that is not its newest any more.
  func settleKeys(_ ledger: TenantLedger) async throws {
    // What cannot be done now stays as the record shows it, until the next opening; nobody is kept from his data by it.
    _ = try? await endLogKeys(ledger, by: Self.opener)
    try? await bringForward(ledger, by: Self.opener)
  }

  /// Certifies every key of the log by the newest installation key, and puts the installation's own changes on its own record.
  func bringForward(_ ledger: TenantLedger, by actor: Actor) async throws {
    guard !installation.chain.isEmpty else { return }
    if tenant(ledger.tenant)?.slug == Self.systemSlug { try await recordInstallationKeys(ledger, by: actor) }
    let (log, installation) = (ledger.log, installation)
    let signer = installation.trust.newest
    let stale = try await certificates(of: ledger).items.filter { item in
      (try? LogKeyCertificate.open(item.note, installationKey: signer)) == nil
    }
    guard let last = stale.last else { return }
    let key = try LogKeyCertificate.unidentified(last.note).key
    _ = try await ledger.writeOnce(Act("key.certify", on: log.object(key), by: actor)) { work in
      for item in try log.certificates(work.connection).items {
        guard (try? LogKeyCertificate.open(item.note, installationKey: signer)) == nil else { continue }
        let certified = try LogKeyCertificate.unidentified(item.note)
        let note = try installation.certify(certified.key, since: certified.since)
        if var row = try work.find(LogKeyRecord.self, String(item.number)) {
          row.certificate = note
          try work.update(row)
        } else {
          try work.insert(LogKeyRecord(number: item.number, since: certified.since, certificate: note))
        }
      }
    }
  }

  private func recordInstallationKeys(_ ledger: TenantLedger, by actor: Actor) async throws {
    for note in try InstallationTrust.notes(installation.chain) {
      let link = try InstallationLink(opening: note)
      let act = Act("key.rotate", on: ObjectRef("installation-key", Hex.encode(link.new.publicKey)), by: actor)
      _ = try await ledger.writeOnce(act) { work in
        guard try work.find(InstallationKeyRecord.self, String(link.number)) == nil else { throw AlreadyDone() }
        try work.insert(InstallationKeyRecord(number: link.number, since: link.since, statement: note))
      }
    }
  }
}

/// Somebody else has done it.
private struct AlreadyDone: Error {}

extension TenantLedger {
  /// Nil if its body found it done already.
  fileprivate func writeOnce(
    _ act: Act, _ body: @escaping @Sendable (Work) throws -> Void
  ) async throws -> ProvableWrite? {
    do { return try await write(act, body).proof } catch is AlreadyDone { return nil }
  }
}

extension Installation {
  /// The installation key's word that a log's key is good from `since` on.
  func certify(_ key: VerifierKey, since: Instant) throws -> [UInt8] {
    try signer.sign(text: LogKeyCertificate(key: key, since: since).text)
  }
}
