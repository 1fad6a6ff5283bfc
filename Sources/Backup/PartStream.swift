import Dispatch
import Kernel
import Storage
import Synchronization

/// Writes records into parts of about 8 MiB, which are sealed and put on a second thread while the next one is filled.
///
/// At most two parts are in memory beside the one that is being filled, however much there is to back up.
final class PartWriter {
  static let partSize = 8 << 20
  static let largestRecord = 15 << 20

  private let line: SealingLine
  private var buffer: [UInt8] = []
  private var preamble: [UInt8] = []
  private var number = 0
  /// Number of the part that the next record goes into.
  var currentPart: Int { number }

  init(_ line: SealingLine) {
    self.line = line
    buffer.reserveCapacity(PartWriter.partSize + (1 << 20))
  }

  /// From here on records are this tenant's.
  func tenant(_ id: TenantID) throws {
    preamble = []
    try record { CBOR.array(["tenant", .text(id.text)]).write(to: &$0) }
    preamble = PartRecord.framed(CBOR.array(["tenant", .text(id.text)]))
  }

  /// From here on rows are of this table.
  func table(_ name: String, columns: [String], of tenant: TenantID) throws {
    let value = CBOR.array(["table", .text(name), .array(columns.map { .text($0) })])
    try record { value.write(to: &$0) }
    preamble = PartRecord.framed(CBOR.array(["tenant", .text(tenant.text)])) + PartRecord.framed(value)
  }

  /// `columns` values from the row on which the cursor stands.
  func row(_ cursor: RowCursor, columns: Int) throws {
    try record { out in
      CBOR.writeHead(4, 2, to: &out)
      CBOR.write(text: "row", to: &out)
      CBOR.writeHead(4, UInt64(columns), to: &out)
      for column in 0..<columns { PartRecord.write(cursor.value(column), to: &out) }
    }
  }

  func gone(_ table: String, _ key: String) throws {
    try record { CBOR.array(["gone", .text(table), .text(key)]).write(to: &$0) }
  }

  func file(_ id: String, size: Int64) throws {
    try record { CBOR.array(["file", .text(id), .integer(size)]).write(to: &$0) }
  }

  func data(_ bytes: [UInt8]) throws {
    try record { out in
      CBOR.writeHead(4, 2, to: &out)
      CBOR.write(text: "data", to: &out)
      CBOR.write(bytes: bytes, to: &out)
    }
  }

  /// Puts what is left and waits for all of it.
  func finish() throws -> [PartIndex.Line] {
    try flush()
    return try line.finish()
  }

  private func record(_ encode: (inout [UInt8]) -> Void) throws {
    if buffer.count >= PartWriter.partSize { try flush() }
    if buffer.isEmpty { buffer += preamble }
    let start = buffer.count
    buffer += [0, 0, 0, 0]
    encode(&buffer)
    let size = buffer.count - start - 4
    guard size <= PartWriter.largestRecord else {
      throw Problem(.tooLarge, "A stored record is too large for a backup; tell those who make Steward.")
    }
    for position in 0..<4 { buffer[start + position] = UInt8(truncatingIfNeeded: size >> (24 - 8 * position)) }
  }

  private func flush() throws {
    guard !buffer.isEmpty else { return }
    try line.put(buffer, as: .part(number))
    number += 1
    buffer = []
    buffer.reserveCapacity(PartWriter.partSize + (1 << 20))
  }
}

/// Seals and puts objects one after another on a thread of its own.
final class SealingLine: Sendable {
  private let place: any BackupPlace
  private let key: BackupKey
  private let halt: Halt
  private let queue = DispatchQueue(label: "steward.backup.seal")
  private let slots = DispatchSemaphore(value: 2)
  private let state = Mutex<(lines: [PartIndex.Line], failure: (any Error)?)>(([], nil))

  init(place: any BackupPlace, key: BackupKey, halt: Halt = Halt()) {
    self.place = place
    self.key = key
    self.halt = halt
  }

  /// Waits while two are on their way; throws what went wrong with an earlier one.
  func put(_ plain: [UInt8], as item: ObjectName.Item) throws {
    try halt.check()
    slots.wait()
    if let failure = state.withLock({ $0.failure }) {
      slots.signal()
      throw failure
    }
    queue.async { [self] in
      defer { slots.signal() }
      do {
        let part = try SealedPart(sealing: plain, as: item, key: key)
        try place.put(ObjectName(key.backup, item), PlaceObject(part))
        let line = PartIndex.Line(item: item, digest: part.digest, size: part.bytes.count)
        state.withLock { $0.lines.append(line) }
      } catch {
        state.withLock { $0.failure = error }
      }
    }
  }

  /// Throws if whoever asked was told to stop.
  func check() throws { try halt.check() }

  func finish() throws -> [PartIndex.Line] {
    queue.sync {}
    return try state.withLock { state in
      if let failure = state.failure { throw failure }
      return state.lines
    }
  }
}

/// One record of a part (docs/format.md §7.3).
enum PartRecord {
  case tenant(TenantID)
  case table(name: String, columns: [String])
  case row([Value])
  case gone(table: String, key: String)
  case file(id: FileID, size: Int64)
  case data(ArraySlice<UInt8>)

  /// Hands the records of an opened part to `body`, in order. Throws `Damage` on what is none.
  static func each(in plain: [UInt8], _ body: (PartRecord) throws -> Void) throws {
    var position = 0
    while position < plain.count {
      guard plain.count - position >= 4 else { throw Damage("a part ends within a record") }
      let size = plain[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      position += 4
      guard size <= plain.count - position else { throw Damage("a part ends within a record") }
      try body(try PartRecord(plain[position..<position + size]))
      position += size
    }
  }

  private static let dataHead = Array([0x82, 0x64] + "data".utf8)

  private init(_ bytes: ArraySlice<UInt8>) throws {
    // The bulk of most backups: not decoded, only unwrapped.
    if bytes.starts(with: PartRecord.dataHead) {
      self = .data(try PartRecord.byteString(bytes.dropFirst(PartRecord.dataHead.count)))
      return
    }
    guard let items = (try? CBOR.decode(Array(bytes)))?.array, let kind = items.first?.text else {
      throw Damage("a record cannot be read")
    }
    switch (kind, items.count) {
    case ("tenant", 2):
      guard let id = items[1].text.flatMap({ TenantID($0) }) else { throw Damage("a record cannot be read") }
      self = .tenant(id)
    case ("table", 3):
      guard let name = items[1].text, let columns = items[2].array else { throw Damage("a record cannot be read") }
      self = .table(name: name, columns: columns.compactMap(\.text))
    case ("row", 2): self = .row(try (items[1].array ?? []).map(PartRecord.value))
    case ("gone", 3): self = .gone(table: items[1].text ?? "", key: items[2].text ?? "")
    case ("file", 3):
      guard let id = items[1].text.flatMap({ FileID($0) }), let size = items[2].integer, size >= 0 else {
        throw Damage("a record cannot be read")
      }
      self = .file(id: id, size: size)
    default: throw Damage("there is a record of a kind that this version does not know")
    }
  }

  private static func byteString(_ bytes: ArraySlice<UInt8>) throws -> ArraySlice<UInt8> {
    guard let initial = bytes.first, initial >> 5 == 2 else { throw Damage("a record cannot be read") }
    let width =
      switch initial & 31 {
      case 24: 1
      case 25: 2
      case 26: 4
      default: 0
      }
    let argument = bytes.dropFirst().prefix(width)
    let size = width == 0 ? Int(initial & 31) : argument.reduce(0) { $0 << 8 | Int($1) }
    let data = bytes.dropFirst(1 + width)
    guard argument.count == width, data.count == size else { throw Damage("a record cannot be read") }
    return data
  }

  static func value(_ cbor: CBOR) throws -> Value {
    switch cbor {
    case .null: .null
    case .integer(let value): .integer(value)
    case .text(let value): .text(value)
    case .bytes(let value): .bytes(value)
    default: throw Damage("a row holds what no column can")
    }
  }

  static func cbor(_ value: Value) -> CBOR {
    switch value {
    case .null: .null
    case .integer(let value): .integer(value)
    case .text(let value): .text(value)
    case .bytes(let value): .bytes(value)
    }
  }

  static func write(_ value: Value, to out: inout [UInt8]) {
    switch value {
    case .null: out.append(0xf6)
    case .integer(let value): CBOR.write(integer: value, to: &out)
    case .text(let value): CBOR.write(text: value, to: &out)
    case .bytes(let value): CBOR.write(bytes: value, to: &out)
    }
  }

  static func framed(_ value: CBOR) -> [UInt8] {
    let bytes = value.encoded
    return (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (24 - 8 * $0)) } + bytes
  }
}
