import Kernel
import Storage

/// What the parts of a backup hold (docs/format.md §7.4). Sealed as they are.
struct Contents: Sendable {
  /// The control database as it lay: its statements and all rows of its tables.
  struct Control: Sendable, Equatable {
    struct Table: Sendable, Equatable {
      let name: String
      let columns: [String]
      var rows: [[Value]]
    }
    let schema: [String]
    var tables: [Table]
  }

  struct Tenant: Sendable, Equatable {
    let id: TenantID
    /// Size of the log, and its latest signed checkpoint.
    let size: Int64
    let checkpoint: [UInt8]?
    /// Position in `schemas`.
    let schema: Int?
    /// First and last part with records of it; nil: unchanged since the parent.
    let parts: ClosedRange<Int>?
    let files: [FileID: Int64]
    let lost: [FileID]
  }

  var control: Control
  var schemas: [[String]]
  var tenants: [Tenant]

  var encoded: [UInt8] {
    let control: CBOR = .map([
      "schema": Contents.texts(control.schema),
      "tables": .array(
        control.tables.map { table in
          .array([
            .text(table.name), Contents.texts(table.columns),
            .array(table.rows.map { .array($0.map(PartRecord.cbor)) }),
          ])
        }),
    ])
    return CBOR.map([
      "v": 1, "control": control, "schemas": .array(schemas.map(Contents.texts)),
      "tenants": .array(tenants.map(\.cbor)),
    ]).encoded
  }

  private static func texts(_ texts: [String]) -> CBOR { .array(texts.map { .text($0) }) }
}

extension Contents {
  /// Throws `Damage` on anything else than this version writes.
  init(decoding bytes: [UInt8]) throws {
    guard let map = (try? CBOR.decode(bytes))?.map, map["v"] == 1, let control = map["control"]?.map,
      let schema = control["schema"]?.array, let tables = control["tables"]?.array,
      let schemas = map["schemas"]?.array, let tenants = map["tenants"]?.array
    else { throw Damage("its contents cannot be read") }
    self.control = Control(schema: schema.compactMap(\.text), tables: try tables.map(Control.Table.init))
    self.schemas = schemas.map { ($0.array ?? []).compactMap(\.text) }
    self.tenants = try tenants.map(Tenant.init)
  }

  /// The values of a column of the control database's table of tenants.
  func columnByTenant(_ column: String) -> [TenantID: Value] {
    guard let table = control.tables.first(where: { $0.name == "tenant" }),
      let key = table.columns.firstIndex(of: "id"), let wanted = table.columns.firstIndex(of: column)
    else { return [:] }
    let pairs = table.rows.compactMap { row in row[key].text.flatMap { TenantID($0) }.map { ($0, row[wanted]) } }
    return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
  }

  /// The control database of only some tenants.
  func limited(to tenants: Set<TenantID>) -> Control {
    var control = control
    control.tables = control.tables.map { table in
      var table = table
      guard let position = table.columns.firstIndex(of: table.name == "tenant" ? "id" : "tenant") else { return table }
      table.rows = table.rows.filter { row in
        row[position].text.flatMap { TenantID($0) }.map(tenants.contains) ?? true
      }
      return table
    }
    return control
  }
}

extension Contents.Control.Table {
  fileprivate init(_ cbor: CBOR) throws {
    guard let items = cbor.array, items.count == 3, let name = items[0].text, let columns = items[1].array,
      let rows = items[2].array
    else { throw Damage("its contents cannot be read") }
    self.name = name
    self.columns = columns.compactMap(\.text)
    self.rows = try rows.map { try ($0.array ?? []).map(PartRecord.value) }
    guard self.rows.allSatisfy({ $0.count == self.columns.count }) else { throw Damage("its contents cannot be read") }
  }
}

extension Contents.Tenant {
  fileprivate var cbor: CBOR {
    .map([
      "id": .text(id.text), "size": .integer(size), "checkpoint": checkpoint.map { .bytes($0) } ?? .null,
      "schema": schema.map { .integer(Int64($0)) } ?? .null,
      "first": parts.map { .integer(Int64($0.lowerBound)) } ?? .null,
      "last": parts.map { .integer(Int64($0.upperBound)) } ?? .null,
      "files": .array(files.sorted { $0.key < $1.key }.map { .array([.text($0.key.text), .integer($0.value)]) }),
      "lost": .array(lost.map { .text($0.text) }),
    ])
  }

  fileprivate init(_ cbor: CBOR) throws {
    guard let map = cbor.map, let id = map["id"]?.text.flatMap({ TenantID($0) }), let size = map["size"]?.integer,
      let files = map["files"]?.array, let lost = map["lost"]?.array
    else { throw Damage("its contents cannot be read") }
    self.id = id
    self.size = size
    checkpoint = map["checkpoint"]?.bytes
    schema = map["schema"]?.integer.flatMap { Int(exactly: $0) }
    let (first, last) = (map["first"]?.integer ?? -1, map["last"]?.integer ?? -1)
    parts = first >= 0 && last >= first && last < 1 << 31 ? Int(first)...Int(last) : nil
    self.files = Dictionary(
      files.compactMap { item in
        guard let pair = item.array, pair.count == 2, let id = pair[0].text.flatMap({ FileID($0) }),
          let size = pair[1].integer
        else { return nil }
        return (id, size)
      }, uniquingKeysWith: { $1 })
    self.lost = lost.compactMap { $0.text.flatMap { FileID($0) } }
  }
}
