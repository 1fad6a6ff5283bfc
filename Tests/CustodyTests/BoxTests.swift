import Crypto
import Custody
import Foundation
import Kernel
import Testing

@Suite("Boxes and keys")
struct BoxTests {
  private let key = SecretBytes([UInt8](repeating: 7, count: 32))
  private let place = CBOR.array(["steward/row/v1", "here"]).encoded

  @Test("a box opens with its key at its place, and nowhere else")
  func placeAndKey() throws {
    let box = try Box.seal([1, 2, 3], key: key, context: place)
    #expect(try Box.open(box, key: key, context: place) == [1, 2, 3])
    #expect(throws: Box.OpenError.wrongKeyOrPlace) {
      try Box.open(box, key: key, context: CBOR.array(["steward/row/v1", "there"]).encoded)
    }
    #expect(throws: Box.OpenError.wrongKeyOrPlace) { try Box.open(box, key: .random(), context: place) }
  }

  @Test("no single changed bit opens")
  func bits() throws {
    let box = try Box.seal(Array("content".utf8), key: key, context: place)
    for bit in 0..<box.count * 8 {
      var changed = box
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: Box.OpenError.self) { try Box.open(changed, key: key, context: place) }
    }
    for length in 0..<box.count {
      #expect(throws: Box.OpenError.self) { try Box.open(Array(box.prefix(length)), key: key, context: place) }
    }
  }

  @Test("key and commitment are HKDF-Expand of swift-crypto, and the box is AES-256-GCM under that key")
  func knownConstruction() throws {
    let box = try Box.seal(Array("content".utf8), key: key, context: place)
    let expanded = key.withBytes {
      HKDF<SHA256>.expand(pseudoRandomKey: SymmetricKey(data: $0), info: place, outputByteCount: 64)
    }
    let bytes = expanded.withUnsafeBytes { Array($0) }
    #expect(Array(box[1..<33]) == Array(bytes[32...]))
    let opened = try AES.GCM.open(
      AES.GCM.SealedBox(combined: Data(box[33...])), using: SymmetricKey(data: bytes[..<32]))
    #expect(Array(opened) == Array("content".utf8))
  }

  @Test("a subject key is not found in the key store's files, nor the root key in any but its own")
  func storeIsSealed() throws {
    let directory = NSTemporaryDirectory() + "steward-keys-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try DurableFile.makeDirectory(directory)
    let provider = try FileKeyProvider(path: directory + "/root.key", dataDirectory: directory + "/data")
    try provider.create()
    #expect(throws: Problem.self) { try provider.create() }
    let store = try KeyStore(at: .directory(directory), provider: provider)
    let tenant = TenantID.make(at: Instant(milliseconds: 1))
    try store.createTenant(tenant)
    let keys = try store.openTenant(tenant)
    let subject = try keys.takeSlot()
    let secret = try keys.key(of: subject).withBytes { Data($0) }
    let files = try #require(FileManager.default.enumerator(atPath: directory)).compactMap { $0 as? String }
    #expect(files.contains { $0.hasSuffix("blocks/0") })
    for file in files {
      #expect((FileManager.default.contents(atPath: directory + "/" + file) ?? Data()).range(of: secret) == nil)
    }
  }

  @Test("another opening of the store never hands out a slot again, and another root key does not open it")
  func slots() throws {
    let directory = NSTemporaryDirectory() + "steward-keys-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try DurableFile.makeDirectory(directory)
    let provider = try FileKeyProvider(path: directory + "/root.key", dataDirectory: directory + "/data")
    try provider.create()
    let store = try KeyStore(at: .directory(directory), provider: provider)
    let tenant = TenantID.make(at: Instant(milliseconds: 1))
    try store.createTenant(tenant)
    var taken: Set<SubjectRef> = []
    for _ in 0..<5 {
      let keys = try store.openTenant(tenant)
      for _ in 0..<700 { #expect(taken.insert(try keys.takeSlot()).inserted) }
    }
    try FileManager.default.removeItem(atPath: directory + "/root.key")
    try provider.create()
    #expect(throws: Problem.self) { try KeyStore(at: .directory(directory), provider: provider).openTenant(tenant) }
  }
}
