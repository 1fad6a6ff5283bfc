@testable import Backup
import Custody
import Foundation
import Kernel
import Ledger
import Storage

struct Memo: Record {
  static let table = Table(
    "memo", .primary, columns: [Column("state", .text, .operational, purpose: "open or done")],
    sealed: [Column("title", .text, .content, purpose: "what the person typed")], retention: "as long as the tenant")

  let id: ID<Memo>
  var state = "open"
  var title: String

  var key: String { id.text }
  var plain: [String: Value] { ["state": .text(state)] }
  var content: [String: CBOR] { ["title": .text(title)] }

  init(id: ID<Memo>, title: String) {
    self.id = id
    self.title = title
  }

  init(_ row: OpenedRow) throws {
    id = try row.keyID()
    state = try row.text("state")
    title = try row.contentText("title")
  }
}

let noon = Instant("2026-11-21T12:00:00.000Z") ?? Instant(milliseconds: 0)
let tables = [Memo.table, BackupRecord.table, RestoreRecord.table]

/// An installation with two tenants, a place beside it, and room for restores; removed at the end.
final class Bench: Sendable {
  let directory: String
  let ledger: Ledger
  let acme: TenantID
  let system: TenantID
  let clock: FixedClock

  var data: String { directory + "/data" }
  var keys: String { directory + "/data.keys" }
  var keyStore: KeyStore { ledger.installation.keyStore }
  var placePath: String { directory + "/place" }

  init() async throws {
    directory = NSTemporaryDirectory() + "steward-backup-" + UUID().uuidString
    clock = FixedClock(noon)
    let installation = try OpenInstallation.create(
      at: directory + "/data", keys: "\(directory)/data.keys", now: noon)
    ledger = try Ledger(installation: installation, tables: tables, clock: clock)
    acme = try await ledger.createTenant(slug: "acme").id
    system = try await ledger.createTenant(slug: "system", isHidden: true).id
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  func place() throws -> DirectoryPlace { try DirectoryPlace(placePath, apartFrom: [data, keys]) }

  func maker(_ policy: BackupPolicy = BackupPolicy()) throws -> BackupMaker {
    BackupMaker(ledger.installation, files: ledger.files, to: try place(), policy: policy, clock: clock)
  }

  @discardableResult
  func add(_ title: String) async throws -> Memo {
    let memo = Memo(id: ID.make(at: clock.now), title: title)
    return try await ledger.write(acme, act("memo.create", memo)) { work in
      try work.insert(memo)
      return memo
    }.value
  }

  func rename(_ memo: Memo, _ title: String) async throws {
    var memo = memo
    memo.title = title
    let changed = memo
    _ = try await ledger.write(acme, act("memo.rename", memo)) { try $0.update(changed) }
  }

  func delete(_ memo: Memo) async throws {
    _ = try await ledger.write(acme, act("memo.delete", memo)) { try $0.delete(Memo.self, memo.key) }
  }

  func attach(_ bytes: [UInt8]) async throws -> StagedFile {
    try await ledger.stageFile(
      acme,
      AsyncStream { continuation in
        continuation.yield(bytes)
        continuation.finish()
      })
  }

  func act(_ action: StaticString, _ memo: Memo) -> Act {
    Act(action, on: ObjectRef("memo", memo.id), by: .system("test"))
  }

  func verify(keys: Bool = true) throws -> BackupVerification.Report {
    var verification = BackupVerification(
      try place(), pinned: ledger.installation.verifier,
      keyring: keys ? ledger.installation.keyStore.backupKeyring : nil)
    return try verification.run()
  }

  /// Restores into a directory of that name, with a copy of the keys as they are now.
  func restore(_ name: String, backup: BackupID? = nil, slug: String? = nil) async throws -> Restore.Report {
    let copy = "\(directory)/\(name).keys"
    if !FileManager.default.fileExists(atPath: copy) {
      try FileManager.default.copyItem(atPath: keys, toPath: copy)
    }
    return try await Restore(
      from: try place(), to: "\(directory)/\(name)", keys: KeyLocation(copy),
      opening: { [clock] in try Ledger(installation: $0, tables: tables, clock: clock) }
    ).run(backup: backup, slug: slug)
  }

  func opened(_ name: String) throws -> Ledger {
    try Ledger(
      installation: OpenInstallation(openAt: "\(directory)/\(name)", keys: "\(directory)/\(name).keys"), tables: tables,
      clock: clock)
  }

  func checkpoint(_ ledger: Ledger, _ tenant: TenantID) async throws -> [UInt8] {
    try await ledger.read(tenant) { try $0.latestCheckpoint()?.note ?? [] }
  }

  /// Every file of the place, by path.
  func objects() throws -> [String] {
    (FileManager.default.subpaths(atPath: placePath) ?? []).filter { path in
      var isDirectory: ObjCBool = false
      return FileManager.default.fileExists(atPath: "\(placePath)/\(path)", isDirectory: &isDirectory)
        && !isDirectory.boolValue && path != "lock"
    }.sorted()
  }
}
