import Custody
import Glibc
import Kernel
import Ledger
import Storage

/// How far a tenant's log is.
struct RelocatedHead: Equatable {
  var size: Int64 = 0
  var checkpoint: [UInt8]?

  init(_ tenant: TenantID, _ connection: Connection) throws {
    guard try connection.hasTable("log_head") else { return }
    size =
      try connection.firstRow(raw: "SELECT size FROM log_head WHERE tenant = ?", [.text(tenant.text)])?[0].integer ?? 0
    checkpoint = try connection.firstRow(
      raw: "SELECT note FROM log_checkpoint WHERE tenant = ? AND size = ?", [.text(tenant.text), .integer(size)])?[0]
      .bytes
  }
}

/// Takes rows, table by table.
protocol RowSink {
  func begin(_ table: String, _ columns: [String]) throws
  func row(_ values: [Value]) throws
}

extension TenantLoader: RowSink {}

/// Where a move puts rows.
protocol RelocatedRows: Sendable {
  /// Nil: the tenant is not there.
  func head(of tenant: TenantID) throws -> RelocatedHead?
  /// The tenant is there when it returns, and was not before.
  func load(_ tenant: TenantID, schema: [String], _ body: (any RowSink) throws -> Void) throws
  func close()
}

extension Contents.Control {
  fileprivate func table(_ name: String) throws -> Table {
    guard let table = tables.first(where: { $0.name == name }) else {
      throw Problem(.unavailable, "The control database is damaged; restore it from a backup.", detail: name)
    }
    return table
  }

  fileprivate func writeTenant(_ id: TenantID, _ connection: Connection) throws {
    let table = try table("tenant")
    guard let place = table.columns.firstIndex(of: "id") else { return }
    for row in table.rows where row[place].text == id.text {
      do { try connection.run(raw: TableDump.insert(table.name, table.columns), row) } catch let error as StorageError
        where error.isConstraint
      {
        throw Problem(.conflict, "The target has another tenant of the same name; nothing of it was changed.")
      }
    }
  }
}

// MARK: - A directory

struct DirectoryRows: RelocatedRows {
  private let directory: String
  private let control: Contents.Control

  init(_ directory: String, control: Contents.Control, isNew: Bool) throws {
    self.directory = directory
    self.control = control
    guard isNew else { return }
    let tables = control.tables.map {
      Contents.Control.Table(
        name: $0.name, columns: $0.columns, rows: ["tenant", "moved"].contains($0.name) ? [] : $0.rows)
    }
    try ControlDatabase(Contents.Control(schema: control.schema, tables: tables)).write(to: directory)
  }

  private func path(_ tenant: TenantID) -> String { "\(directory)/tenants/\(tenant).db" }

  func head(of tenant: TenantID) throws -> RelocatedHead? {
    let place = try DataPlace(directory)
    let row = try place.control { try $0.firstRow(raw: "SELECT 1 FROM tenant WHERE id = ?", [.text(tenant.text)]) }
    guard row != nil else { return nil }
    return try place.tenant(tenant) { try RelocatedHead(tenant, $0) }
  }

  /// What the control database does not name is what a move that was broken off left.
  func load(_ tenant: TenantID, schema: [String], _ body: (any RowSink) throws -> Void) throws {
    for suffix in ["", "-wal", "-shm"] { unlink(path(tenant) + suffix) }
    let loader = try TenantLoader(tenant, in: directory, schema: schema)
    try body(loader)
    try loader.finish()
    let database = try SQLiteDatabase(path: directory + "/control.db", readers: 1)
    defer { database.close() }
    try database.onWriterBlocking { connection, _ in
      try connection.begin()
      try control.writeTenant(tenant, connection)
      try connection.commit()
    }
  }

  func close() {}
}

// MARK: - A database

final class DatabaseRows: RelocatedRows {
  private let server: PostgresServer
  private let pool: PostgresPool
  private let control: Contents.Control

  /// Makes the schema, if the owner's role is named, and the installation in it; refuses another one.
  init(_ settings: DatabaseSettings, control: Contents.Control) throws {
    self.control = control
    server = try PostgresServer(url: settings.url)
    pool = try settings.open(connections: 1)
    do { try writeInstallation() } catch {
      pool.close()
      throw error
    }
  }

  private func writeInstallation() throws {
    let table = try control.table("installation")
    guard let place = table.columns.firstIndex(of: "id"), let row = table.rows.first else { return }
    try PostgresDatabase(pool: pool, tenant: nil).onWriterBlocking { connection, _ in
      try connection.begin()
      if let known = try connection.firstRow(raw: "SELECT id FROM installation") {
        guard known[0] == row[place] else {
          throw Problem(.conflict, "The database holds another installation; name an empty one.")
        }
        return try connection.rollback()
      }
      try connection.run(raw: TableDump.insert(table.name, table.columns), row)
      try connection.commit()
    }
  }

  func head(of tenant: TenantID) throws -> RelocatedHead? {
    try PostgresDatabase.readOnce(server, tenant: tenant.text) { connection in
      guard try connection.firstRow(raw: "SELECT 1 FROM tenant WHERE id = ?", [.text(tenant.text)]) != nil else {
        return nil
      }
      return try RelocatedHead(tenant, connection)
    }
  }

  /// One transaction, the tenant's name with it.
  func load(_ tenant: TenantID, schema: [String], _ body: (any RowSink) throws -> Void) throws {
    try PostgresDatabase(pool: pool, tenant: tenant.text).onWriterBlocking { connection, _ in
      guard let session = connection.pipeline else { throw Problem(.internal, "The target is not a database.") }
      try connection.begin()
      try control.writeTenant(tenant, connection)
      let sink = DatabaseSink(session, connection)
      try body(sink)
      try sink.flush()
      try StoredTables.complete(tenant, connection)
      do { try connection.commit() } catch let doubt as CommitInDoubt { throw doubt.reason }
    }
  }

  func close() { pool.close() }
}

private final class DatabaseSink: RowSink {
  private static let bytesAtOnce = 4 << 20
  private let session: PostgresSession
  private let connection: Connection
  private var table = ""
  private var columns: [String] = []
  private var rows: [[Value]] = []
  private var bytes = 0

  init(_ session: PostgresSession, _ connection: Connection) {
    self.session = session
    self.connection = connection
  }

  func begin(_ table: String, _ columns: [String]) throws {
    try flush()
    let known = Set(try connection.columns(of: table))
    guard known.isSuperset(of: columns) else {
      throw Problem(
        .conflict, "The database has no such table as the source; bring it forward with --database-owner.",
        detail: table)
    }
    (self.table, self.columns) = (table, columns)
  }

  func row(_ values: [Value]) throws {
    rows.append(values)
    for case .bytes(let piece) in values { bytes += piece.count }
    if rows.count >= PostgresLink.rowsPerStatement || bytes >= Self.bytesAtOnce { try flush() }
  }

  func flush() throws {
    guard !rows.isEmpty else { return }
    try session.insert(into: table, columns, rows)
    try session.drain()
    (rows, bytes) = ([], 0)
  }
}

// MARK: - Files

/// Copies sealed files, and reads each again to compare it.
struct RelocatedFiles {
  private static let piece: Int64 = 1 << 20
  private let source: any SealedFileStore
  private let target: any SealedFileStore

  init(from source: any SealedFileStore, to target: any SealedFileStore) {
    self.source = source
    self.target = target
  }

  /// How many there are.
  func copy(of tenant: TenantID) async throws -> Int {
    let files = try await source.list(tenant)
    for file in files where try await !isSame(file.id, tenant) {
      try await target.remove(tenant, file.id)
      try await copy(file.id, tenant)
      guard try await isSame(file.id, tenant) else {
        throw Damage("the file \(file.id) did not arrive as it was sent")
      }
    }
    return files.count
  }

  private func copy(_ file: FileID, _ tenant: TenantID) async throws {
    guard let read = try await source.open(tenant, file) else { return }
    let sink = try await target.create(tenant, file)
    do {
      try await each(read) { piece in
        try await sink.append(piece)
        return true
      }
      try await sink.finish()
    } catch {
      await sink.abandon()
      throw error
    }
  }

  /// Also of one that is gone from the source meanwhile.
  private func isSame(_ file: FileID, _ tenant: TenantID) async throws -> Bool {
    guard let here = try await source.open(tenant, file) else { return true }
    guard let there = try await target.open(tenant, file), there.size == here.size else { return false }
    var isSame = true
    try await each(here) { piece in
      isSame = try await there.read(piece.count) == piece
      return isSame
    }
    return isSame
  }

  /// Until `body` says that it is enough.
  private func each(_ read: any SealedFileSource, _ body: ([UInt8]) async throws -> Bool) async throws {
    var rest = read.size
    while rest > 0 {
      let count = min(rest, Self.piece)
      guard try await body(try await read.read(Int(count))) else { return }
      rest -= count
    }
  }
}
