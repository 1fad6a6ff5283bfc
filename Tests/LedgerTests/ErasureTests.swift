import Custody
import Foundation
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing

@Suite("Erasure of rows")
struct ErasureTests {
  @Test("what is erased is gone with every image of it, and the record holds")
  func erased() async throws {
    let lab = try await Lab()
    let (victim, other) = (try await lab.edited("victim"), try await lab.edited("other"))
    let before = try await lab.images()
    let subjects = try await lab.erase([victim])
    #expect(subjects.count == 1)
    #expect(try await lab.images().count == before.count - 1)
    let reader = try await lab.ledger.read(lab.tenant) { reader in
      (
        try reader.find(Memo.self, victim.key)?.title, try reader.erased(lab.ref(victim)),
        try reader.erased(lab.ref(other))
      )
    }
    #expect(reader.0 == nil && reader.2 == nil)
    #expect(reader.1?.erasure == "e1" && reader.1?.erasedAt == noon && reader.1?.subject == subjects.first)
    #expect(try await lab.ledger.view(Memo.self, lab.tenant).rows.map(\.title) == ["other 2"])
    #expect(try lab.verified().isEmpty)
    // The key is still there, and whoever looks inside is told.
    #expect(try lab.inside().contains { $0.reason.contains("not destroyed") && $0.key == victim.key })
    let destruction = try await lab.ledger.destroyKeys(of: lab.tenant, subjects, erasure: "e1")
    #expect(destruction.isComplete && destruction.epochAfter == 2)
    try await lab.ledger.scrub(lab.tenant)
    #expect(try lab.inside().isEmpty)
    #expect(try await lab.ledger.read(lab.tenant) { try $0.find(Memo.self, other.key)?.title } == "other 2")
    // The answer was lost: the same again changes nothing.
    #expect(try await lab.erase([victim]) == subjects)
    #expect(try lab.inside().isEmpty)
  }

  @Test("a derived row goes with its row")
  func derived() async throws {
    let lab = try await Lab()
    let memo = try await lab.edited("victim")
    #expect(
      try await lab.ledger.read(lab.tenant) {
        try $0.rows("SELECT 1 FROM memo_title WHERE tenant = \($0.tenant)").count
      } == 1)
    _ = try await lab.erase([memo])
    #expect(
      try await lab.ledger.read(lab.tenant) {
        try $0.rows("SELECT 1 FROM memo_title WHERE tenant = \($0.tenant)").isEmpty
      })
  }

  @Test("a row that was deleted before is erased too, and one that was changed and deleted in the same command")
  func deleted() async throws {
    let lab = try await Lab()
    let (early, late) = (try await lab.edited("early"), try await lab.edited("late"))
    _ = try await lab.ledger.write(lab.tenant, lab.act("memo.delete", early)) { try $0.delete(Memo.self, early.key) }
    #expect(try await lab.images().count == 3)
    let subjects = try await lab.ledger.write(lab.tenant, lab.act("memo.erase", late)) { work in
      try work.update(Memo(id: late.id, title: "once more"))
      try work.delete(Memo.self, late.key)
      return try work.erase([lab.ref(early), lab.ref(late)], as: "e1")
    }.value
    #expect(subjects.count == 2)
    #expect(try await lab.images().isEmpty)
    #expect(try lab.verified().isEmpty)
    _ = try await lab.ledger.destroyKeys(of: lab.tenant, subjects, erasure: "e1")
    // A derived row goes with the delete of whoever keeps the table; here nobody does.
    #expect(try lab.inside().allSatisfy { $0.table == MemoIndex.table.name })
  }

  @Test("rows that share a key are erased together or not at all")
  func shared() async throws {
    let lab = try await Lab()
    let memo = try await lab.edited("one")
    let sharing = Memo(id: .make(at: noon), title: "two")
    _ = try await lab.ledger.write(lab.tenant, lab.act("memo.create", sharing)) { work in
      try work.insert(sharing, subject: try work.subject(of: Memo.self, memo.key))
    }
    await #expect { try await lab.erase([memo]) } throws: { ($0 as? Problem)?.code == .conflict }
    #expect(try await lab.erase([memo, sharing]).count == 1)
    #expect(try lab.verified().isEmpty)
  }

  @Test("a row that never was is not erased, and only primary rows are")
  func unknown() async throws {
    let lab = try await Lab()
    await #expect { try await lab.erase([Memo(id: .make(at: noon), title: "")]) } throws: {
      ($0 as? Problem)?.code == .notFound
    }
    await #expect(throws: Problem.self) {
      try await lab.ledger.write(lab.tenant, lab.act) { try $0.erase([RowRef(table: "memo_title", id: "x")], as: "e") }
    }
  }

  // MARK: Legal holds

  @Test("what is held is not erased, nor what names it, until the hold is lifted")
  func held() async throws {
    let lab = try await Lab()
    let memo = try await lab.edited("held")
    let sheet = try await lab.attach(to: memo)
    for object in [ObjectRef("memo", memo.id), ObjectRef("tenant", lab.tenant)] {
      _ = try await lab.ledger.write(lab.tenant, lab.act) { try $0.hold(object, reason: "a court asked") }
      #expect(try await lab.ledger.read(lab.tenant) { try $0.isHeld(object) })
      await #expect { try await lab.erase([memo]) } throws: { ($0 as? Problem)?.message.contains("legal hold") == true }
      await #expect { try await lab.erase([lab.ref(sheet)]) } throws: {
        ($0 as? Problem)?.message.contains("legal hold") == true
      }
      _ = try await lab.ledger.write(lab.tenant, lab.act) { try $0.liftHold(object) }
    }
    let object = ObjectRef("case", "01jd7x0000000000000000000f")
    _ = try await lab.ledger.write(lab.tenant, lab.act) { try $0.hold(object, reason: "another") }
    await #expect(throws: Problem.self) {
      try await lab.ledger.write(lab.tenant, lab.act) { try $0.erase([lab.ref(memo)], as: "e1", about: [object]) }
    }
    #expect(try await lab.erase([lab.ref(memo), lab.ref(sheet)]).count == 2)
    #expect(try lab.verified().isEmpty)
  }

  // MARK: The guard

  @Test("sabotage: an image that goes without an erasure is refused, and named where somebody took it all the same")
  func imageTaken() async throws {
    let lab = try await Lab()
    let memo = try await lab.edited("one")
    for statement in [
      "UPDATE log_change SET image = NULL WHERE image IS NOT NULL",
      "UPDATE log_change SET image = before WHERE image IS NOT NULL", "UPDATE log_change SET op = 'insert'",
    ] {
      await #expect(throws: (any Error).self) {
        try await lab.ledger.write(lab.tenant, lab.act) { try $0.connection.run(raw: statement) }
      }
    }
    // Even while an erasure runs nothing but the image can change.
    for statement in [
      "UPDATE log_change SET image = before WHERE image IS NOT NULL",
      "UPDATE log_change SET before = NULL, image = NULL",
    ] {
      await #expect(throws: (any Error).self) {
        try await lab.ledger.write(lab.tenant, lab.act) { work in
          try work.gate.whileErasing(work.connection) { try work.connection.run(raw: statement) }
        }
      }
    }
    #expect(try lab.verified().isEmpty)
    await lab.ledger.close()
    try lab.tamper(["UPDATE log_change SET image = NULL WHERE image IS NOT NULL"])
    #expect(try lab.verified().contains { $0.key == memo.key && $0.reason.contains("no erasure says why") })
    if !TestDatabase.isWanted {
      let database = try SQLiteDatabase(path: "\(lab.bench.data)/tenants/\(lab.tenant).db")
      try database.onWriterBlocking { connection, _ in
        try connection.run(raw: "DROP TRIGGER \(JournalTables.nameOfImageGuard)")
      }
      database.close()
      #expect(try lab.verified().contains { $0.table == "log_change" && $0.reason.contains("guard") })
    }
  }

  @Test("sabotage: an image or a row that is put back after its erasure is named")
  func putBack() async throws {
    let lab = try await Lab()
    let memo = try await lab.edited("one")
    let image = try #require(try await lab.images().first)
    let subjects = try await lab.erase([memo])
    _ = try await lab.ledger.destroyKeys(of: lab.tenant, subjects, erasure: "e1")
    await lab.ledger.close()
    let bytes = TestDatabase.isWanted ? "'\\x\(Hex.encode(image))'" : "X'\(Hex.encode(image))'"
    try lab.tamper(["UPDATE log_change SET image = \(bytes) WHERE row_key = '\(memo.key)' AND op = 'update'"])
    #expect(try lab.verified().contains { $0.key == memo.key && $0.reason.contains("lies there although") })
  }

  @Test("while an erasure goes on its keys may be there; once it is over they may not")
  func unfinished() async throws {
    let lab = try await Lab()
    _ = try await lab.erase([try await lab.edited("one")])
    await lab.ledger.close()
    func report(_ underway: Set<String>) throws -> Verification.Report {
      let inside = Verification.Inside(
        keys: KeyLocation(lab.bench.keys), derivations: [MemoIndex.derivation], underway: { _, _ in underway })
      return try #require(try Verification.run(dataDirectory: lab.bench.data, inside: inside).first)
    }
    #expect(try report(["e1"]).isIntact && report(["e1"]).ending > 0)
    #expect(try report([]).findings.contains { $0.reason.contains("its key was not destroyed") })
    #expect(try report(["e2"]).findings.contains { $0.reason.contains("its key was not destroyed") })
  }

  // MARK: Off the disk

  @Test("the sealed bytes of what was erased are in some file before, and in none after")
  func bytes() async throws {
    guard !TestDatabase.isWanted else { return }
    let lab = try await Lab()
    for number in 0..<300 { _ = try await lab.edited("memo \(number)") }
    let victims = try await lab.ledger.view(Memo.self, lab.tenant).rows.enumerated().filter { $0.offset % 40 == 7 }.map(
      \.element)
    let sheet = try await lab.attach(to: victims[0])
    let refs = victims.map(lab.ref) + [lab.ref(sheet)]
    let boxes = try await lab.boxes(refs)
    #expect(boxes.count == 2 * victims.count + 2)
    await lab.ledger.releaseMemory()
    try await lab.ledger.scrub(lab.tenant)
    #expect(try boxes.allSatisfy { try lab.lies($0) })
    let subjects = try await lab.erase(refs)
    _ = try await lab.ledger.destroyKeys(of: lab.tenant, subjects, erasure: "e1")
    try await lab.ledger.scrub(lab.tenant)
    #expect(try boxes.filter { try lab.lies($0) }.isEmpty)
    #expect(try await lab.ledger.files.list(lab.tenant).isEmpty)
    #expect(try lab.inside().isEmpty)
  }

  // MARK: Tenants

  @Test("of an erased tenant nothing is left, others are as they were, and it is not opened again")
  func tenant() async throws {
    let lab = try await Lab()
    let memo = try await lab.edited("one")
    _ = try await lab.attach(to: memo)
    let other = try await lab.ledger.createTenant(slug: "globex").id
    let kept = Memo(id: .make(at: noon), title: "kept")
    _ = try await lab.ledger.write(other, lab.act("memo.create", kept)) { try $0.insert(kept) }
    let hold = ObjectRef("memo", memo.id)
    _ = try await lab.ledger.write(lab.tenant, lab.act) { try $0.hold(hold, reason: "a court asked") }
    await #expect { try await lab.ledger.eraseTenant(lab.tenant, erasure: "e1") } throws: {
      ($0 as? Problem)?.code == .conflict
    }
    _ = try await lab.ledger.write(lab.tenant, lab.act) { try $0.liftHold(hold) }
    await #expect(throws: Problem.self) { try await lab.ledger.removeTenant(lab.tenant) }
    for _ in 0..<2 { #expect(try await lab.ledger.eraseTenant(lab.tenant, erasure: "e1").isComplete) }
    try await lab.ledger.removeTenant(lab.tenant)
    await #expect(throws: Problem.self) { try await lab.ledger.read(lab.tenant) { _ in } }
    #expect(try await lab.ledger.read(other) { try $0.find(Memo.self, kept.key)?.title } == "kept")
    await lab.ledger.close()
    let ids = try Verification.run(dataDirectory: lab.bench.data).map(\.tenant)
    #expect(ids == [other])
    #expect(try lab.verified().isEmpty)
    #expect(
      try FileManager.default.subpathsOfDirectory(atPath: lab.bench.data).allSatisfy { !$0.contains(lab.tenant.text) })
    let again = try lab.reopened()
    #expect(again.tenants.map(\.id) == [other])
    await again.close()
  }

  // MARK: Older data

  @Test("data that is older than the erasure loses the row again before anything is read, and all else is as it was")
  func oldCopy() async throws {
    let lab = try await Lab()
    let (victim, other) = (try await lab.edited("victim"), try await lab.edited("other"))
    let sheet = try await lab.attach(to: victim)
    let subjects = try await lab.ledger.read(lab.tenant) { reader in
      [try reader.subject(of: Memo.self, victim.key), try reader.subject(of: Sheet.self, sheet.key)]
    }
    // For the data this is what a restore from before is: the key store knows of an erasure, the record does not.
    let keys = try await lab.ledger.using(lab.tenant) { $0.keys }
    _ = try keys.destroy(subjects, erasure: "e7", now: noon)
    #expect(try await lab.ledger.read(lab.tenant) { try $0.find(Memo.self, victim.key) == nil })
    #expect(try lab.inside().contains { $0.key == victim.key && $0.reason.contains("although its key was destroyed") })
    await lab.ledger.close()
    let again = try lab.reopened()
    let (found, erased, kept) = try await again.read(lab.tenant) { reader in
      (
        try reader.storedRow(Memo.table, victim.key), try reader.erased(lab.ref(victim)),
        try reader.find(Memo.self, other.key)
      )
    }
    #expect(found == nil && erased?.erasure == "e7" && kept?.title == "other 2")
    #expect(
      try await again.read(lab.tenant) { try $0.rows("SELECT 1 FROM memo_title WHERE tenant = \($0.tenant)").count }
        == 1)
    #expect(try await again.files.list(lab.tenant).isEmpty)
    #expect(try await lab.images(again).count == 1)
    let size = try await again.version(lab.tenant)
    await again.close()
    #expect(try lab.inside().isEmpty)
    // Once is enough.
    let third = try lab.reopened()
    #expect(try await third.read(lab.tenant) { try $0.logSize } == size || size == 0)
    await third.close()
  }

  @Test("an old copy of the data does not open the erased row with the keys of today, and opens every other")
  func oldDirectory() async throws {
    guard !TestDatabase.isWanted else { return }
    let lab = try await Lab()
    let (victim, other) = (try await lab.edited("victim"), try await lab.edited("other"))
    await lab.ledger.close()
    let old = lab.bench.directory + "/old"
    try FileManager.default.copyItem(atPath: lab.bench.data, toPath: old)
    let ledger = try lab.reopened()
    let subjects = try await lab.erase([victim], ledger)
    _ = try await ledger.destroyKeys(of: lab.tenant, subjects, erasure: "e1")
    await ledger.close()
    // Past the ledger, with all keys there are.
    let location = KeyLocation(lab.bench.keys)
    let keys = try KeyStore(at: try location.place, provider: try location.provider(dataDirectory: old)).openTenant(
      lab.tenant)
    try SQLiteDatabase.readOnly(path: "\(old)/tenants/\(lab.tenant).db") { connection in
      let reader = Reader(tenant: lab.tenant, connection: connection, keys: keys)
      let row = try #require(try reader.storedRow(Memo.table, victim.key))
      #expect(throws: SubjectErased.self) { try reader.open(row, Memo.table) }
      #expect(try reader.find(Memo.self, other.key)?.title == "other 2")
    }
    let restored = try Ledger(
      installation: try Installation(openAt: old, keys: location), tables: Lab.tables,
      derivations: [MemoIndex.derivation],
      clock: lab.bench.clock)
    #expect(try await restored.view(Memo.self, lab.tenant).rows.map(\.title) == ["other 2"])
    #expect(try await restored.read(lab.tenant) { try $0.erased(lab.ref(victim)) != nil })
    await restored.close()
    #expect(try Verification.run(dataDirectory: old).flatMap(\.findings).isEmpty)
  }
}

// MARK: - What the tests need

/// A row with a file and a link.
struct Sheet: Record {
  static let table = Table(
    "sheet", .primary,
    columns: [
      Column("memo", .text, .key, purpose: "which memo it belongs to"),
      Column("file", .text, .key, purpose: "the sealed file"),
    ], retention: "as long as the tenant")
  let id: ID<Sheet>
  let memo: String
  let file: FileID
  var key: String { id.text }
  var plain: [String: Value] { ["memo": .text(memo), "file": .text(file.text)] }
  var content: [String: CBOR] { [:] }

  init(id: ID<Sheet>, memo: String, file: FileID) {
    self.id = id
    self.memo = memo
    self.file = file
  }

  init(_ row: OpenedRow) throws {
    id = try row.keyID()
    memo = try row.text("memo")
    file = try row.id("file")
  }
}

/// A bench whose ledger knows how its derived table is made.
struct Lab: Sendable {
  static let tables = [Memo.table, MemoIndex.table, Sheet.table]
  let bench: Bench
  let ledger: Ledger
  var tenant: TenantID { bench.tenant }

  init() async throws {
    bench = try await Bench()
    await bench.ledger.close()
    ledger = try Lab.open(bench)
  }

  private static func open(_ bench: Bench) throws -> Ledger {
    try Ledger(
      installation: try bench.installation(tables), tables: tables, derivations: [MemoIndex.derivation],
      clock: bench.clock)
  }

  func reopened() throws -> Ledger { try Lab.open(bench) }

  var act: Act { Act("test.run", on: ObjectRef("test", "t"), by: .system("test")) }
  func act(_ action: StaticString, _ memo: Memo) -> Act { bench.act(action, memo) }
  func ref(_ memo: Memo) -> RowRef { RowRef(table: "memo", id: memo.key) }
  func ref(_ sheet: Sheet) -> RowRef { RowRef(table: "sheet", id: sheet.key) }

  /// Written twice, so that there is an image.
  func edited(_ title: String) async throws -> Memo {
    let memo = Memo(id: .make(at: noon), title: title)
    let hash = try await ledger.keyedHash(tenant, "title", "\(title) 2")
    _ = try await ledger.write(tenant, act("memo.create", memo)) { work in
      try work.insert(memo)
      try work.run(
        "INSERT INTO memo_title (tenant, hash) VALUES (\(work.tenant), \(hash))", on: MemoIndex.table)
    }
    let edited = Memo(id: memo.id, title: "\(title) 2")
    _ = try await ledger.write(tenant, act("memo.edit", memo)) { try $0.update(edited) }
    return edited
  }

  func attach(to memo: Memo) async throws -> Sheet {
    let staged = try await ledger.stageFile(
      tenant,
      AsyncStream { stream in
        stream.yield([UInt8](repeating: 9, count: 5_000))
        stream.finish()
      })
    let sheet = Sheet(id: .make(at: noon), memo: memo.key, file: staged.id)
    _ = try await ledger.write(tenant, act("memo.attach", memo)) { try $0.insert(sheet, subject: staged.subject) }
    return sheet
  }

  func erase(_ memos: [Memo], _ other: Ledger? = nil) async throws -> [SubjectRef] {
    try await erase(memos.map(ref), other)
  }

  func erase(_ rows: [RowRef], _ other: Ledger? = nil) async throws -> [SubjectRef] {
    try await (other ?? ledger).write(tenant, act) { try $0.erase(rows, as: "e1") }.value
  }

  /// The before images of the tenant's own rows.
  func images(_ other: Ledger? = nil) async throws -> [[UInt8]] {
    try await (other ?? ledger).read(tenant) { reader in
      try reader.rows(
        "SELECT image FROM log_change WHERE tenant = \(reader.tenant) AND image IS NOT NULL AND tbl = 'memo'"
      ).compactMap { $0[0].bytes }
    }
  }

  func verified() throws -> [Verification.Finding] { try bench.verified() }

  func inside() throws -> [Verification.Finding] {
    try Verification.run(
      dataDirectory: bench.data, inside: .init(keys: KeyLocation(bench.keys), derivations: [MemoIndex.derivation])
    ).flatMap(\.findings)
  }

  func tamper(_ statements: [String]) throws { try bench.tamper(statements) }

  /// Sealed bytes of rows, their images and their files.
  func boxes(_ rows: [RowRef]) async throws -> [[UInt8]] {
    let stored = try await ledger.read(tenant) { reader -> [[UInt8]] in
      let live = try rows.compactMap { row in
        try reader.storedRow(row.table == "memo" ? Memo.table : Sheet.table, row.id)?.sealed
      }
      return live + (try reader.images(of: rows).compactMap { $0.image.columns["sealed"]?.bytes })
    }
    var boxes = stored
    for file in try await ledger.files.list(tenant) {
      guard let source = try await ledger.files.open(tenant, file.id) else { continue }
      boxes.append(try await source.read(Int(source.size)))
    }
    // The ciphertext itself: what stands before it is a commitment, and would do as well.
    return boxes.map { Array($0.dropFirst(45).prefix(24)) }
  }

  func lies(_ bytes: [UInt8]) throws -> Bool {
    try FileManager.default.subpathsOfDirectory(atPath: bench.data).contains { path in
      FileManager.default.contents(atPath: bench.data + "/" + path)?.range(of: Data(bytes)) != nil
    }
  }
}
