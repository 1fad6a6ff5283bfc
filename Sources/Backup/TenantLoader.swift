import Custody
import Glibc
import Kernel
import Ledger
import Storage

/// Writes the records of one tenant into a database and a directory of files that nobody has opened yet. The guards are in place; the rows pass
/// them as a `Work`'s would.
final class TenantLoader {
  private static let rowsPerCommit = 20_000

  let tenant: TenantID
  private let database: SQLiteDatabase
  private let filesDirectory: String
  private var table = ""
  private var columns: [String] = []
  private var insert = ""
  private var pending: [Statement] = []
  private var pendingBytes = 0
  private var file: OpenFile?

  private struct Statement {
    let sql: String
    let arguments: [Value]
  }

  /// Opens or makes the tenant's database; `schema` makes what is not there yet.
  init(_ tenant: TenantID, in directory: String, schema: [String]) throws {
    self.tenant = tenant
    filesDirectory = "\(directory)/files/\(tenant)"
    database = try SQLiteDatabase(path: "\(directory)/tenants/\(tenant).db", readers: 1)
    try database.onWriterBlocking { connection, _ in
      guard try connection.firstRow(raw: "SELECT 1 FROM sqlite_schema") == nil else { return }
      try connection.begin()
      for statement in schema { try connection.run(raw: statement) }
      try connection.commit()
    }
  }

  func begin(_ name: String, _ columns: [String]) throws {
    guard name != table || columns != self.columns else { return }
    table = name
    self.columns = columns
    insert = TableDump.insert(name, columns, replacing: true)
  }

  func row(_ values: [Value]) throws {
    guard !insert.isEmpty, values.count == columns.count else { throw Damage("a row stands under no table") }
    try add(Statement(sql: insert, arguments: values))
  }

  func gone(_ table: String, _ key: String) throws {
    try add(
      Statement(
        sql: "DELETE FROM \(SQL.identifier(table)) WHERE tenant = ? AND id = ?",
        arguments: [.text(tenant.text), .text(key)]))
  }

  private func add(_ statement: Statement) throws {
    pending.append(statement)
    for case .bytes(let bytes) in statement.arguments { pendingBytes += bytes.count }
    if pending.count >= TenantLoader.rowsPerCommit || pendingBytes >= PartWriter.partSize { try flush() }
  }

  /// One transaction.
  private func flush() throws {
    guard !pending.isEmpty else { return }
    let statements = pending
    pending = []
    pendingBytes = 0
    try database.onWriterBlocking { connection, gate in
      try connection.begin()
      try gate.whileOpen {
        for statement in statements { try connection.run(raw: statement.sql, statement.arguments) }
      }
      try connection.commit()
    }
  }

  // MARK: Files

  private struct OpenFile {
    let descriptor: Int32
    let path: String
    var rest: Int64
  }

  func begin(_ file: FileID, size: Int64) throws {
    try endFile()
    try DurableFile.makeDirectory(filesDirectory)
    let path = "\(filesDirectory)/\(file)"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw DurableFile.FileError(operation: "create", path: path, number: errno) }
    self.file = OpenFile(descriptor: descriptor, path: path, rest: size)
  }

  func data(_ bytes: ArraySlice<UInt8>) throws {
    guard var open = file, Int64(bytes.count) <= open.rest else {
      throw Damage("there is more of a file than there was")
    }
    open.rest -= Int64(bytes.count)
    file = open
    try bytes.withUnsafeBytes { buffer in
      var rest = buffer[...]
      while !rest.isEmpty {
        let count = write(open.descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw DurableFile.FileError(operation: "write", path: open.path, number: errno) }
        rest = rest.dropFirst(count)
      }
    }
  }

  private func endFile() throws {
    guard let open = file else { return }
    file = nil
    defer { close(open.descriptor) }
    guard fsync(open.descriptor) == 0 else {
      throw DurableFile.FileError(operation: "sync", path: open.path, number: errno)
    }
    guard open.rest == 0 else { throw Damage("there is less of a file than there was") }
  }

  /// Everything is in the database file, and the file is closed.
  func finish() throws {
    try endFile()
    if try DurableFile.exists(filesDirectory) { try DurableFile.syncDirectory(of: filesDirectory + "/.") }
    try flush()
    try database.onWriterBlocking { [tenant] connection, gate in
      try connection.begin()
      try gate.whileOpen {
        try StoredTables.complete(tenant, connection)
        try ErasedImages.remove(tenant, connection, gate)
      }
      try connection.commit()
    }
    database.close()
  }
}
