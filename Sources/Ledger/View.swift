import Glibc
import Kernel
import Storage

/// A record whose rows can be searched by words.
package protocol Searchable: Record {
  /// What a person would type a part of to find the record.
  var searchText: String { get }
}

/// All opened rows of one table of one tenant, as of one commit, in key order (oldest first).
package struct ViewSnapshot<R: Record>: Sendable {
  package fileprivate(set) var rows: [R] = []
  fileprivate var keys: [String] = []
  fileprivate var texts: [[UInt8]] = []
  fileprivate var version: Int64 = -1
  fileprivate var size: Int64 = 0

  package subscript(_ key: String) -> R? {
    position(of: key).found ? rows[position(of: key).index] : nil
  }

  /// Rows in which every word occurs, in any case. All rows if there is no word.
  package func search(_ query: String) -> [R] where R: Searchable {
    let words = SearchText.words(query)
    guard !words.isEmpty else { return rows }
    return rows.indices.compactMap { row in
      words.allSatisfy { SearchText.contains(texts[row], $0) } ? rows[row] : nil
    }
  }

  fileprivate func position(of key: String) -> (index: Int, found: Bool) {
    var (low, high) = (0, keys.count)
    while low < high {
      let middle = (low + high) / 2
      if keys[middle] < key { low = middle + 1 } else { high = middle }
    }
    return (low, low < keys.count && keys[low] == key)
  }

  fileprivate mutating func put(_ row: R) {
    let text = (row as? any Searchable).map { SearchText.fold($0.searchText) } ?? []
    let (index, found) = position(of: row.key)
    if found {
      rows[index] = row
      texts[index] = text
    } else {
      rows.insert(row, at: index)
      keys.insert(row.key, at: index)
      texts.insert(text, at: index)
    }
  }

  fileprivate mutating func remove(_ key: String) {
    let (index, found) = position(of: key)
    guard found else { return }
    rows.remove(at: index)
    keys.remove(at: index)
    texts.remove(at: index)
  }
}

/// Words as they are compared: lower case, without characters that nobody sees.
package enum SearchText {
  package static func fold(_ text: String) -> [UInt8] {
    var visible = String.UnicodeScalarView()
    for scalar in text.lowercased().unicodeScalars
    where scalar.isASCII || !scalar.properties.isDefaultIgnorableCodePoint {
      visible.append(scalar)
    }
    return Array(String(visible).utf8)
  }

  package static func words(_ query: String) -> [[UInt8]] {
    query.split(whereSeparator: \.isWhitespace).map { fold(String($0)) }.filter { !$0.isEmpty }
  }

  package static func contains(_ text: [UInt8], _ word: [UInt8]) -> Bool {
    guard let first = word.first, word.count <= text.count else { return word.isEmpty }
    return text.withUnsafeBytes { text in
      word.withUnsafeBytes { word in
        guard let base = text.baseAddress, let wanted = word.baseAddress else { return false }
        var start = 0
        while start <= text.count - word.count {
          guard let hit = memchr(base + start, Int32(first), text.count - word.count - start + 1) else { return false }
          if memcmp(hit, wanted, word.count) == 0 { return true }
          start = UnsafeRawPointer(hit) - base + 1
        }
        return false
      }
    }
  }
}

/// Keeps one view and brings it up to date from the change records of newer entries.
actor ViewHolder<R: Record> {
  private unowned let ledger: Ledger
  private let tenant: TenantID
  private var current = ViewSnapshot<R>()
  private var refreshing: Task<ViewSnapshot<R>, any Error>?

  init(ledger: Ledger, tenant: TenantID) {
    self.ledger = ledger
    self.tenant = tenant
  }

  func snapshot() async throws -> ViewSnapshot<R> {
    while true {
      let wanted = try await ledger.version(tenant, tables: [R.table.name])
      if current.version >= wanted { return current }
      let task = refreshing ?? start()
      refreshing = task
      defer { refreshing = nil }
      let fresh = try await task.value
      if fresh.version > current.version { current = fresh }
    }
  }

  private func start() -> Task<ViewSnapshot<R>, any Error> {
    var snapshot = current
    current = ViewSnapshot()
    let (ledger, tenant) = (ledger, tenant)
    return Task {
      let wanted = try await ledger.version(tenant, tables: [R.table.name])
      let base = snapshot
      snapshot = ViewSnapshot()
      return try await ledger.read(tenant) { reader in try Self.refreshed(base, wanted, reader) }
    }
  }

  private static func refreshed(_ base: ViewSnapshot<R>, _ wanted: Int64, _ reader: Reader) throws -> ViewSnapshot<R> {
    var snapshot = base
    let size = try LogStore(tenant: reader.tenant, connection: reader.connection).head().size
    if base.version < 0 {
      for row in try reader.fetch(R.self, "ORDER BY id") { snapshot.put(row) }
    } else {
      let changed = try reader.rows(
        "SELECT DISTINCT row_key FROM log_change WHERE tenant = \(reader.tenant) AND idx >= \(base.size) AND tbl = \(R.table.name)"
      )
      for key in changed.compactMap({ $0[0].text }) {
        if let row = try reader.find(R.self, key) { snapshot.put(row) } else { snapshot.remove(key) }
      }
    }
    snapshot.version = max(wanted, 0)
    snapshot.size = size
    return snapshot
  }
}
