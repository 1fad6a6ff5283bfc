import Kernel
import Storage

/// What can be done with the files of one place of keys, be it a directory or a database.
///
/// Files are made and then stay. What changes: the mark of taken slots, which only rises; blocks, which go to a higher epoch; what is said of
/// backup keys, which only grows; and keys that are destroyed (docs/format.md §5.6, §5.8).
protocol KeyFiles: KeyRewriting {
  func read(_ file: KeyFile) throws -> [UInt8]?

  func exists(_ file: KeyFile) throws -> Bool

  /// Every key file, in `KeyFile.order`. Other names are passed over.
  func list() throws -> [KeyFile]

  func list(of tenant: TenantID) throws -> [KeyFile]

  /// The tenant's files but its blocks, of which there are many.
  func heads(of tenant: TenantID) throws -> [KeyFile]

  /// The keys of backups, and what is said of them.
  func terms() throws -> [KeyFile]

  /// The epoch of each of the tenant's blocks.
  func epochs(ofBlocksOf tenant: TenantID) throws -> [Int64: Int64]

  /// Durable when it returns. Never replaces: if the file is there already it stays, and its bytes are what is given back.
  func add(_ bytes: [UInt8], as file: KeyFile) throws -> [UInt8]

  /// The same for files of one directory of which none is there, several times as fast as one after another. Whoever uses one reads it first.
  func addNew(_ files: [(file: KeyFile, bytes: [UInt8])]) throws

  /// Makes durable a file that is there: whoever added it may have been broken off before it was.
  func renew(_ file: KeyFile) throws

  /// Durable when it returns. A mark that is higher already stays.
  func raise(_ mark: Int64, of tenant: TenantID) throws

  /// Makes blocks of one tenant what is given, each from its old state to the new one at once; all of them are durable when it returns.
  func replace(_ blocks: [(file: KeyFile, bytes: [UInt8])]) throws

  /// Makes what is said of backup keys what is given; durable when it returns.
  func put(_ bytes: [UInt8], as book: KeyFile) throws

  /// Destroys files as well as the place can: they are gone when it returns. One that is not there is none.
  func end(_ files: [KeyFile]) throws

  /// The list of replicas that a live store carries (docs/format.md §5.4).
  func replicaList() throws -> [UInt8]?

  func setReplicaList(_ bytes: [UInt8]) throws
}

/// A place where the files of a key store lie, shared by any number of processes.
protocol KeyPlace: KeyFiles, Sendable {
  var name: KeyPlaceName { get }

  /// Makes what is needed before the first file: directories, or schema and table.
  func prepare() throws

  /// Lets a place of an earlier version destroy keys.
  func prepareToEnd() throws

  /// Takes what was destroyed off the disk where that is a matter of its own; as well as may be.
  func sweep()

  /// Runs `body` while every other process is kept from what `lock` names; what it puts through the files it is given is durable when this
  /// returns. Throws `Problem.unavailable` if another process does not let go in time.
  func locked<T>(_ lock: KeyLock, _ body: (any KeyFiles) throws -> T) throws -> T
}

extension KeyPlace {
  func prepareToEnd() throws {}
  func sweep() {}
}

/// What a process may keep to itself for a moment.
enum KeyLock: Hashable, Sendable {
  /// The files of one tenant.
  case tenant(TenantID)
  /// The keys of backups.
  case terms
  /// The whole store: nobody makes any file meanwhile.
  case store

  /// How long a process waits for another; a reservation takes milliseconds.
  static let patienceMilliseconds = 10_000

  /// A number that stands for a tenant wherever locks have numbers. Two tenants with one number wait for each other and nothing else.
  static func number(of tenant: TenantID) -> Int64 {
    let bytes = Digest(sha256: Array(tenant.text.utf8)).bytes.prefix(7)
    return bytes.reduce(Int64(0)) { $0 << 8 | Int64($1) } + 1
  }

  /// The number of what is locked beside others; a tenant's has 56 bits.
  var number: Int64 {
    switch self {
    case .store: 0
    case .tenant(let tenant): KeyLock.number(of: tenant)
    case .terms: 1 << 57
    }
  }

  static var taken: Problem {
    Problem(
      .unavailable,
      "Another process has held the keys for \(patienceMilliseconds / 1_000) seconds, so nothing was changed. Try again; if it stays so, look for a server that hangs."
    )
  }
}

/// The name of a place: an absolute or relative path, or the address of a database without its password.
package enum KeyPlaceName: Sendable, Hashable, CustomStringConvertible {
  package static let longest = 1_000

  case directory(String)
  case database(KeyDatabaseAddress)

  /// Whether `text` means a database.
  package static func isDatabase(_ text: String) -> Bool {
    text.hasPrefix("postgres://") || text.hasPrefix("postgresql://")
  }

  /// Throws `Problem.invalid` for what is neither.
  package init(_ text: String) throws {
    guard !text.isEmpty, text.utf8.count <= KeyPlaceName.longest,
      !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f })
    else {
      throw Problem.invalid(
        "keys",
        "A place of keys is a path or a postgres:// address of at most \(KeyPlaceName.longest) plain characters."
      )
    }
    self = KeyPlaceName.isDatabase(text) ? .database(try KeyDatabaseAddress(text)) : .directory(text)
  }

  package var description: String {
    switch self {
    case .directory(let path): path
    case .database(let address): address.text
    }
  }

  /// Whether it is the database of this URL, whoever asks there.
  package func isSameDatabase(as url: String) -> Bool {
    guard case .database(let address) = self, let other = try? PostgresServer(url: url) else { return false }
    return address.server.hosts == other.hosts && address.server.database == other.database
  }

  package var directory: String? { if case .directory(let path) = self { path } else { nil } }

  func place(_ disk: KeyDisk = .real) -> any KeyPlace {
    switch self {
    case .directory(let path): KeyDirectory(path, disk: disk)
    case .database(let address): KeyDatabase(address)
    }
  }
}

/// Where a database of keys is: the URL as it was written, which holds no password.
package struct KeyDatabaseAddress: Sendable, Hashable {
  let text: String
  let server: PostgresServer

  /// Throws `Problem.invalid` for an address with a password: it would be seen in lists of processes, in configurations and on paper.
  init(_ text: String) throws {
    guard !KeyDatabaseAddress.hasPassword(text) else {
      throw Problem.invalid(
        "keys",
        "Leave the password out of the address of a key database: write it to a password file and name that with PGPASSFILE."
      )
    }
    self.text = text
    do { server = try PostgresServer(url: text) } catch { throw Problem.invalid("keys", "For the keys, \(error).") }
  }

  private static func hasPassword(_ address: String) -> Bool {
    let parts = address.split(separator: "?", maxSplits: 1)
    let authority = parts.first?.split(separator: "/").dropFirst().first ?? ""
    // Behind the last @ stand hosts and ports; before it a colon begins the password.
    if let at = authority.lastIndex(of: "@"), authority[..<at].contains(":") { return true }
    return parts.count > 1 && parts[1].split(separator: "&").contains { $0.lowercased().contains("password") }
  }
}
