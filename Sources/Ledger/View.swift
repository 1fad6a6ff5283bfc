import Glibc
import Kernel
import Storage

/// A record whose rows can be searched by words.
package protocol Searchable: Record {
  /// What a person would type a part of to find the record.
  var searchText: String { get }
}

/// A record whose row can lie in the trash.
package protocol Trashable: Record {
  var isTrashed: Bool { get }
}

/// All opened rows of one table of one tenant, as of one commit, in key order (oldest first).
package struct ViewSnapshot<R: Record>: Sendable {
  package fileprivate(set) var rows: [R] = []
  /// How many of them lie in the trash.
  package fileprivate(set) var trashedCount = 0
  fileprivate var keys: [String] = []
  fileprivate var texts: [[UInt8]] = []
  fileprivate var pairs: [SearchText.Pairs] = []
  fileprivate var version: Int64 = -1
  fileprivate var size: Int64 = 0
  fileprivate var era: Int64 = 0

  package subscript(_ key: String) -> R? {
    let (index, found) = position(of: key)
    return found ? rows[index] : nil
  }

  /// Rows in which every word occurs, in any case. All rows if there is no word.
  package func search(_ query: String) -> [R] where R: Searchable {
    let words = SearchText.words(query)
    guard !words.isEmpty else { return rows }
    // Nearly every row is passed over by its pairs, which lie side by side; the few that are left are looked at.
    let wanted = words.reduce(SearchText.Pairs()) { $0.union(SearchText.Pairs($1)) }
    var found: [R] = []
    for (row, pairs) in pairs.enumerated() where pairs.contains(wanted) {
      if words.allSatisfy({ SearchText.contains(texts[row], $0) }) { found.append(rows[row]) }
    }
    return found
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
    trashedCount += ViewSnapshot.trashed(row)
    if found {
      trashedCount -= ViewSnapshot.trashed(rows[index])
      rows[index] = row
      texts[index] = text
      pairs[index] = SearchText.Pairs(text)
    } else {
      rows.insert(row, at: index)
      keys.insert(row.key, at: index)
      texts.insert(text, at: index)
      pairs.insert(SearchText.Pairs(text), at: index)
    }
  }

  private static func trashed(_ row: R) -> Int { (row as? any Trashable)?.isTrashed == true ? 1 : 0 }

  fileprivate mutating func remove(_ key: String) {
    let (index, found) = position(of: key)
    guard found else { return }
    trashedCount -= ViewSnapshot.trashed(rows[index])
    rows.remove(at: index)
    keys.remove(at: index)
    texts.remove(at: index)
    pairs.remove(at: index)
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

  /// Which pairs of neighbouring bytes occur in a text, each as one of 128 bits: a word can only stand where all of its pairs do.
  struct Pairs: Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init() {}

    init(_ text: [UInt8]) {
      for (first, second) in zip(text, text.dropFirst()) {
        // Multiplicative hashing: the upper bits of a product with an odd constant are spread well.
        let bit = ((UInt32(first) << 8 | UInt32(second)) &* 2_654_435_769) >> 25
        if bit < 64 { low |= 1 << UInt64(bit) } else { high |= 1 << UInt64(bit - 64) }
      }
    }

    func union(_ other: Pairs) -> Pairs {
      var union = self
      union.low |= other.low
      union.high |= other.high
      return union
    }

    func contains(_ other: Pairs) -> Bool { other.low & ~low == 0 && other.high & ~high == 0 }
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

  /// The record with this key as of `wanted`; nil if the view is older, or does not have it.
  func find(_ key: String, asOf wanted: LogWatch.Standing) -> R? {
    current.version >= wanted.version && current.era == wanted.era ? current[key] : nil
  }

  func snapshot() async throws -> ViewSnapshot<R> {
    while true {
      let wanted = try await ledger.standing(tenant, [R.table.name]).version
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
      let wanted = try await ledger.standing(tenant, [R.table.name])
      // What was read from another log is of no use.
      let base = snapshot.era == wanted.era ? snapshot : ViewSnapshot()
      snapshot = ViewSnapshot()
      return try await ledger.read(tenant) { reader in try Self.refreshed(base, wanted, reader) }
    }
  }

  private static func refreshed(
    _ base: ViewSnapshot<R>, _ wanted: LogWatch.Standing, _ reader: Reader
  ) throws -> ViewSnapshot<R> {
    var snapshot = base
    let size = try LogStore(tenant: reader.tenant, connection: reader.connection).end().size
    if base.version < 0 {
      try reader.each(R.self, "ORDER BY id") { snapshot.put($0) }
    } else {
      let changed = try reader.rows(
        "SELECT DISTINCT row_key FROM log_change WHERE tenant = \(reader.tenant) AND idx >= \(base.size) AND tbl = \(R.table.name)"
      )
      for key in changed.compactMap({ $0[0].text }) {
        if let row = try reader.find(R.self, key) { snapshot.put(row) } else { snapshot.remove(key) }
      }
    }
    snapshot.version = wanted.version
    snapshot.era = wanted.era
    snapshot.size = size
    return snapshot
  }
}
