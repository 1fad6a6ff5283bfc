/// The values of one statement in the form in which libpq wants them. One buffer is used again and again, so that a statement in a batch
/// allocates nothing of its own.
final class PostgresParameters {
  /// Beyond this the buffer is given back after use.
  private static let keptCapacity = 1 << 20

  private var bytes: [UInt8] = []
  private var places: [Int] = []
  private var lengths: [Int32] = []
  private var formats: [Int32] = []
  private var pointers: [UnsafePointer<CChar>?] = []

  var byteCount: Int { bytes.count }

  /// Throws if a value is not of the type that the server expects in its place.
  func encode(_ values: [Value], as types: [PostgresType]) throws {
    begin()
    for (value, type) in zip(values, types) {
      let start = bytes.count
      let isBinary = try Self.append(value, as: type, to: &bytes)
      try end(value.isNull ? -1 : start, length: bytes.count - start, isBinary: isBinary)
    }
  }

  /// One array for each column (`array_recv` in `src/backend/utils/adt/arrayfuncs.c`).
  func encode(columnsOf rows: ArraySlice<[Value]>, as types: [PostgresType]) throws {
    begin()
    for (column, type) in types.enumerated() {
      let start = bytes.count
      let hasNull: Int32 = rows.contains { $0[column].isNull } ? 1 : 0
      for word in [1, hasNull, Int32(bitPattern: type.oid), Int32(rows.count), 1] { Self.append(word, to: &bytes) }
      for row in rows { try appendElement(row[column], type) }
      try end(start, length: bytes.count - start, isBinary: true)
    }
  }

  private func appendElement(_ value: Value, _ type: PostgresType) throws {
    guard !value.isNull else { return Self.append(Int32(-1), to: &bytes) }
    let place = bytes.count
    Self.append(Int32(0), to: &bytes)
    guard try Self.append(value, as: type, to: &bytes) else { throw Self.mismatch }
    let length = try Self.length(bytes.count - place - 4)
    withUnsafeBytes(of: length.bigEndian) { bytes.replaceSubrange(place..<(place + 4), with: $0) }
  }

  private func begin() {
    bytes.removeAll(keepingCapacity: bytes.capacity <= Self.keptCapacity)
    places.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
    formats.removeAll(keepingCapacity: true)
  }

  private func end(_ place: Int, length: Int, isBinary: Bool) throws {
    places.append(place)
    lengths.append(try Self.length(length))
    formats.append(isBinary ? 1 : 0)
    // What goes as text ends with a zero, which is not counted for what is binary.
    bytes.append(0)
  }

  /// Hands out pointers, valid until `body` returns.
  func withPointers<T>(
    _ body: (
      _ count: Int32, _ values: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int32>?,
      _ formats: UnsafePointer<Int32>?
    ) -> T
  ) -> T {
    bytes.withUnsafeBytes { buffer in
      pointers.removeAll(keepingCapacity: true)
      for place in places {
        pointers.append(place < 0 ? nil : buffer.baseAddress?.advanced(by: place).assumingMemoryBound(to: CChar.self))
      }
      return pointers.withUnsafeBufferPointer { values in
        lengths.withUnsafeBufferPointer { lengths in
          formats.withUnsafeBufferPointer {
            body(Int32(values.count), values.baseAddress, lengths.baseAddress, $0.baseAddress)
          }
        }
      }
    }
  }

  static func length(_ count: Int) throws -> Int32 {
    guard let length = Int32(exactly: count) else {
      throw StorageError(sqlState: "54000", message: "a value is larger than PostgreSQL takes")
    }
    return length
  }

  /// Appends the value. Returns whether it is in binary form.
  static func append(_ value: Value, as type: PostgresType, to bytes: inout [UInt8]) throws -> Bool {
    switch (value, type) {
    case (.null, _): return true
    case (.integer(let value), .int8): append(value, to: &bytes)
    case (.integer(let value), .int4): append(try fitting(value, Int32.self), to: &bytes)
    case (.integer(let value), .int2): append(try fitting(value, Int16.self), to: &bytes)
    case (.integer(let value), .oid): append(try fitting(value, UInt32.self), to: &bytes)
    case (.integer(let value), .bool) where value == 0 || value == 1: bytes.append(UInt8(value))
    case (.text(let value), .text): bytes.append(contentsOf: value.utf8)
    case (.bytes(let value), .bytes): bytes.append(contentsOf: value)
    case (.integer(let value), .text), (.integer(let value), .numeric), (.integer(let value), .other):
      bytes.append(contentsOf: String(value).utf8)
      return false
    case (.text(let value), .numeric), (.text(let value), .other):
      // Text is read up to the first zero.
      guard !value.utf8.contains(0) else { throw mismatch }
      bytes.append(contentsOf: value.utf8)
      return false
    default: throw mismatch
    }
    return true
  }

  private static var mismatch: StorageError {
    StorageError(sqlState: "42804", message: "a value is not of the type that the statement wants in its place")
  }

  private static func fitting<T: FixedWidthInteger>(_ value: Int64, _: T.Type) throws -> T {
    guard let fitting = T(exactly: value) else {
      throw StorageError(sqlState: "22003", message: "an integer is out of range for its column")
    }
    return fitting
  }

  static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }
}
