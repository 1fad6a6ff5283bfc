import CPostgres
import Kernel

/// The rows that a statement returned, read in place from libpq's memory.
///
/// A NULL reads as 0, an empty text or no bytes, as with SQLite; `isNull` tells.
package final class PostgresResult {
  private let handle: OpaquePointer
  private let types: [PostgresType]
  package let count: Int

  /// Takes `handle` over. Throws if a column is of a type that we do not read: cast it in the statement.
  init(_ handle: OpaquePointer) throws {
    let types = (0..<PQnfields(handle)).map { PostgresType(oid: PQftype(handle, $0)) }
    if let place = types.firstIndex(of: .other) {
      let type = PQftype(handle, Int32(place))
      PQclear(handle)
      throw StorageError(sqlState: "0A000", message: "column \(place + 1) of a result is of type \(type): cast it")
    }
    self.handle = handle
    self.types = types
    count = Int(PQntuples(handle))
  }

  deinit { PQclear(handle) }

  package var columns: [String] {
    (0..<PQnfields(handle)).map { PQfname(handle, $0).map { String(cString: $0) } ?? "" }
  }

  var memorySize: Int { PQresultMemorySize(handle) }

  package var columnCount: Int { types.count }

  package func row(_ row: Int) -> PostgresRow { PostgresRow(result: self, position: row) }

  package func value(_ row: Int, _ column: Int) -> Value {
    if isNull(row, column) { return .null }
    switch types[column] {
    case .bool, .int2, .int4, .int8, .oid: return .integer(integer(row, column))
    case .text: return .text(text(row, column))
    case .bytes: return .bytes(bytes(row, column))
    case .numeric: return PostgresNumeric.value(field(row, column))
    case .void, .other: return .null
    }
  }

  package func integer(_ row: Int, _ column: Int) -> Int64 {
    let field = field(row, column)
    switch (types[column], field.count) {
    case (.int8, 8): return Int64(bigEndian: field.loadUnaligned(as: Int64.self))
    case (.int4, 4): return Int64(Int32(bigEndian: field.loadUnaligned(as: Int32.self)))
    case (.int2, 2): return Int64(Int16(bigEndian: field.loadUnaligned(as: Int16.self)))
    case (.oid, 4): return Int64(UInt32(bigEndian: field.loadUnaligned(as: UInt32.self)))
    case (.bool, 1): return field[0] == 0 ? 0 : 1
    case (.numeric, 8...): return PostgresNumeric.value(field).integer ?? 0
    default: return 0
    }
  }

  package func text(_ row: Int, _ column: Int) -> String {
    switch types[column] {
    case .text: String(decoding: field(row, column), as: UTF8.self)
    case .numeric where !isNull(row, column): PostgresNumeric.text(field(row, column))
    case .bool, .int2, .int4, .int8, .oid: isNull(row, column) ? "" : String(integer(row, column))
    default: ""
    }
  }

  package func bytes(_ row: Int, _ column: Int) -> [UInt8] { Array(field(row, column)) }

  /// Nil unless it is 32 bytes.
  package func digest(_ row: Int, _ column: Int) -> Digest? {
    types[column] == .bytes ? Digest(bytes: field(row, column)) : nil
  }

  package func isNull(_ row: Int, _ column: Int) -> Bool { PQgetisnull(handle, Int32(row), Int32(column)) != 0 }

  /// Valid as long as the result.
  private func field(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: PQgetvalue(handle, Int32(row), Int32(column)), count: Int(PQgetlength(handle, Int32(row), Int32(column))))
  }
}

/// One row of a result, which it keeps alive.
package struct PostgresRow {
  let result: PostgresResult
  let position: Int

  package var values: [Value] { (0..<result.columnCount).map(value) }
  package func value(_ column: Int) -> Value { result.value(position, column) }
  package func integer(_ column: Int) -> Int64 { result.integer(position, column) }
  package func text(_ column: Int) -> String { result.text(position, column) }
  package func bytes(_ column: Int) -> [UInt8] { result.bytes(position, column) }
  package func digest(_ column: Int) -> Digest? { result.digest(position, column) }
  package func isNull(_ column: Int) -> Bool { result.isNull(position, column) }
}

/// The binary form of `numeric` (`numeric_send` in `src/backend/utils/adt/numeric.c`): count, weight, sign, scale, digits to base 10,000.
enum PostgresNumeric {
  private static let negative: Int64 = 0x4000

  /// An integer if it is one and fits, text otherwise.
  static func value(_ field: UnsafeRawBufferPointer) -> Value {
    let text = text(field)
    return Int64(text).map { .integer($0) } ?? .text(text)
  }

  static func text(_ field: UnsafeRawBufferPointer) -> String {
    guard field.count >= 8 else { return "" }
    let (count, weight) = (short(field, 0), Int(Int16(truncatingIfNeeded: short(field, 1))))
    guard short(field, 2) <= negative, field.count == 8 + 2 * Int(count) else { return "NaN" }
    let scale = Int(short(field, 3))
    func group(_ position: Int) -> String {
      guard position >= 0, position < count else { return "0000" }
      let digits = String(short(field, 4 + position))
      return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
    let whole = weight < 0 ? "0" : (0...weight).map(group).joined()
    let trimmed = whole.drop { $0 == "0" }
    let fraction = (0..<(scale + 3) / 4).map { group(weight + 1 + $0) }.joined().prefix(scale)
    let sign = short(field, 2) == negative ? "-" : ""
    return sign + (trimmed.isEmpty ? "0" : trimmed) + (fraction.isEmpty ? "" : "." + fraction)
  }

  private static func short(_ field: UnsafeRawBufferPointer, _ position: Int) -> Int64 {
    Int64(UInt16(bigEndian: field.loadUnaligned(fromByteOffset: 2 * position, as: UInt16.self)))
  }
}
