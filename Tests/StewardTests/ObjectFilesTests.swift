import Custody
import Foundation
import Platform
import Server
import Synchronization
import TestKit
import Testing

@Suite("Files in an object store")
struct ObjectFilesTests {
  private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

  private func contents(_ ledger: Ledger, _ tenant: TenantID, _ file: StagedFile) async throws -> [UInt8] {
    var out: [UInt8] = []
    for try await piece in try await ledger.openFile(tenant, file.id, subject: file.subject) { out += piece }
    return out
  }

  private func house(_ bucket: FakeBucket) async throws -> House {
    try await House.open(objectStore: try bucket.settings())
  }

  /// The store alone, without pauses.
  private func files(_ bucket: FakeBucket, _ house: House) throws -> ObjectFiles {
    let settings = try bucket.settings()
    let files = ObjectFiles(settings, pause: { _ in })
    let services = house.app.services
    files.bind(
      EgressGate(
        policy: NoEgress(), ownPlaces: settings.ownPlaces, ledger: services.ledger,
        systemTenant: { try await services.tenants.system() }))
    return files
  }

  private func put(_ files: ObjectFiles, _ tenant: TenantID, _ file: FileID, _ bytes: [UInt8]) async throws {
    let sink = try await files.create(tenant, file)
    do {
      for start in stride(from: 0, to: bytes.count, by: 10_000) {
        try await sink.append(Array(bytes[start..<min(start + 10_000, bytes.count)]))
      }
      try await sink.finish()
    } catch {
      await sink.abandon()
      throw error
    }
  }

  private func outcome(_ house: House, _ file: FileID) async throws -> DisclosureRecord? {
    try await house.app.ledger.read(house.acme.id) { try $0.find(DisclosureRecord.self, file.text) }
  }

  @Test("a file goes there sealed and comes back; a large one in parts; and what left is on the record")
  func roundTrip() async throws {
    let bucket = FakeBucket()
    defer { bucket.stop() }
    let house = try await house(bucket)
    defer { house.leave() }
    let (ledger, tenant) = (house.app.ledger, house.acme.id)
    for size in [0, 70_000, 170_000] {
      let plain = bytes(size)
      let staged = try await ledger.stageFile(tenant, Chunks(bytes: plain))
      #expect(try await contents(ledger, tenant, staged) == plain)
      let object = try #require(bucket.objects["\(tenant)/\(staged.id)"])
      #expect(object.count == size + 33 + 16 * max(1, (size + 65_535) / 65_536))
      let record = try await outcome(house, staged.id)
      #expect(record?.outcome == .done && record?.byteCount == object.count)
      #expect(record?.sha256 == Digest(sha256: object) && record?.destination == "own:files")
    }
    #expect(bucket.uploads == 0)
    #expect(bucket.calls.contains { $0.contains("partNumber=3") })
    #expect(Set(try await ledger.files.list(tenant).map(\.id)).count == 3)
  }

  @Test("what no row adopted goes after a day, with uploads that were broken off; what others put there stays")
  func sweeps() async throws {
    let bucket = FakeBucket()
    defer { bucket.stop() }
    let house = try await house(bucket)
    defer { house.leave() }
    let (ledger, tenant) = (house.app.ledger, house.acme.id)
    let stray = try await ledger.stageFile(tenant, Chunks(bytes: [1]))
    let broken = FileID.make(at: house.clock.now)
    let store = try files(bucket, house)
    let sink = try await store.create(tenant, broken)
    try await sink.append(bytes(170_000))
    let foreign = FileID.make(at: house.clock.now)
    bucket.state.withLock { $0.objects["\(tenant)/\(foreign)"] = [1, 2, 3] }
    #expect(bucket.uploads == 1)
    #expect(try await ledger.sweepFiles(tenant) == 0, "younger than a day")
    house.clock.advance(seconds: 86_401)
    #expect(try await ledger.sweepFiles(tenant) == 1)
    #expect(bucket.uploads == 0)
    #expect(bucket.objects["\(tenant)/\(stray.id)"] == nil)
    #expect(
      bucket.objects["\(tenant)/\(foreign)"] != nil, "a file that this installation never handed over was removed")
  }

  @Test("files from before are read where they lie, and moved over; one that lies there already is not written again")
  func moves() async throws {
    let bucket = FakeBucket()
    defer { bucket.stop() }
    let house = try await house(bucket)
    defer { house.leave() }
    let (ledger, tenant) = (house.app.ledger, house.acme.id)
    let (first, second) = (
      try await ledger.stageFile(tenant, Chunks(bytes: bytes(100_000))),
      try await ledger.stageFile(tenant, Chunks(bytes: [7]))
    )
    let directory = DirectoryFiles(house.app.configuration.dataDirectory + "/files")
    try DurableFile.makeDirectory(directory.directory(of: tenant))
    for file in [first, second] {
      let object = try #require(bucket.objects["\(tenant)/\(file.id)"])
      try Data(object).write(to: URL(filePath: directory.path(tenant, file.id)))
    }
    bucket.state.withLock { $0.objects["\(tenant)/\(first.id)"] = nil }
    #expect(try await contents(ledger, tenant, first) == bytes(100_000))
    #expect(try await ledger.files.list(tenant).count == 2)
    let calls = bucket.calls.count
    _ = try await ledger.sweepFiles(tenant)
    #expect(try DurableFile.names(in: directory.directory(of: tenant)).isEmpty)
    #expect(try await contents(ledger, tenant, first) == bytes(100_000))
    #expect(bucket.calls.dropFirst(calls).filter { $0.hasPrefix("PUT") }.count == 1)
  }

  @Test(
    "a call that fails in passing is tried again; one that is refused, or fails each time, keeps nothing",
    arguments: [0, -1, 503, 403])
  func faults(fault: Int) async throws {
    let bucket = FakeBucket()
    defer { bucket.stop() }
    let house = try await House.open()
    defer { house.leave() }
    let store = try files(bucket, house)
    let tenant = house.acme.id
    // Every third call fails, once; then every call but those that take back.
    for size in [1_000, 170_000] {
      bucket.fail { _, number in number % 3 == 1 ? fault : nil }
      let file = FileID.make(at: house.clock.now)
      let sent = bytes(size)
      if fault == 403 {
        bucket.fail { call, _ in call.hasPrefix("DELETE") ? nil : fault }
        await #expect(throws: Problem.self) { try await put(store, tenant, file, sent) }
      } else {
        try await put(store, tenant, file, sent)
        #expect(bucket.objects["\(tenant)/\(file)"] == sent)
      }
      bucket.fail { call, _ in call.hasPrefix("DELETE") ? nil : fault }
      let lost = FileID.make(at: house.clock.now)
      let problem = await #expect(throws: Problem.self) { try await put(store, tenant, lost, sent) }
      #expect(problem?.code == .unavailable && problem?.detail?.contains("object store") == true)
      #expect(bucket.objects["\(tenant)/\(lost)"] == nil)
      #expect(try await outcome(house, lost)?.outcome != .done)
    }
  }

  @Test("an upload that breaks in the middle is aborted, and one part cut short is never a file")
  func abandons() async throws {
    let bucket = FakeBucket()
    defer { bucket.stop() }
    let house = try await House.open()
    defer { house.leave() }
    let store = try files(bucket, house)
    bucket.fail { call, _ in call.contains("partNumber=2") ? 403 : nil }
    let file = FileID.make(at: house.clock.now)
    await #expect(throws: Problem.self) { try await put(store, house.acme.id, file, bytes(170_000)) }
    #expect(bucket.uploads == 0 && bucket.objects.isEmpty)
    #expect(try await outcome(house, file)?.outcome == .unknown, "parts were there for a while")
  }

  @Test("what was changed, cut, extended or exchanged in the store does not open to its end")
  func tampered() async throws {
    let bucket = FakeBucket()
    defer { bucket.stop() }
    let house = try await house(bucket)
    defer { house.leave() }
    let (ledger, tenant) = (house.app.ledger, house.acme.id)
    let staged = try await ledger.stageFile(tenant, Chunks(bytes: bytes(150_000)))
    let name = "\(tenant)/\(staged.id)"
    let sealed = try #require(bucket.objects[name])
    var variants = [
      Array(sealed.dropLast()), Array(sealed.prefix(33 + 65_552)), sealed + [0], Array(sealed.prefix(40)), [],
    ]
    for place in stride(from: 0, to: sealed.count, by: 9_973) {
      var flipped = sealed
      flipped[place] ^= 1
      variants.append(flipped)
    }
    for variant in variants {
      bucket.state.withLock { $0.objects[name] = variant }
      await #expect(throws: (any Error).self) { _ = try await contents(ledger, tenant, staged) }
    }
    bucket.state.withLock { $0.objects[name] = nil }
    await #expect(throws: (any Error).self) { _ = try await contents(ledger, tenant, staged) }
    bucket.state.withLock { $0.objects[name] = sealed }
    #expect(try await contents(ledger, tenant, staged) == bytes(150_000))
  }

  @Test(
    "nothing goes to a store that is neither the operator's own nor in the register; what lies there can be fetched back"
  )
  func admitted() async throws {
    let bucket = FakeBucket()
    defer { bucket.stop() }
    let house = try await House.open()
    defer { house.leave() }
    let (own, tenant) = (try files(bucket, house), house.acme.id)
    let file = FileID.make(at: house.clock.now)
    try await put(own, tenant, file, [1, 2, 3])
    let calls = bucket.calls.count
    let stranger = ObjectFiles(try bucket.settings(), pause: { _ in })
    await #expect(throws: Problem.self, "before the gate is bound") { _ = try await stranger.open(tenant, file) }
    stranger.bind(house.app.services.egress)
    let refused = await #expect(throws: Problem.self) {
      try await put(stranger, tenant, FileID.make(at: house.clock.now), [4])
    }
    #expect(refused?.code == .forbidden)
    #expect(bucket.calls.count == calls, "something was said to a place that is not admitted")
    #expect(try await stranger.open(tenant, file)?.read(3) == [1, 2, 3])
  }

  @Test(
    "a store of the register gets files while its contract lasts; afterwards none, and what lies there still comes back"
  )
  func registered() async throws {
    let bucket = FakeBucket()
    defer { bucket.stop() }
    let house = try await House.open()
    defer { house.leave() }
    let (desk, tenant) = (OperatorDesk(house), house.acme.id)
    let id = try await desk.add(
      OperatorDesk.sample([
        "hosts": [.string("127.0.0.1:\(bucket.port)")], "purposes": ["files"], "categories": ["content"],
      ]))
    let store = ObjectFiles(try bucket.settings(), pause: { _ in })
    store.bind(house.app.services.egress)
    let file = FileID.make(at: house.clock.now)
    await #expect(throws: Problem.self, "not active yet") { try await put(store, tenant, file, [1, 2, 3]) }
    _ = try await desk.ok("announce", id)
    try await house.send("acme")
    try await house.send("globex")
    house.pass(days: 31)
    _ = try await desk.ok("activate", id)
    try await put(store, tenant, file, [1, 2, 3])
    #expect(try await outcome(house, file)?.destination == "subprocessor:\(id)")
    house.clock.set(try #require(Instant("2028-01-01T00:00:00.000Z")))
    let late = FileID.make(at: house.clock.now)
    await #expect(throws: Problem.self, "the contract has lapsed") { try await put(store, tenant, late, [4]) }
    #expect(bucket.objects.count == 1)
    #expect(try await store.open(tenant, file)?.read(3) == [1, 2, 3])
    try await store.remove(tenant, file)
    #expect(bucket.objects.isEmpty)
  }
}
