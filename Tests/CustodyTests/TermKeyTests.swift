@testable import Custody
import Foundation
import Kernel
import Synchronization
import Testing

@Suite("Keys with which backups end")
struct TermKeyTests {
  private static let (now, id) = (Instant(milliseconds: 1_000_000), KeyHome.id)
  private static let day = 86_400

  private func keys(_ home: KeyHome) throws -> TermKeys { try home.store().termKeys(.backups) }

  private func trials(_ home: KeyHome) throws -> TermKeys { try home.store().termKeys(.trials) }

  private func take(_ keys: TermKeys, _ backup: String = "b", until: Instant? = nil) throws -> TermKey {
    try keys.take(for: backup, until: until, now: Self.now)
  }

  @Test(
    "they are made ahead at every place: a copy that is 60 backups old has the key of today",
    arguments: KeyHome.Kind.all)
  func ahead(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    _ = try home.settled(adding: [home.home + "/replica"])
    let keys = try keys(home)
    #expect(try take(keys).name.description == "backups/1")
    let old = home.home + "/old"
    try FileManager.default.copyItem(atPath: home.home + "/replica", toPath: old)
    let last = try keys.take(for: "last", until: nil, above: 61, now: Self.now)
    let wrapped = try home.store().backupKeyring.wrap(.random(), installation: Self.id, backup: "last", term: last)
    let kit = try home.store().recoveryKit(id: Self.id, verifierKey: "k", now: Self.now)
    #expect(last.name.number == 62)
    for places in [[old], ["/nowhere", old], [home.home + "/replica"]] {
      let opened = try kit.backupKeyring(from: places).unwrap(
        wrapped, installation: Self.id, backup: "last", term: last.name)
      #expect(opened.count == 32)
    }
    let refused = #expect(throws: Problem.self) {
      try kit.backupKeyring(from: ["/nowhere"]).unwrap(wrapped, installation: Self.id, backup: "last", term: last.name)
    }
    #expect(refused?.message.contains("--keys-from") == true)
    // Neither without the key nor with that of another backup.
    let other = try take(keys)
    #expect(throws: Box.OpenError.self) {
      try home.store().backupKeyring.unwrap(wrapped, installation: Self.id, backup: "last", term: other.name)
    }
    #expect(throws: Box.OpenError.self) {
      try home.store().backupKeyring.unwrap(wrapped, installation: Self.id, backup: "last")
    }
    #expect(throws: Box.OpenError.self) {
      try home.store().backupKeyring.stranger().unwrap(
        wrapped, installation: Self.id, backup: "last", term: last.name)
    }
    // A store that is made from the old replica gives none of these numbers twice.
    let copy = KeyLocation(home.home + "/copy")
    try KeyStore.copy(from: [old], installation: Self.id, rootKey: try home.provider.rootKey(), to: copy)
    let again = try KeyStore(at: try copy.place, provider: try copy.provider(dataDirectory: "/nowhere"))
    #expect(try again.termKeys(.backups).take(for: "next", until: nil, now: Self.now).name.number == 66)
    #expect(try again.backupKeyring.unwrap(wrapped, installation: Self.id, backup: "last", term: last.name).count == 32)
  }

  @Test("two stores at once never take one twice", arguments: KeyHome.Kind.all)
  func shared(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let stores = [try home.store(), try home.store(), try home.store()]
    let taken = Mutex<[Int64]>([])
    DispatchQueue.concurrentPerform(iterations: 3) { number in
      for _ in 0..<8 {
        guard let key = try? self.take(stores[number].termKeys(.backups)) else { continue }
        taken.withLock { $0.append(key.name.number) }
      }
    }
    #expect(taken.withLock { $0.sorted() } == Array(1...24))
    #expect(try keys(home).held().map(\.name.number) == Array(1...24))
  }

  @Test(
    "what ended stays ended: no stale replica and no old copy of the key store brings it back",
    arguments: KeyHome.Kind.all)
  func stale(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let (replica, old) = (home.home + "/replica", home.home + "/old")
    _ = try home.settled(adding: [replica])
    let (gone, kept) = (try take(try keys(home), "gone"), try take(try keys(home), "kept"))
    try FileManager.default.copyItem(atPath: replica, toPath: old)
    let ends = try keys(home).end([gone.name], now: Self.now)
    #expect(ends.count == 1 && ends[0].isComplete && ends[0].isNews && ends[0].backup == "gone")
    #expect(ends[0].copies.map(\.isLive) == [false, true])
    try keys(home).told(ends)
    #expect(try keys(home).pending().isEmpty)
    for place in [try home.location.place, .directory(replica)] {
      #expect(try !place.place().exists(.term(gone.name)) && place.place().exists(.term(kept.name)))
    }
    // The replica is put back to what it was.
    try FileManager.default.removeItem(atPath: replica)
    try FileManager.default.copyItem(atPath: old, toPath: replica)
    #expect(throws: TermEnded.self) { try find(gone.name, [replica, home.place], home) }
    #expect(try KeyReplicas.differences(of: .directory(replica), from: home.location.place) ?? 0 > 0)
    _ = try home.settled()
    #expect(try !KeyPlaceName(replica).place().exists(.term(gone.name)))
    #expect(try KeyReplicas.differences(of: .directory(replica), from: home.location.place) == 0)
    // A copy from the old place and one that knows better.
    let copy = KeyLocation(home.home + "/copy")
    try KeyStore.copy(from: [old, replica], installation: Self.id, rootKey: try home.provider.rootKey(), to: copy)
    #expect(try !copy.place.place().exists(.term(gone.name)))
    #expect(throws: TermEnded.self) { try find(gone.name, [home.home + "/copy", old], home) }
    #expect(try find(kept.name, [home.home + "/copy"], home).name == kept.name)
    // What nobody who knows better can see, opens: it is a copy of the keys from before.
    #expect(try find(gone.name, [old], home).name == gone.name)
    #expect(try take(try keys(home)).name.number == 3)
  }

  private func find(_ name: TermKeyName, _ places: [String], _ home: KeyHome) throws -> TermKey {
    try TermKeyFinder(places: places.map { try KeyPlaceName($0).place() }, root: try home.provider.rootKey()).key(name)
  }

  @Test("a live store that was put back learns from its replica what ended", arguments: [KeyHome.Kind.directory])
  func putBack(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    _ = try home.settled(adding: [home.home + "/replica"])
    let gone = try take(try keys(home), "gone")
    try FileManager.default.copyItem(atPath: home.place, toPath: home.home + "/before")
    _ = try keys(home).end([gone.name], now: Self.now)
    let second = try take(try keys(home), "second")
    try FileManager.default.removeItem(atPath: home.place)
    try FileManager.default.copyItem(atPath: home.home + "/before", toPath: home.place)
    #expect(throws: TermEnded.self) {
      try home.store().backupKeyring.unwrap([], installation: Self.id, backup: "gone", term: gone.name)
    }
    _ = try home.settled()
    #expect(try !home.location.place.place().exists(.term(gone.name)))
    #expect(try keys(home).held().map(\.backup) == ["second"])
    #expect(try take(try keys(home)).name.number == second.name.number + 1)
  }

  @Test(
    "a replica that is away keeps nobody from taking and ending; it is named until its copy is gone",
    arguments: KeyHome.Kind.all)
  func away(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let (replica, hidden) = (home.home + "/replica", home.home + "/hidden")
    _ = try home.settled(adding: [replica])
    let gone = try take(try keys(home), "gone")
    try FileManager.default.moveItem(atPath: replica, toPath: hidden)
    let first = try keys(home).end([gone.name], now: Self.now)
    #expect(first.map(\.isComplete) == [false])
    #expect(first[0].copies.first { $0.endedAt == nil }?.place == replica && first[0].copies[0].obstacle != nil)
    try keys(home).told(first)
    #expect(try keys(home).pending().map(\.places) == [[replica]])
    #expect(try keys(home).end([], now: Self.now).allSatisfy { !$0.isNews }, "it is told once")
    for above in [0, 40, 64] as [Int64] {
      _ = try keys(home).take(for: "b", until: nil, above: above, now: Self.now)
    }
    let out = #expect(throws: Problem.self) { try take(try keys(home)) }
    #expect(out?.code == .unavailable)
    try FileManager.default.moveItem(atPath: hidden, toPath: replica)
    #expect(try KeyPlaceName(replica).place().exists(.term(gone.name)))
    let later = Self.now.adding(seconds: 60)
    let last = try keys(home).end([], now: later)
    #expect(last.map(\.isComplete) == [true] && last[0].isNews)
    #expect(last[0].copies.map(\.endedAt) == [later, Self.now])
    #expect(try !KeyPlaceName(replica).place().exists(.term(gone.name)))
    try keys(home).told(last)
    #expect(try keys(home).end([], now: later).isEmpty)
    #expect(try take(try keys(home)).name.number == 66)
  }

  @Test("broken off before any step, an end is finished by the next; what is left opens for nobody who asks")
  func brokenOff() throws {
    var (step, isDone) = (0, false)
    while !isDone {
      let home = try KeyHome(.directory)
      let replica = home.home + "/replica"
      _ = try home.settled(adding: [replica])
      // Of the series that has none made ahead.
      let (gone, kept) = (try take(try trials(home), "gone"), try take(try trials(home), "kept"))
      let disk = StoppingDisk(at: step)
      let store = try KeyStore(at: try home.location.place, provider: try home.provider, disk: disk.disk)
      do {
        _ = try store.termKeys(.trials).end([gone.name], now: Self.now)
        isDone = true
      } catch {}
      if step % 2 == 0 { _ = try home.settled() }
      let ends = try trials(home).end([gone.name], now: Self.now)
      #expect(ends.allSatisfy { $0.isComplete }, "\(step)")
      for place in [home.place, replica] {
        #expect(try !KeyPlaceName(place).place().exists(.term(gone.name)), "\(step)")
      }
      #expect(throws: TermEnded.self) { try find(gone.name, [home.place, replica], home) }
      #expect(try find(kept.name, [replica], home).name == kept.name)
      step += 1
      try #require(step < 100)
    }
    #expect(step > 8)
  }

  @Test("the bytes of an ended key are overwritten where they lay")
  func overwritten() throws {
    let home = try KeyHome(.directory)
    let gone = try take(try keys(home), "gone")
    let second = home.home + "/second-name"
    #expect(link("\(home.place)/\(gone.name)", second) == 0)
    let before = try #require(try DurableFile.read(second))
    _ = try keys(home).end([gone.name], now: Self.now)
    #expect(try DurableFile.read(second) != before)
  }

  @Test(
    "a change of the root key seals them anew, and backups of before and after open; what ended stays ended",
    arguments: KeyHome.Kind.all)
  func rootChange(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    _ = try home.settled(adding: [home.home + "/replica"])
    let (gone, kept) = (try take(try keys(home), "gone"), try take(try keys(home), "kept"))
    let wrapped = try home.store().backupKeyring.wrap(.random(), installation: Self.id, backup: "kept", term: kept)
    _ = try keys(home).end([gone.name], now: Self.now)
    let provider = try home.provider
    let report = try KeyStore.changeRoot(
      at: try home.location.place, installation: Self.id, from: provider, to: provider, now: Self.now)
    // The installation's key, the book, and 65 keys.
    #expect(report.rewrapped == 67)
    let keyring = try home.store().backupKeyring
    #expect(try keyring.unwrap(wrapped, installation: Self.id, backup: "kept", term: kept.name).count == 32)
    #expect(throws: TermEnded.self) {
      try keyring.unwrap(wrapped, installation: Self.id, backup: "kept", term: gone.name)
    }
    let next = try take(try keys(home), "next")
    #expect(next.name.number == 3)
    let fresh = try home.store().backupKeyring.wrap(.random(), installation: Self.id, backup: "next", term: next)
    let kit = try home.store().recoveryKit(id: Self.id, verifierKey: "k", now: Self.now)
      .backupKeyring(from: [home.home + "/replica"])
    #expect(try kit.unwrap(fresh, installation: Self.id, backup: "next", term: next.name).count == 32)
    #expect(try kit.unwrap(wrapped, installation: Self.id, backup: "kept", term: kept.name).count == 32)
    #expect(try KeyReplicas.differences(of: .directory(home.home + "/replica"), from: home.location.place) == 0)
  }

  @Test(
    "a program of before passes over them when it changes the root key; the next start seals them anew",
    arguments: KeyHome.Kind.all)
  func rootChangeBefore(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let replica = home.home + "/replica"
    _ = try home.settled(adding: [replica])
    let (gone, kept) = (try take(try keys(home), "gone"), try take(try keys(home), "kept"))
    let wrapped = try home.store().backupKeyring.wrap(.random(), installation: Self.id, backup: "kept", term: kept)
    _ = try keys(home).end([gone.name], now: Self.now)
    let places = [try home.location.place.place(), try KeyPlaceName(replica).place()]
    let before = try places.map { place in try place.terms().map { ($0, try #require(try place.read($0))) } }
    let provider = try home.provider
    _ = try KeyStore.changeRoot(
      at: try home.location.place, installation: Self.id, from: provider, to: provider, now: Self.now)
    for (place, files) in zip(places, before) { for (file, box) in files { try place.rewrite(box, as: file) } }
    #expect(throws: Problem.self) { try take(try keys(home)) }
    _ = try home.settled()
    #expect(try take(try keys(home)).name.number == 3)
    let keyring = try home.store().backupKeyring
    #expect(try keyring.unwrap(wrapped, installation: Self.id, backup: "kept", term: kept.name).count == 32)
    #expect(throws: TermEnded.self) {
      try keyring.unwrap(wrapped, installation: Self.id, backup: "kept", term: gone.name)
    }
    #expect(try KeyReplicas.differences(of: .directory(replica), from: home.location.place) == 0)
  }

  @Test("its time can be foreseen and prolonged; trials are numbered apart and made on the spot")
  func times() throws {
    let home = try KeyHome(.directory)
    let keys = try keys(home)
    let end = Self.now.adding(seconds: 7 * Self.day)
    let base = try take(keys, "base", until: end)
    _ = try keys.take(
      for: "more", until: end.adding(seconds: Self.day), prolonging: [base.name], now: Self.now)
    #expect(try keys.held().map(\.until) == [end.adding(seconds: Self.day), end.adding(seconds: Self.day)])
    try keys.foresee([base.name], now: Self.now)
    #expect(try keys.held()[0].until == Self.now)
    let trials = try home.store().termKeys(.trials)
    #expect(try take(trials).name.description == "trials/1")
    #expect(try home.location.place.place().terms().filter { $0.termName?.series == .trials }.count == 1)
    #expect(try keys.take(for: "x", until: nil, above: 40, now: Self.now).name.number == 41)
  }

  @Test("what is said of them is read as it was written, put together it grows, and damage is refused")
  func book() throws {
    let root = SecretBytes.random()
    var (one, other) = (TermBook(), TermBook())
    one.taken = 9
    other.taken = 12
    for number in [3, 5, 4, 9] as [Int64] { one.end(number...number) }
    other.end(7...8)
    other.held = [12: TermBook.Held(backup: "b", taken: Self.now, until: nil), 3: .init(backup: "c", taken: Self.now)]
    other.ending = [8: TermBook.Ending(backup: "d", ends: ["/one": Self.now, "/two": nil], isTold: true)]
    #expect(one.ended == [3...5, 9...9])
    one.merge(other)
    #expect(one.ended == [3...5, 7...9] && one.taken == 12 && one.held.keys.sorted() == [12])
    #expect(one.ending[8]?.ends.count == 2)
    #expect([1, 3, 6, 7, 9, 10].map(one.isEnded) == [false, true, false, true, true, false])
    let box = try one.seal(.backups, root: root)
    #expect(TermBook.open(box, .backups, root: root) == one)
    #expect(TermBook.open(box, .trials, root: root) == nil && TermBook.open(box, .backups, root: .random()) == nil)
    for name in ["backups/0", "backups/01", "backups/x", "other/1", "backups/1/2", "backups/-1"] {
      #expect(TermKeyName(name) == nil)
    }
    let home = try KeyHome(.directory)
    _ = try take(try keys(home))
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: home.place + "/backups/book"))
    #expect(throws: Problem.self) { try take(try keys(home)) }
  }
}

/// Stops before a step of whatever is written or destroyed.
private final class StoppingDisk: Sendable {
  struct Stopped: Error {}
  private let left: Mutex<Int>

  init(at step: Int) { left = Mutex(step) }

  private func check() throws {
    let goesOn = left.withLock { left in
      left -= 1
      return left >= 0
    }
    guard goesOn else { throw Stopped() }
  }

  var disk: KeyDisk {
    KeyDisk(
      write: { [self] bytes, path, replacing in
        try check()
        try KeyDisk.real.write(bytes, path, replacing)
      }, before: { [self] _ in try check() })
  }
}
