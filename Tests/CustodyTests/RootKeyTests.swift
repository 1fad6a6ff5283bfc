import Foundation
import Kernel
import Synchronization
import Testing

@testable import Custody

@Suite("The root key and who keeps it")
struct RootKeyTests {
  @Test("a form names a file, a passphrase, a token or a service; secrets and unknown parts are refused")
  func forms() throws {
    #expect(try RootForm("/etc/root.key") == .file("/etc/root.key"))
    #expect(try RootForm("file:/etc/root.key").file == "/etc/root.key")
    #expect(try RootForm("passphrase") == .passphrase(file: nil))
    #expect(try RootForm("passphrase:/run/word").files == ["/run/word"])
    let token = try RootForm("pkcs11:token=My%20token;object=root?module-path=/usr/lib/m.so&pin-source=file:/etc/pin")
    guard case .token(let address) = token else { return #expect(Bool(false)) }
    #expect(address.token == "My token" && address.keyName == "token=My token;object=root")
    #expect(address.pinFile == "/etc/pin" && token.kind == "pkcs11")
    for good in [
      "vault:https://vault.example.com:8200/transit/steward?token-file=/run/t",
      "vault:http://127.0.0.1:8200/a/b/steward?token-file=/run/t&namespace=team/x",
      "azure-kv:https://name.vault.azure.net/keys/steward",
      "azure-kv:https://name.vault.azure.net/keys/steward/0a1b?client-id=11-22",
      "aws-kms:arn:aws:kms:eu-central-1:111122223333:key/1234-abcd?credentials-file=/etc/aws",
    ] { #expect(throws: Never.self) { try RootForm(good) } }
    for bad in [
      "", "passphrase:", "pkcs11:token=a;object=b", "pkcs11:token=a;object=b?module-path=/m&pin-value=1234",
      "pkcs11:object=b?module-path=/m&pin-source=/p", "vault:http://vault.example.com/transit/k?token-file=/t",
      "vault:https://vault.example.com/transit/k", "vault:https://vault.example.com/transit/k?token-file=/t&token=s",
      "vault:https://vault.example.com/transit/../k?token-file=/t", "azure-kv:https://a.vault.azure.net/secrets/k",
      "azure-kv:https://a.vault.azure.net/keys/k?identity=http://10.0.0.1", "aws-kms:alias/steward?credentials-file=/c",
      "aws-kms:arn:aws:kms:eu-central-1:1:key/1", "vault:https://v/transit/k?token-file=relative", "bogus:x",
      "bogus:/etc/x", "root.key", "file:",
    ] { #expect(throws: Problem.self, "\(bad)") { try RootForm(bad) } }
  }

  @Test("what stands in the key store is read as it was written, and refused with any byte changed")
  func file() throws {
    let (root, head) = (SecretBytes.random(), Self.head(1))
    var file = RootFile(head, root: root, wrapped: [1, 2, 3], box: [4, 5])
    file.earlier = [try RootFile.earlier(.random(), number: 1, ended: head.made, under: root, head.installation)]
    #expect(try RootFile(file.bytes) == file)
    #expect(RootFile.isOf(root, head.installation, file.bytes) && !RootFile.isOf(.random(), nil, file.bytes))
    for bytes in [
      [], Array(file.bytes.dropLast()), file.bytes + [10], Array("steward/root/v2".utf8) + file.bytes.dropFirst(15),
    ] {
      #expect(throws: Problem.self) { try RootFile(bytes) }
    }
  }

  @Test("a passphrase opens what it wrapped, for this installation alone; another does not")
  func passphrase() throws {
    let cheap = PassphraseCost(memoryKiB: 64, passes: 1, lanes: 1)
    func provider(_ text: String) -> WrappingProvider {
      WrappingProvider(PassphraseWrapper(cost: cheap) { _ in SecretBytes(Array(text.utf8)) })
    }
    let root = SecretBytes.random()
    let file = try provider("six random words").keep(root, Self.head(1, "passphrase"), beside: nil)
    #expect(try Self.same(provider("six random words").unwrapped(file), root))
    #expect(throws: Problem.self) { try provider("five random words").unwrapped(file) }
    let elsewhere = RootFile(Self.head(2, "passphrase"), root: root, wrapped: file.wrapped, box: file.box)
    #expect(throws: Problem.self) { try provider("six random words").unwrapped(elsewhere) }
  }

  @Test(
    "a wrapped root key opens the store and a replica by itself; a file, another key or an answer that is wrong do not",
    arguments: KeyHome.Kind.all)
  func wrapped(_ kind: KeyHome.Kind) throws {
    let home = try RootHome(kind)
    let service = FakeService()
    try home.change(to: service.provider)
    #expect(try home.store(service.provider).openTenant(home.home.tenant).takeSlot().number > 0)
    #expect(throws: Problem.self) { try home.store(home.home.provider) }
    #expect(throws: Problem.self) { try home.store(FakeService().provider) }
    #expect(throws: Problem.self) { try home.store(service.named("other").provider) }
    // Nothing of the root key lies at the store but wrapped, and the old file is gone.
    #expect(!FileManager.default.fileExists(atPath: home.home.rootKey))
    let replica = try KeyStore(at: .directory(home.replica), provider: service.provider)
    #expect(try replica.logSeed(of: home.home.tenant, number: 1).count == 32)
    // A process asks once for a root key; the watch asks anew.
    let asked = service.asked
    _ = try home.store(service.provider)
    #expect(service.asked == asked)
    #expect(try RootQuestion.ask(try home.store(service.provider)) == .same)
    #expect(service.asked == asked + 1)
    #expect(try !RootQuestion.opensElsewhere(try home.store(service.provider)))
    service.isAway = true
    #expect(throws: Problem.self) { try RootQuestion.ask(try home.store(service.provider)) }
  }

  @Test("a service that binds nothing is not trusted to: the box does")
  func bindsNothing() throws {
    let service = FakeService(binds: false)
    let root = SecretBytes.random()
    let file = try service.provider.keep(root, Self.head(1, "fake"), beside: nil)
    let moved = RootFile(Self.head(2, "fake"), root: root, wrapped: file.wrapped, box: file.box)
    #expect(throws: Problem.self) { try service.provider.unwrapped(moved) }
    service.lies = true
    #expect(throws: Problem.self) { try service.provider.unwrapped(file) }
    #expect(throws: Problem.self) { try service.provider.keep(root, Self.head(1, "fake"), beside: nil) }
  }

  @Test("a change leaves nothing on the disk of what the earlier root key opens")
  func overwritten() throws {
    let home = try RootHome(.directory)
    let old = try home.home.provider.rootKey()
    let places = [home.home.location.directory ?? "", home.replica]
    // A second name of a file stands for the blocks that it leaves on the disk.
    var kept: [(name: String, bytes: [UInt8])] = []
    for place in places {
      for file in try KeyPlaceName(place).place().list() where file.rootContext(KeyHome.id) != nil {
        let name = "\(home.home.home)/kept-\(kept.count)"
        #expect(link("\(place)/\(file.path)", name) == 0)
        kept.append((name, try #require(try DurableFile.read(name))))
      }
    }
    #expect(kept.count == 8)
    let file = try #require(try home.home.location.rootKeyFile)
    #expect(link(file, home.home.home + "/kept-root") == 0)
    try home.change(to: try home.home.provider)
    for one in kept { #expect(try DurableFile.read(one.name) != one.bytes) }
    let text = old.withBytes { Hex.encode(Array($0)) }
    #expect(
      try !String(decoding: #require(try DurableFile.read(home.home.home + "/kept-root")), as: UTF8.self).contains(text)
    )
    let left = try places.flatMap { try FileManager.default.subpathsOfDirectory(atPath: $0) }.filter {
      $0.hasSuffix(".old")
    }
    #expect(left.isEmpty)
  }

  @Test(
    "a change keeps every key, on every replica, and the old root key opens nothing but old backups",
    arguments: KeyHome.Kind.all)
  func change(_ kind: KeyHome.Kind) throws {
    let home = try RootHome(kind)
    try home.store(home.home.provider).makeInstallationKey(id: KeyHome.id, number: 2)
    let before = try home.keys(home.home.provider)
    let old = try home.home.provider.rootKey()
    let wrapped = try home.store(home.home.provider).backupKeyring.wrap(old, installation: KeyHome.id, backup: "b")
    // In the same file, to a service, to another, back to a file.
    let steps: [any KeyProvider] = [
      try home.home.provider, FakeService().provider, FakeService().provider,
      try FileKeyProvider(path: home.home.home + "/again.key", dataDirectory: home.home.home + "/data"),
    ]
    for (number, next) in steps.enumerated() {
      let report = try home.change(to: next)
      #expect(report.number == Int64(number) + 2 && report.rewrapped == 5 && report.replicas == 1)
      #expect(try home.keys(next) == before)
      #expect(try home.keys(next, at: .directory(home.replica)) == before)
      #expect(try KeyReplicas.differences(of: .directory(home.replica), from: home.home.location.place) == 0)
      // Backups of the first root key's time still open; with it alone, nothing of today does.
      let keyring = try home.store(next).backupKeyring
      #expect(try Self.same(keyring.unwrap(wrapped, installation: KeyHome.id, backup: "b"), old))
      // With the kit of today and a place of the keys too, without one not.
      let kit = try home.store(next).recoveryKit(id: KeyHome.id, verifierKey: "k", now: Instant(milliseconds: 0))
      let opened = try kit.backupKeyring(from: [home.replica]).unwrap(wrapped, installation: KeyHome.id, backup: "b")
      #expect(Self.same(opened, old))
      #expect(throws: Box.OpenError.self) {
        try kit.backupKeyring(from: ["/nowhere"]).unwrap(wrapped, installation: KeyHome.id, backup: "b")
      }
      let box = try #require(try home.home.location.place.place().read(.installation))
      #expect(!Box.isSealed(box, under: old, context: SealingContext.installationKey(id: KeyHome.id, number: 1)))
      #expect(try !home.home.location.place.place().exists(.nextRoot))
    }
    #expect(try home.store(steps[3]).dropRoots(before: 3) == 2)
    let keyring = try home.store(steps[3]).backupKeyring
    #expect(throws: Box.OpenError.self) { try keyring.unwrap(wrapped, installation: KeyHome.id, backup: "b") }
    #expect(try home.keys(steps[3], at: .directory(home.replica)) == before)
  }

  @Test(
    "broken off at any write, a change is finished by the same command; until then the store says so, and no key is lost",
    arguments: KeyHome.Kind.all)
  func brokenOff(_ kind: KeyHome.Kind) throws {
    for toFile in [true, false] {
      var (write, isDone) = (0, false)
      while !isDone {
        let home = try RootHome(kind)
        let before = try home.keys(home.home.provider)
        let next: any KeyProvider = toFile ? try home.home.provider : FakeService().provider
        let disk = BreakingDisk(at: write)
        do {
          try home.change(to: next, disk: disk.disk)
          isDone = true
        } catch {
          let place = try home.home.location.place
          if try place.place().exists(.nextRoot) {
            for provider in [next, try home.home.provider] as [any KeyProvider] {
              #expect(throws: Problem.self) { try home.store(provider) }
            }
            #expect(try RootStanding.read(at: place).isChanging)
          } else {
            #expect(try home.keys(home.home.provider) == before, "broken off at \(write)")
          }
          try home.change(to: next)
        }
        #expect(try home.keys(next) == before, "\(toFile) broken off at \(write)")
        #expect(try home.keys(next, at: .directory(home.replica)) == before, "\(toFile) broken off at \(write)")
        #expect(try KeyReplicas.differences(of: .directory(home.replica), from: home.home.location.place) == 0)
        write += 1
        try #require(write < 200)
      }
      // What is written to a database is no write of this disk.
      #expect(write > (kind == .directory ? 10 : 5))
    }
  }

  @Test("a server that was running makes nothing under the old root key, and says to restart")
  func runningServer() throws {
    let home = try RootHome(.directory)
    let running = try home.store(home.home.provider)
    let open = try running.openTenant(home.home.tenant)
    try home.change(to: FakeService().provider)
    #expect(try open.takeSlot().number >= 0)
    let refused = #expect(throws: Problem.self) {
      try running.createTenant(TenantID.make(at: Instant(milliseconds: 9)))
    }
    #expect(refused?.message.contains("restart") == true)
    let closed = #expect(throws: Problem.self) { try running.openTenant(home.home.tenant) }
    #expect(closed?.message.contains("restart") == true)
  }

  @Test("a change never takes the place of somebody else's key file, and ends none that is not its own")
  func foreignFile() throws {
    let home = try RootHome(.directory)
    let foreign = home.home.home + "/foreign.key"
    let provider = try FileKeyProvider(path: foreign, dataDirectory: home.home.home + "/data")
    try provider.create()
    #expect(throws: Problem.self) { try home.change(to: provider) }
    #expect(try provider.rootKey().count == 32)
    try provider.destroy(.random(), after: try home.home.provider)
    #expect(try provider.rootKey().count == 32)
  }

  @Test("a kit from before a change is known to be stale, and says what to use instead")
  func kit() throws {
    let home = try RootHome(.directory)
    let place = try home.home.location.place
    let store = try home.store(home.home.provider)
    let kit = store.recoveryKit(id: KeyHome.id, verifierKey: "k", now: Instant(milliseconds: 0))
    try store.noteKit(now: Instant(milliseconds: 0))
    #expect(try !RootStanding.read(at: place).kitIsStale)
    try home.change(to: home.home.provider)
    #expect(try RootStanding.read(at: place).kitIsStale)
    let refused = #expect(throws: Problem.self) {
      try KeyStore.survey(kit.keyStores, installation: KeyHome.id, rootKey: kit.rootKey)
    }
    #expect(refused?.message.contains("changed after") == true)
    try home.store(home.home.provider).noteKit(now: Instant(milliseconds: 5))
    #expect(try !RootStanding.read(at: place).kitIsStale)
    // A copy has the earlier root keys too.
    let copy = home.home.home + "/copy"
    try KeyStore.copy(from: [home.replica], rootKey: try home.root, to: KeyLocation(copy))
    #expect(
      try KeyStore(at: .directory(copy), provider: FileKeyProvider(path: copy + "/root.key", dataDirectory: "/nowhere"))
        .earlierRoots.count == 1)
  }

  static func head(_ number: Int64, _ provider: String = "file") -> RootFile.Head {
    RootFile.Head(
      installation: KeyHome.id, number: number, made: Instant(milliseconds: 1_000), provider: provider,
      key: provider == "fake" ? "key" : "-")
  }

  static func same(_ a: SecretBytes, _ b: SecretBytes) -> Bool {
    a.withBytes { a in b.withBytes { a.elementsEqual($0) } }
  }
}

/// A key store with a tenant, some blocks and a replica in a directory.
private struct RootHome {
  let home: KeyHome
  let replica: String

  init(_ kind: KeyHome.Kind) throws {
    home = try KeyHome(kind)
    replica = home.home + "/replica"
    let store = try home.settled(adding: [replica])
    try store.createTenant(home.tenant)
    _ = try store.openTenant(home.tenant).takeSlot()
  }

  var root: SecretBytes { get throws { try home.store().root } }

  func store(_ provider: any KeyProvider) throws -> KeyStore {
    try KeyStore(at: try home.location.place, provider: provider)
  }

  @discardableResult
  func change(to next: any KeyProvider, disk: KeyDisk = .real) throws -> KeyStore.RootChangeReport {
    let place = try home.location.place
    let kept = try place.place().read(.root).map { try RootFile($0) }
    let old: any KeyProvider =
      kept?.head.provider == "fake"
      ? FakeService.made.withLock { $0[kept?.head.key ?? ""]?.provider ?? next } : try home.provider
    return try KeyStore.changeRoot(
      at: place, installation: KeyHome.id, from: old, to: next, now: Instant(milliseconds: 2_000), disk: disk)
  }

  /// Every key that hangs from the root key, as it opens.
  func keys(_ provider: any KeyProvider, at place: KeyPlaceName? = nil) throws -> [[UInt8]] {
    let store = try KeyStore(at: try place ?? home.location.place, provider: provider)
    let tenant = try store.openTenant(home.tenant)
    let log = try store.logSeed(of: home.tenant, number: 1)
    let keys =
      [1, 2].compactMap { try? store.installationSeed(id: KeyHome.id, number: $0) } + [
        log, try tenant.key(of: SubjectRef(0)),
      ]
    return keys.map { $0.withBytes { Array($0) } } + [tenant.keyedHash("p", "v")]
  }
}

/// A key service in this process.
private final class FakeService: KeyWrapper, Sendable {
  static let made = Mutex<[String: FakeService]>([:])
  let kind = "fake"
  let keyName: String
  private let key: SecretBytes
  private let binds: Bool
  private let state = Mutex((asked: 0, isAway: false, lies: false))

  init(binds: Bool = true, name: String = UUID().uuidString, key: SecretBytes = .random()) {
    self.binds = binds
    self.key = key
    keyName = binds ? name : "key"
    FakeService.made.withLock { $0[keyName] = self }
  }

  func named(_ name: String) -> FakeService { FakeService(name: name, key: key) }

  var provider: WrappingProvider { WrappingProvider(self) }
  var asked: Int { state.withLock(\.asked) }
  var isAway: Bool {
    get { state.withLock(\.isAway) }
    set { state.withLock { $0.isAway = newValue } }
  }
  var lies: Bool {
    get { state.withLock(\.lies) }
    set { state.withLock { $0.lies = newValue } }
  }

  func wrap(_ secret: SecretBytes, for head: RootFile.Head) throws -> [UInt8] {
    try Box.seal(secret.withBytes { Array($0) }, key: key, context: binds ? head.context : [])
  }

  func unwrap(_ bytes: [UInt8], for head: RootFile.Head) throws -> SecretBytes {
    let (isAway, lies) = state.withLock { state in
      state.asked += 1
      return (state.isAway, state.lies)
    }
    guard !isAway else { throw Problem(.unavailable, "It is away.") }
    return lies ? .random() : SecretBytes(try Box.open(bytes, key: key, context: binds ? head.context : []))
  }
}

/// A disk that fails for good at the nth write.
private final class BreakingDisk: Sendable {
  struct Broken: Error {}
  private let left: Mutex<Int>

  init(at write: Int) { left = Mutex(write) }

  var disk: KeyDisk {
    KeyDisk { [self] bytes, path, replacing in
      let goesOn = left.withLock { left in
        left -= 1
        return left >= 0
      }
      guard goesOn else { throw Broken() }
      try KeyDisk.real.write(bytes, path, replacing)
    }
  }
}
