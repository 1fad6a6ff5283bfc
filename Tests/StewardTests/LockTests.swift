import Custody
import Glibc
import Platform
import TestDatabase
import TestKit
import Testing

@testable import Trust

@Suite("Locks of the database")
struct LockTests {
  /// Whether this process holds a lock on the file, as the kernel tells (proc_locks(5)).
  private func isLocked(_ path: String) throws -> Bool {
    var facts = stat()
    try #require(stat(path, &facts) == 0)
    let locks = String(decoding: try #require(try DurableFile.read("/proc/locks")), as: UTF8.self)
    return locks.split(separator: "\n").contains { line in
      let fields = line.split(separator: " ")
      return fields.contains("\(getpid())") && fields.contains { $0.hasSuffix(":\(facts.st_ino)") }
    }
  }

  @Test(
    "looking through the files of a running installation leaves the locks on its databases",
    .enabled(if: !TestDatabase.isWanted, "about the files of SQLite"))
  func scanning() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let index = "\(house.directory)/data/tenants/\(house.acme.id).db-shm"
    #expect(try isLocked(index))
    var scan = FileScan(since: Instant(milliseconds: 0), words: ["nowhere"], control: "Locked")
    try scan.directory(house.directory + "/data")
    #expect(scan.files > 3 && scan.bytes > 4_096)
    #expect(try isLocked(index))
  }
}
