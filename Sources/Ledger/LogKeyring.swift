import Custody
import Kernel
import Storage
import Synchronization
import TransparencyLog

/// A key of the tenant's log that is on the record: the installation's word for it, and when it ended (docs/format.md §3.4).
///
/// A log has no such row until its key changes: the first key is that of the control database. From the rotation on there is a row for
/// every key; which one signs is told by their number, which is read under the head's lock.
package struct LogKeyRecord: Record, Equatable {
  package static let table = Table(
    "log_key", .primary,
    columns: [
      Column("since", .integer, .operational, purpose: "from when it signs", nullable: false),
      Column("ended_at", .integer, .operational, purpose: "when its seed was gone everywhere; empty while it signs"),
      Column(
        "certificate", .bytes, .key, purpose: "the installation key's word for it, a public note", nullable: false),
    ], retention: "as long as the tenant; public keys only")

  /// From 1.
  package let number: Int64
  package let since: Instant
  package var endedAt: Instant?
  /// The whole note.
  package var certificate: [UInt8]

  init(number: Int64, since: Instant, endedAt: Instant? = nil, certificate: [UInt8]) {
    self.number = number
    self.since = since
    self.endedAt = endedAt
    self.certificate = certificate
  }

  package init(_ row: OpenedRow) throws {
    guard let number = Int64(row.key), let certificate = row.plain("certificate").bytes else {
      throw Problem(.internal, "A stored record cannot be read.", detail: "log_key")
    }
    self.init(
      number: number, since: try row.instant("since"), endedAt: row.optionalInstant("ended_at"),
      certificate: certificate)
  }

  package var key: String { String(number) }
  package var plain: [String: Value] {
    ["since": since.value, "ended_at": endedAt?.value ?? .null, "certificate": .bytes(certificate)]
  }
  package var content: [String: CBOR] { [:] }
}

/// Who signs a log: a key of it, with the installation's certificate.
struct LogIdentity: Sendable {
  let number: Int64
  /// The whole note.
  let certificate: [UInt8]
  private let signer: NoteSigner

  init(number: Int64, certificate: [UInt8], signer: NoteSigner) {
    self.number = number
    self.certificate = certificate
    self.signer = signer
  }

  var verifierKey: VerifierKey { signer.verifierKey }

  func sign(_ checkpoint: Checkpoint) throws -> [UInt8] { try signer.sign(text: checkpoint.text) }

  /// Over the manifest of a bundle (docs/format.md §6.4).
  func sign(manifest text: String) throws -> [UInt8] {
    guard text.hasPrefix("steward/manifest/v1\n") else {
      throw Problem(.internal, "The log key signs checkpoints and manifests only.")
    }
    return try signer.sign(text: text)
  }
}

/// The certificates of a log's keys, oldest first.
struct LogCertificates: Sendable {
  struct Item: Sendable {
    let number: Int64
    let note: [UInt8]
    let endedAt: Instant?
  }

  let items: [Item]
  let newest: Item

  /// As they stand in this snapshot; `first` is that of the control database, which counts while there are no rows.
  init(_ tenant: TenantID, first: [UInt8], _ connection: Connection) throws {
    let table = LogKeyRecord.table.name
    var items: [Item] = []
    // A tenant that was not opened since the program learned of it has no such table.
    if try connection.dialect == .postgres || connection.hasTable(table) {
      items = try connection.rows(
        raw: "SELECT id, certificate, ended_at FROM \(table) WHERE tenant = ?", [.text(tenant.text)]
      ).compactMap { row in
        guard let number = row[0].text.flatMap({ Int64($0) }), let note = row[1].bytes else { return nil }
        return Item(number: number, note: note, endedAt: row[2].integer.map { Instant(milliseconds: $0) })
      }
    }
    items.sort { $0.number < $1.number }
    if items.isEmpty { items = [Item(number: 1, note: first, endedAt: nil)] }
    self.items = items
    newest = items[items.count - 1]
  }
}

/// The keys of one tenant's log, as the record and the key store have them.
///
/// The record says which key signs, the key store holds it. An identity is kept until the record says otherwise.
final class LogKeyring: Sendable {
  let tenant: TenantID
  let origin: String
  private let first: [UInt8]
  private let store: KeyStore
  /// Those that were asked for; never more than the one that signs and, for a moment, the one before.
  private let known = Mutex<LogIdentity?>(nil)
  /// Signs in place of a key that ended, until the record says so.
  private let takenUp = Mutex<LogIdentity?>(nil)

  init(_ entry: Installation.TenantEntry, _ store: KeyStore) {
    tenant = entry.id
    origin = entry.logOrigin
    first = entry.certificate
    self.store = store
  }

  /// The public key, in hex, that an entry about a log's key names; nil for entries about anything else.
  static func key(ofObject object: String) -> String? {
    object.hasPrefix("log-key:") ? String(object.dropFirst("log-key:".utf8.count)) : nil
  }

  func certificates(_ connection: Connection) throws -> LogCertificates {
    try LogCertificates(tenant, first: first, connection)
  }

  func object(_ key: VerifierKey) -> ObjectRef { ObjectRef("log-key", Hex.encode(key.publicKey)) }

  /// The public half of a key that the key store has.
  func verifierKey(number: Int64) throws -> VerifierKey { try signer(number: number).verifierKey }

  private func signer(number: Int64) throws -> NoteSigner {
    try NoteSigner(name: origin, seed: try store.logSeed(of: tenant, number: number))
  }

  /// Lets a later key sign in place of one that ended (`Ledger.takeUpLogKey`).
  func takeUp(_ number: Int64, certificate: [UInt8]) throws {
    let identity = LogIdentity(number: number, certificate: certificate, signer: try signer(number: number))
    takenUp.withLock { $0 = identity }
  }

  /// Who signs, as this snapshot or transaction has it.
  func current(_ connection: Connection) throws -> LogIdentity { try identity(try certificates(connection).newest) }

  /// What a batch on a shared database asks first, in one answer: whether the tenant is frozen, and who signs.
  func standing(_ connection: Connection) throws -> (isFrozen: Bool, signing: LogIdentity) {
    let row = try connection.firstRow(
      raw: """
        SELECT (SELECT count(*) FROM \(FreezeRecord.table.name) WHERE tenant = ?), count(*), max(entry)
        FROM \(LogKeyRecord.table.name) WHERE tenant = ?
        """, [.text(tenant.text), .text(tenant.text)])
    let state = State(keys: row?[1].integer ?? 0, entry: row?[2].integer)
    let isFrozen = row?[0].integer ?? 0 > 0
    if let identity = identities.withLock({ $0[state] }) { return (isFrozen, identity) }
    let identity = try current(connection)
    identities.withLock { $0 = [state: identity] }
    return (isFrozen, identity)
  }

  /// How the rows of keys stand; another state is another answer to who signs.
  private struct State: Hashable {
    let keys: Int64
    let entry: Int64?
  }

  private let identities = Mutex<[State: LogIdentity]>([:])

  private func identity(_ item: LogCertificates.Item) throws -> LogIdentity {
    if let identity = known.withLock({ $0 }), identity.number == item.number, identity.certificate == item.note {
      return identity
    }
    if let identity = takenUp.withLock({ $0 }), identity.number > item.number { return identity }
    let signer = try signer(number: item.number)
    guard try LogKeyCertificate.unidentified(item.note).key == signer.verifierKey else {
      throw Problem(
        .unavailable, "The key store holds another log key than the one on the record; name the right one with --keys.",
        detail: "\(tenant): log key \(item.number)")
    }
    let identity = LogIdentity(number: item.number, certificate: item.note, signer: signer)
    known.withLock { $0 = identity }
    return identity
  }

  /// The certificate of the key that signed this checkpoint.
  func certificate(of checkpoint: [UInt8], _ connection: Connection) throws -> [UInt8] {
    let signatures = try Note.parse(checkpoint).signatures
    let all = try certificates(connection)
    let found = all.items.last { item in
      guard let key = try? LogKeyCertificate.unidentified(item.note).key else { return false }
      return signatures.contains { $0.keyID == key.keyID }
    }
    guard let found else {
      throw Problem(.internal, "A checkpoint is signed by no key of its log; run `steward audit verify`.")
    }
    return found.note
  }
}
