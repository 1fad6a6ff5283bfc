import Custody
import Kernel
import Storage

/// One row of a primary table, as a value. Writes go through records because the journal needs the images.
package protocol Record: Sendable {
  static var table: Table { get }
  /// Column `id`.
  var key: String { get }
  /// The table's own plain columns; what is left out is NULL.
  var plain: [String: Value] { get }
  /// The sealed image; nulls are left out.
  var content: [String: CBOR] { get }
  init(_ row: OpenedRow) throws
}

/// A primary row as stored, in the order of `Table.storedColumns`.
package struct StoredRow: Sendable {
  package let values: [Value]

  package init(_ values: [Value]) { self.values = values }

  package var key: String { values[1].text ?? "" }
  package var entry: Int64 { values[2].integer ?? 0 }
  package var schema: Int64 { values[3].integer ?? 0 }
  package var subject: SubjectRef { SubjectRef(values[4].integer ?? -1) }
  package var sealed: [UInt8] { values[5].bytes ?? [] }

  /// The stored row of docs/format.md §2, in deterministic CBOR.
  package func canonical(_ table: Table) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(256 + sealed.count)
    CBOR.writeHead(4, 2, to: &out)
    CBOR.write(text: table.name, to: &out)
    CBOR.writeHead(5, UInt64(values.count { !$0.isNull }), to: &out)
    for position in table.canonicalOrder {
      switch values[position] {
      case .null: continue
      case .integer(let value):
        CBOR.write(text: table.storedColumns[position], to: &out)
        CBOR.write(integer: value, to: &out)
      case .text(let value):
        CBOR.write(text: table.storedColumns[position], to: &out)
        CBOR.write(text: value, to: &out)
      case .bytes(let value):
        CBOR.write(text: table.storedColumns[position], to: &out)
        CBOR.write(bytes: value, to: &out)
      }
    }
    return out
  }
}

/// A primary row with its image opened; a record reads itself from it.
package struct OpenedRow {
  package let table: Table
  package let stored: StoredRow
  package let content: [String: CBOR]

  package var key: String { stored.key }
  package var entry: Int64 { stored.entry }
  package var subject: SubjectRef { stored.subject }

  package func plain(_ column: String) -> Value {
    guard let position = table.storedColumns.firstIndex(of: column) else { return .null }
    return stored.values[position]
  }

  package func text(_ column: String) throws -> String { try plain(column).text ?? damaged(column) }
  package func optionalText(_ column: String) -> String? { plain(column).text }
  package func integer(_ column: String) throws -> Int64 { try plain(column).integer ?? damaged(column) }
  package func optionalInteger(_ column: String) -> Int64? { plain(column).integer }
  package func id<Noun>(_ column: String, of: Noun.Type = Noun.self) throws -> ID<Noun> {
    try optionalID(column) ?? damaged(column)
  }
  package func optionalID<Noun>(_ column: String, of: Noun.Type = Noun.self) -> ID<Noun>? {
    plain(column).text.flatMap { ID<Noun>($0) }
  }
  package func instant(_ column: String) throws -> Instant { Instant(milliseconds: try integer(column)) }
  package func optionalInstant(_ column: String) -> Instant? {
    optionalInteger(column).map { Instant(milliseconds: $0) }
  }
  package func keyID<Noun>(of: Noun.Type = Noun.self) throws -> ID<Noun> { try ID<Noun>(key) ?? damaged("id") }

  package func contentText(_ name: String) throws -> String { try content[name]?.text ?? damaged(name) }
  package func contentInteger(_ name: String) throws -> Int64 { try content[name]?.integer ?? damaged(name) }
  package func contentDigest(_ name: String) throws -> Digest {
    try content[name]?.bytes.flatMap { Digest(bytes: $0) } ?? damaged(name)
  }
  package func contentTexts(_ name: String) -> [String] { content[name]?.array?.compactMap(\.text) ?? [] }

  private func damaged<T>(_ column: String) throws -> T {
    throw Problem(.internal, "A stored record cannot be read.", detail: "\(table.name).\(column) of \(key)")
  }
}

/// A sealed row does not open: damaged, moved, or its key is missing.
package struct RowDoesNotOpen: Error, Sendable {
  package let table: String
  package let key: String
}
