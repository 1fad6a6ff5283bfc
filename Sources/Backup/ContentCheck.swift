import Kernel
import Ledger
import Storage
import TransparencyLog

/// Where the logs and states of a chain's tenants stand after one of its members.
struct ChainState {
  struct Tenant {
    var frontier = Frontier()
    var lanes = Lanes()
    /// State commitment of the last batch entry.
    var commitment: Digest?
    /// Certificates of the log's keys, by number, where its key was changed.
    var certificates: [String: [UInt8]] = [:]
  }
  var tenants: [TenantID: Tenant] = [:]
}

/// Follows the records of one backup and compares each tenant's log root and state commitment with what was signed.
struct ContentCheck {
  private let contents: Contents
  private let trust: InstallationTrust
  private let isBase: Bool
  private let certificates: [TenantID: [UInt8]]
  private let wanted: [TenantID: Contents.Tenant]
  private var state: ChainState
  private(set) var rows: Int64 = 0
  private(set) var entries: Int64 = 0

  private var tenant: TenantID?
  private var current = ChainState.Tenant()
  private var table: Shape?
  /// What the increment's first change of each row started from.
  private var before: [RowName: Digest?] = [:]
  private var file: (id: FileID, rest: Int64)?

  private struct RowName: Hashable {
    let table: String
    let key: String
  }

  /// A table of the parts, with the positions that matter.
  private struct Shape {
    let name: String
    let columns: [String]
    /// Nil for the journal's tables.
    let primary: Table?

    init(_ name: String, _ columns: [String]) {
      self.name = name
      self.columns = columns
      let own = columns.dropFirst(Table.impliedColumns.count).map { Column($0, .text, .operational, purpose: "") }
      primary =
        StoredTables.journal.contains(name) ? nil : Table(name, .primary, columns: Array(own), retention: "")
    }

    func value(_ column: String, _ row: [Value]) -> Value {
      columns.firstIndex(of: column).map { row[$0] } ?? .null
    }
  }

  init(_ contents: Contents, trust: InstallationTrust, isBase: Bool, _ state: ChainState) {
    self.contents = contents
    self.trust = trust
    self.isBase = isBase
    self.state = isBase ? ChainState() : state
    wanted = Dictionary(contents.tenants.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    certificates = contents.columnByTenant("certificate").compactMapValues(\.bytes)
  }

  mutating func take(_ record: PartRecord) throws {
    if case .data(let bytes) = record {
      guard let open = file, Int64(bytes.count) <= open.rest else {
        throw Damage("there is more of a file than there was")
      }
      file = (open.id, open.rest - Int64(bytes.count))
      return
    }
    switch record {
    case .tenant(let id): try begin(id)
    case .table(let name, let columns): try begin(name, columns)
    case .row(let values): try row(values)
    case .gone(let table, let key):
      guard before.keys.contains(RowName(table: table, key: key)) else {
        throw Damage("a row is gone without a change")
      }
    case .file(let id, let size):
      try endFile()
      file = (id, size)
    case .data: break
    }
  }

  mutating func finish() throws -> ChainState {
    try endTenant()
    for tenant in contents.tenants {
      let reached = state.tenants[tenant.id] ?? ChainState.Tenant()
      try compare(reached, with: tenant)
    }
    return state
  }

  // MARK: Records

  private mutating func begin(_ id: TenantID) throws {
    guard id != tenant else { return }
    try endTenant()
    guard wanted[id] != nil else { throw Damage("a part holds a tenant that the contents do not name") }
    tenant = id
    current = state.tenants[id] ?? ChainState.Tenant()
  }

  private mutating func begin(_ name: String, _ columns: [String]) throws {
    guard tenant != nil else { throw Damage("a part holds rows of no tenant") }
    if table?.name == name { return }
    let shape = Shape(name, columns)
    guard shape.primary == nil || Array(columns.prefix(Table.impliedColumns.count)) == Table.impliedColumns else {
      throw Damage("a table has not the columns that every table has")
    }
    table = shape
  }

  private mutating func row(_ values: [Value]) throws {
    guard let shape = table, let tenant, values.count == shape.columns.count, values[0].text == tenant.text else {
      throw Damage("a row is not of the table or tenant that it stands under")
    }
    switch shape.name {
    case "log_entry": try entry(shape.value("idx", values).integer, shape.value("data", values).bytes)
    case "log_change" where !isBase:
      let name = RowName(
        table: shape.value("tbl", values).text ?? "", key: shape.value("row_key", values).text ?? "")
      if before[name] == nil {
        before[name] = .some(shape.value("before", values).bytes.flatMap { Digest(bytes: $0) })
      }
    default:
      guard let primary = shape.primary else { return }
      rows += 1
      let stored = StoredRow(values)
      guard isBase || before.keys.contains(RowName(table: shape.name, key: stored.key)) else {
        throw Damage("a row changed without a change record")
      }
      if shape.name == LogKeyRecord.table.name {
        current.certificates[stored.key] = shape.value("certificate", values).bytes
      }
      try current.lanes.add(Digest(sha256: stored.canonical(primary)))
    }
  }

  private mutating func entry(_ index: Int64?, _ data: [UInt8]?) throws {
    guard let data, index == current.frontier.size else { throw Damage("entries of a log are missing or out of order") }
    entries += 1
    current.frontier.append(MerkleTree.leafHash(data))
    if case .batch(let batch)? = try? Leaf(parsing: data) { current.commitment = batch.state }
  }

  private mutating func endFile() throws {
    guard file.map({ $0.rest == 0 }) ?? true else { throw Damage("there is less of a file than there was") }
    file = nil
  }

  private mutating func endTenant() throws {
    try endFile()
    guard let tenant else { return }
    for case .some(let digest) in before.values { try current.lanes.remove(digest) }
    state.tenants[tenant] = current
    before = [:]
    table = nil
    self.tenant = nil
  }

  /// What the records came to against the checkpoint that the log key signed.
  private func compare(_ reached: ChainState.Tenant, with tenant: Contents.Tenant) throws {
    guard reached.frontier.size == tenant.size else { throw Damage("a tenant's log has another size than was signed") }
    guard tenant.size > 0 else { return }
    // Which of them had to sign is told by the whole log; a restore looks at that.
    let certified = (Array(reached.certificates.values) + [certificates[tenant.id] ?? []]).compactMap {
      try? trust.open($0)
    }
    let opened = tenant.checkpoint.flatMap { note in
      certified.lazy.compactMap { try? Checkpoint.open(note, key: $0.key) }.first
    }
    guard let checkpoint = opened else { throw Damage("a tenant's checkpoint is not signed by its log key") }
    guard checkpoint.size == tenant.size, checkpoint.root == reached.frontier.root else {
      throw Damage("a tenant's log has another root than the one that was signed")
    }
    guard reached.lanes.commitment == reached.commitment else {
      throw Damage("a tenant's rows are not those of the signed state commitment")
    }
  }
}
