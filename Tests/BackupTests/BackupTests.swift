@testable import Backup
import Custody
import Foundation
import Kernel
import Ledger
import Storage
import Testing
import TransparencyLog

@Suite("Backup and restore")
struct BackupTests {
  @Test("a base and its increments come back as the same rows, logs and files, and the log goes on")
  func roundTrip() async throws {
    let bench = try await Bench()
    let kept = try await bench.add("kept")
    let changed = try await bench.add("before")
    let gone = try await bench.add("gone")
    let file = try await bench.attach([UInt8](repeating: 7, count: 200_000))
    let base = try await bench.maker().create()
    #expect(base.isBase && base.number == 1)
    try await bench.rename(changed, "after")
    try await bench.delete(gone)
    let added = try await bench.add("added")
    let later = try await bench.attach(Array("later".utf8))
    let increment = try await bench.maker().create()
    #expect(!increment.isBase && increment.number == 2 && increment.bytes < base.bytes)
    let checkpoint = try await bench.checkpoint(bench.ledger, bench.acme)
    #expect(try bench.verify().findings == [])
    #expect(try bench.verify(keys: false).findings == [])

    let report = try await bench.restore("again")
    #expect(report.backup == increment.id && report.tenants.count == 2)
    #expect(try Verification.run(dataDirectory: bench.directory + "/again").allSatisfy(\.isIntact))
    let ledger = try bench.opened("again")
    let titles = try await ledger.view(Memo.self, bench.acme).rows.map(\.title)
    #expect(Set(titles) == ["kept", "after", "added"])
    #expect([kept.id, changed.id, added.id].count == 3)
    for (file, wanted) in [(file, [UInt8](repeating: 7, count: 200_000)), (later, Array("later".utf8))] {
      var bytes: [UInt8] = []
      for try await piece in try await ledger.openFile(bench.acme, file.id, subject: file.subject) { bytes += piece }
      #expect(bytes == wanted)
    }
    let size = try await bench.ledger.read(bench.acme) { try $0.logSize }
    let proof = try await ledger.read(bench.acme) { try $0.checkpoint(covering: size - 1)?.note }
    #expect(proof == checkpoint)
    let marks = try await ledger.read(bench.acme) { try $0.fetch(RestoreRecord.self) }
    #expect(marks.map(\.size) == [size] && marks.map(\.backup) == [increment.id])
    await ledger.close()
  }

  @Test("an earlier backup of a chain comes back as it was then")
  func earlier() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    let base = try await bench.maker().create()
    try await bench.add("two")
    _ = try await bench.maker().create()
    _ = try await bench.restore("then", backup: base.id)
    let ledger = try bench.opened("then")
    #expect(try await ledger.view(Memo.self, bench.acme).rows.map(\.title) == ["one"])
    await ledger.close()
  }

  @Test("one tenant comes back alone, with the installation's own")
  func oneTenant() async throws {
    let bench = try await Bench()
    let globex = try await bench.ledger.createTenant(slug: "globex").id
    try await bench.add("one")
    _ = try await bench.maker().create()
    let report = try await bench.restore("acme", slug: "acme")
    #expect(Set(report.tenants.map(\.slug)) == ["acme", "system"])
    let ledger = try bench.opened("acme")
    #expect(ledger.tenant(globex) == nil && ledger.tenant(bench.acme) != nil)
    await ledger.close()
    #expect(!FileManager.default.fileExists(atPath: "\(bench.directory)/acme/tenants/\(globex).db"))
  }

  @Test("one flipped bit, anywhere, is found with and without keys and refused by a restore")
  func flips() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    _ = try await bench.attach(Array("a file".utf8))
    _ = try await bench.maker().create()
    try await bench.add("two")
    _ = try await bench.maker().create()
    var draw = SystemRandomNumberGenerator()
    for (number, path) in try bench.objects().enumerated() {
      let url = URL(fileURLWithPath: "\(bench.placePath)/\(path)")
      let sound = try Data(contentsOf: url)
      for offset in [0, sound.count - 1, Int.random(in: 0..<sound.count, using: &draw)] {
        var changed = sound
        changed[offset] ^= UInt8(1 << Int.random(in: 0..<8, using: &draw))
        try changed.write(to: url)
        #expect(try !bench.verify(keys: false).isGood, "\(path) at \(offset)")
        #expect(try !bench.verify().isGood, "\(path) at \(offset)")
      }
      await #expect(throws: (any Error).self) { try await bench.restore("flipped\(number)") }
      #expect(!OpenInstallation.exists(at: "\(bench.directory)/flipped\(number)"))
      try sound.write(to: url)
    }
    #expect(try bench.verify().isGood)
  }

  @Test("a missing object, a missing backup and a foreign file are told")
  func missing() async throws {
    let bench = try await Bench()
    for title in ["one", "two", "three"] {
      try await bench.add(title)
      _ = try await bench.maker().create(base: true)
    }
    let shelf = try Shelf(try bench.place())
    let middle = shelf.entries[1]
    try FileManager.default.removeItem(atPath: "\(bench.placePath)/\(middle.id)/000000")
    #expect(try bench.verify(keys: false).findings.map(\.backup) == [middle.id])
    try FileManager.default.removeItem(atPath: "\(bench.placePath)/\(middle.id)")
    #expect(try bench.verify(keys: false).findings.contains { $0.reason.contains("others are missing") })
    try Data([1]).write(to: URL(fileURLWithPath: bench.placePath + "/stray"))
    #expect(try bench.verify(keys: false).findings.contains { $0.reason.contains("stray") })
  }

  @Test("what a writer left that was killed at its first object is no fault, and goes with the next backup")
  func leftover() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    _ = try await bench.maker().create(base: true)
    let left = "\(bench.placePath)/\(BackupID.make(at: bench.clock.now))"
    try FileManager.default.createDirectory(atPath: left, withIntermediateDirectories: false)
    try Data([1]).write(to: URL(fileURLWithPath: left + "/000000.new"))
    #expect(try bench.verify().isGood)
    _ = try await bench.maker().create(base: true)
    #expect(!FileManager.default.fileExists(atPath: left))
    #expect(try bench.verify().isGood)
  }

  @Test("an object under another name, and one of another backup, do not open")
  func moved() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    let first = try await bench.maker().create(base: true)
    let second = try await bench.maker().create(base: true)
    let shelf = try Shelf(try bench.place())
    let keyring = bench.ledger.installation.keyStore.backupKeyring
    let source = try PartSource(try bench.place(), try #require(shelf.entry(first.id)))
    let key = try source.key(keyring)
    let part = try source.bytes(source.index.lines[0])
    #expect(try SealedPart.open(part, as: .part(0), key: key).isEmpty == false)
    #expect(throws: Damage.self) { try SealedPart.open(part, as: .contents, key: key) }
    let other = try PartSource(try bench.place(), try #require(shelf.entry(second.id))).key(keyring)
    #expect(throws: Damage.self) { try SealedPart.open(part, as: .part(0), key: other) }
  }

  @Test("a manifest that somebody else signed under the installation's name removes nothing and stops the next backup")
  func forgedManifest() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    let base = try await bench.maker().create()
    let id = bench.ledger.installation.id.text
    let stranger = try NoteSigner(name: "steward/\(id)", seed: SecretBytes.random())
    let forged = BackupID.make(at: noon)
    func manifest(_ number: Int64) -> Manifest {
      Manifest(
        installation: id, verifier: stranger.verifierKey, backup: forged, made: noon.adding(seconds: -90 * 86_400),
        number: number, scope: .all, previous: nil, parent: nil, wrappedKey: [1], indexDigest: Digest(sha256: []),
        indexSize: 0)
    }
    #expect(throws: Damage.self) { try Manifest(parsing: manifest(.max).text) }
    let directory = "\(bench.placePath)/\(forged)"
    try DurableFile.makeDirectory(directory)
    try DurableFile.write(
      try stranger.sign(text: manifest(Manifest.largestNumber).text), to: directory + "/manifest")
    await #expect(throws: Problem.self) { try await bench.maker().create() }
    #expect(FileManager.default.fileExists(atPath: "\(bench.placePath)/\(base.id)/manifest"))
    #expect(try !bench.verify().isGood)
  }

  @Test("another root key opens nothing")
  func otherKey() async throws {
    let bench = try await Bench()
    _ = try await bench.maker().create()
    var verification = BackupVerification(try bench.place(), keyring: BackupKeyring(root: .random()))
    #expect(throws: Problem.self) { try verification.run() }
  }

  @Test("the key store is in no backup, and neither is content or the name of a tenant")
  func nothingInTheClear() async throws {
    let bench = try await Bench()
    let marker = "zqmarkerzq"
    try Data(marker.utf8).write(to: URL(fileURLWithPath: bench.keys + "/planted"))
    try await bench.add("a title with \(marker)")
    _ = try await bench.attach(Array("a file with \(marker)".utf8))
    _ = try await bench.maker().create()
    let root = try Data(contentsOf: URL(fileURLWithPath: bench.keys + "/root.key")).dropLast()
    let shelf = try Shelf(try bench.place())
    let source = try PartSource(try bench.place(), shelf.entries[0])
    let key = try source.key(bench.ledger.installation.keyStore.backupKeyring)
    var opened = Data()
    for line in source.index.lines { opened += try source.open(line, key: key) }
    #expect(opened.range(of: root) == nil && opened.range(of: Data(marker.utf8)) == nil)
    #expect(opened.range(of: Data("acme".utf8)) != nil, "the search sees")
    for path in try bench.objects() {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(bench.placePath)/\(path)"))
      #expect(bytes.range(of: Data(marker.utf8)) == nil && bytes.range(of: Data("acme".utf8)) == nil)
    }
  }

  @Test("a place inside the data or the keys is refused")
  func placeInside() async throws {
    let bench = try await Bench()
    for path in [bench.data + "/backups", bench.keys, bench.keys + "/x/y"] {
      #expect(throws: Problem.self) { try DirectoryPlace(path, apartFrom: [bench.data, bench.keys]) }
    }
  }

  @Test("chains over their time go, the newest never, and what is left verifies")
  func expiry() async throws {
    let bench = try await Bench()
    let first = try await bench.maker().create()
    try await bench.add("one")
    bench.clock.advance(seconds: 3_600)
    #expect(try await !bench.maker().create().isBase)
    bench.clock.advance(seconds: 20 * 86_400)
    let second = try await bench.maker().create()
    #expect(second.isBase && second.expired.isEmpty)
    bench.clock.advance(seconds: 11 * 86_400)
    let third = try await bench.maker().create()
    #expect(third.expired.count == 2 && third.expired.last == first.id)
    #expect(try bench.verify().isGood)
    #expect(try bench.verify().backups.map(\.backup) == [second.id, third.id])
    bench.clock.advance(seconds: 365 * 86_400)
    #expect(
      try Expiry(BackupPolicy(), bench.keyStore.termKeys(.backups)).run(try bench.place(), now: bench.clock.now).expired
        == [second.id])
  }

  @Test("what a broken-off backup left is removed by the next, which succeeds")
  func brokenOff() async throws {
    let bench = try await Bench()
    _ = try await bench.maker().create()
    let begun = "\(bench.placePath)/\(BackupID.make(at: noon))"
    try FileManager.default.createDirectory(atPath: begun, withIntermediateDirectories: true)
    for name in ["000000", "000001.new", "manifest.new"] {
      try Data([1, 2, 3]).write(to: URL(fileURLWithPath: "\(begun)/\(name)"))
    }
    #expect(try bench.verify().isGood)
    _ = try await bench.maker().create()
    #expect(!FileManager.default.fileExists(atPath: begun))
    #expect(try bench.verify().isGood)
  }

  @Test("a restore refuses a directory in use, and begins again after one that was broken off")
  func restoreAgain() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    _ = try await bench.maker().create()
    await #expect(throws: Problem.self) { try await bench.restore("data") }
    let half = bench.directory + "/half"
    try FileManager.default.createDirectory(atPath: half + "/restoring/tenants", withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: half + "/files", withIntermediateDirectories: true)
    _ = try await bench.restore("half")
    #expect(try Verification.run(dataDirectory: half).allSatisfy(\.isIntact))
    #expect(!FileManager.default.fileExists(atPath: half + "/restoring"))
  }

  @Test("an increment follows only a log that goes on; after a rewound one a base is made")
  func rewound() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    let base = try await bench.maker().create()
    try await bench.add("two")
    _ = try await bench.maker().create()
    _ = try await bench.restore("old", backup: base.id)
    let ledger = try bench.opened("old")
    let next = try await BackupMaker(
      ledger.installation, files: ledger.files, to: try bench.place(), clock: bench.clock
    ).create()
    #expect(next.isBase && next.number == 3)
    await ledger.close()
    #expect(try bench.verify().isGood)
  }

  @Test("a manifest says the same when it is read and written again")
  func manifestText() async throws {
    let bench = try await Bench()
    _ = try await bench.maker().create()
    _ = try await bench.maker().create(scope: .tenant(bench.acme), only: [bench.acme, bench.system])
    for entry in try Shelf(try bench.place()).entries {
      #expect(try Manifest(parsing: entry.manifest.text) == entry.manifest)
    }
    #expect(throws: Damage.self) { try Manifest(parsing: "steward/backup/v1\n") }
    #expect(throws: Damage.self) { try Manifest(parsing: String(repeating: "x \n", count: 12)) }
  }

  @Test("chunks of every size come back, and none is taken away, added or moved unseen")
  func chunks() throws {
    let cipher = ChunkCipher(key: .random(), context: [1])
    for size in [0, 1, 65_535, 65_536, 65_537, 200_000] {
      let plain = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
      var sealed: [UInt8] = []
      try cipher.seal(plain, to: &sealed)
      #expect(sealed.count == ChunkCipher.sealedSize(size))
      #expect(try cipher.open(sealed[...]) == plain)
      #expect(throws: Box.OpenError.self) { try cipher.open(sealed.dropLast()) }
      #expect(throws: Box.OpenError.self) { try cipher.open((sealed + [0])[...]) }
      if size > 65_536 {
        #expect(throws: Box.OpenError.self) { try cipher.open(sealed[..<(65_536 + 16)]) }
        #expect(throws: Box.OpenError.self) { try cipher.open(sealed[(65_536 + 16)...]) }
      }
    }
  }
}
