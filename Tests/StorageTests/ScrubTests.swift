import Foundation
import Testing

@testable import Storage

@Suite("What was deleted leaves the file")
struct ScrubTests {
  /// SQLite's `secure_delete` zeroes the cell that is deleted. A copy that its page left behind when its cells were dealt to two pages stays.
  @Test("also what a page kept of a row that had moved to another page")
  func moved() throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "scrub-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appending(path: "one.db").path
    let database = try SQLiteDatabase(path: path)
    defer { database.close() }
    var random = SplitMix(state: 7)
    let rows = (0..<4_000).map { _ in (key: random.bytes(16), value: random.bytes(60 + Int(random.next() % 200))) }
    let (kept, victims) = (rows[..<3_000], rows[3_000...])
    try database.onWriterBlocking { connection, _ in
      try connection.run(raw: "CREATE TABLE pair (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
      try connection.begin()
      for row in rows {
        try connection.run(raw: "INSERT INTO pair VALUES (?, ?)", [.bytes(row.key), .bytes(row.value)])
      }
      try connection.commit()
      for row in victims { try connection.run(raw: "DELETE FROM pair WHERE key = ?", [.bytes(row.key)]) }
    }
    try database.scrub()
    #expect(try left(victims.map(\.value), in: directory) == 0)
    #expect(try left(kept.prefix(100).map(\.value), in: directory) == 100)
    #expect(try wal(path) == 0)
  }

  /// How many of `values` lie in some file.
  private func left(_ values: [[UInt8]], in directory: URL) throws -> Int {
    let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
    let contents = try files.map { try Data(contentsOf: $0) }
    return values.count { value in contents.contains { $0.range(of: Data(value.suffix(24))) != nil } }
  }

  private func wal(_ path: String) throws -> Int { try Data(contentsOf: URL(filePath: path + "-wal")).count }
}

/// SplitMix64, so that the same pages split in every run.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}
