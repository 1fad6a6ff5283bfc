/// A ZIP whose members are only stored (docs/format.md §6): one spelling for the same members, so that nothing can hide in it.
///
/// Version made by and needed 20, flags 0x0800 (UTF-8), times 1980-01-01 00:00, attributes 0.
package enum StoredZip {
  package struct Member: Sendable, Equatable {
    package let name: String
    package let data: [UInt8]

    package init(name: String, data: [UInt8]) {
      self.name = name
      self.data = data
    }
  }

  private static let localSignature: UInt32 = 0x0403_4b50
  private static let centralSignature: UInt32 = 0x0201_4b50
  private static let endSignature: UInt32 = 0x0605_4b50
  private static let endBytes = 22

  /// Throws if the members do not fit the limits of a bundle.
  package static func encode(_ members: [Member]) throws -> [UInt8] {
    let total = members.reduce(endBytes) { $0 + $1.data.count + 2 * $1.name.utf8.count + 76 }
    guard members.count <= BundleLimit.members, total <= BundleLimit.bytes else {
      throw BundleError("the bundle is larger than \(BundleLimit.bytes / 1_048_576) MiB or has too many members")
    }
    var out: [UInt8] = []
    out.reserveCapacity(total)
    var directory: [UInt8] = []
    for member in members {
      let offset = out.count
      let common = header(member)
      append(localSignature, to: &out)
      out += common
      append(UInt16(0), to: &out)
      out += member.name.utf8
      out += member.data
      append(centralSignature, to: &directory)
      append(UInt16(20), to: &directory)
      directory += common
      directory += [UInt8](repeating: 0, count: 12)
      append(UInt32(truncatingIfNeeded: offset), to: &directory)
      directory += member.name.utf8
    }
    let start = out.count
    out += directory
    append(endSignature, to: &out)
    append(UInt32(0), to: &out)
    append(UInt16(truncatingIfNeeded: members.count), to: &out)
    append(UInt16(truncatingIfNeeded: members.count), to: &out)
    append(UInt32(truncatingIfNeeded: directory.count), to: &out)
    append(UInt32(truncatingIfNeeded: start), to: &out)
    append(UInt16(0), to: &out)
    return out
  }

  /// What the local header and the directory have in common, from the version needed to the length of the name.
  private static func header(_ member: Member) -> [UInt8] {
    var out: [UInt8] = []
    append(UInt16(20), to: &out)
    append(UInt16(0x0800), to: &out)
    append(UInt16(0), to: &out)
    append(UInt16(0), to: &out)
    append(UInt16(0x0021), to: &out)
    append(CRC32.checksum(member.data), to: &out)
    append(UInt32(truncatingIfNeeded: member.data.count), to: &out)
    append(UInt32(truncatingIfNeeded: member.data.count), to: &out)
    append(UInt16(truncatingIfNeeded: member.name.utf8.count), to: &out)
    return out
  }

  private static func append(_ value: some FixedWidthInteger, to out: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { out += $0 }
  }

  /// Whether the bytes are a ZIP at all, whole or damaged.
  package static func looksLikeZip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x50, 0x4b]) }

  /// Reads what `encode` writes and refuses all else, with the reason where there is a telling one.
  package static func decode(_ bytes: [UInt8]) throws -> [Member] {
    guard bytes.count <= BundleLimit.bytes else {
      throw BundleError("the file is larger than \(BundleLimit.bytes / 1_048_576) MiB")
    }
    guard looksLikeZip(bytes) else { throw BundleError("the file is not a ZIP") }
    var reader = ByteReader(bytes)
    var members: [Member] = []
    while try reader.peek() == localSignature {
      guard members.count < BundleLimit.members else {
        throw BundleError("the ZIP has more than \(BundleLimit.members) members")
      }
      let member = try localMember(&reader)
      guard !members.contains(where: { $0.name.utf8.elementsEqual(member.name.utf8) }) else {
        throw BundleError("\(member.name) is in the ZIP twice")
      }
      members.append(member)
    }
    guard try encode(members) == bytes else {
      throw BundleError("the ZIP has bytes or directory entries that do not belong to its members")
    }
    return members
  }

  private static func localMember(_ reader: inout ByteReader) throws -> Member {
    try reader.skip(4)
    try reader.skip(2)
    let flags = try reader.uint16()
    guard flags & 1 == 0 else { throw BundleError("a member of the ZIP is encrypted") }
    guard flags & 8 == 0 else { throw BundleError("a member of the ZIP has a data descriptor") }
    guard try reader.uint16() == 0 else { throw BundleError("a member of the ZIP is compressed") }
    try reader.skip(4)
    let checksum = try reader.uint32()
    let size = try reader.uint32()
    guard try reader.uint32() == size else { throw BundleError("a member of the ZIP says two sizes") }
    let nameLength = try reader.uint16()
    guard nameLength <= 64, try reader.uint16() == 0 else {
      throw BundleError("a member of the ZIP has extra fields or a long name")
    }
    guard let name = String(validating: try reader.take(Int(nameLength)), as: UTF8.self) else {
      throw BundleError("a member's name is not UTF-8")
    }
    let data = Array(try reader.take(Int(size)))
    guard CRC32.checksum(data) == checksum else {
      throw BundleError("the member \(name) was changed: its checksum is wrong")
    }
    return Member(name: name, data: data)
  }
}

/// Reads little-endian integers and runs of bytes, never past the end.
private struct ByteReader {
  let bytes: [UInt8]
  var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
    guard count >= 0, bytes.count - position >= count else { throw BundleError("the ZIP ends too early") }
    defer { position += count }
    return bytes[position..<position + count]
  }

  mutating func skip(_ count: Int) throws { _ = try take(count) }
  mutating func uint16() throws -> UInt16 { try take(2).reversed().reduce(0) { $0 << 8 | UInt16($1) } }
  mutating func uint32() throws -> UInt32 { try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) } }

  func peek() throws -> UInt32 {
    var copy = self
    return try copy.uint32()
  }
}

/// The checksum of ZIP: CRC-32 with the reversed polynomial 0xedb88320. Finds accidents only; the manifest finds intent.
enum CRC32 {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? (value >> 1) ^ 0xedb8_8320 : value >> 1 }
  }

  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    table.withUnsafeBufferPointer { table in
      ~bytes.reduce(~UInt32(0)) { ($0 >> 8) ^ table[Int(($0 ^ UInt32($1)) & 0xff)] }
    }
  }
}
