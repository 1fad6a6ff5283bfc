import Kernel
import Testing

@testable import TransparencyLog

/// Which certificates count for somebody who pinned one key of an installation that changed its keys.
@Suite("Keys of an installation")
struct InstallationTrustTests {
  private static let name = "steward/01kah5zzzz0000000000000000"
  private let keys: [NoteSigner]
  private let log: NoteSigner

  init() throws {
    keys = try (1...3).map { try signer(Self.name, UInt8($0)) }
    log = try signer(Self.name + "/01kah5zzzz0000000000000001", 8)
  }

  private func at(_ hours: Int) -> Instant { Instant(milliseconds: Int64(hours) * 3_600_000) }

  /// The first key ends at 10 hours, the second at 20.
  private func link(_ number: Int) throws -> [UInt8] {
    let (old, new) = (keys[number - 2], keys[number - 1])
    return try InstallationLink(
      number: Int64(number), old: old.verifierKey, new: new.verifierKey, since: at(10 * (number - 1))
    ).signed(old: old, new: new)
  }

  private func chain() throws -> [UInt8] { try link(2) + link(3) }

  private func certificate(by key: Int, at hours: Int) throws -> [UInt8] {
    try LogKeyCertificate(key: log.verifierKey, since: at(hours)).signed(by: keys[key])
  }

  @Test("each key leads to every other through the chain, and to none without it")
  func leads() throws {
    for pin in 0..<3 {
      let trust = try InstallationTrust(pin: keys[pin].verifierKey, chain: try chain())
      #expect(trust.newest == keys[2].verifierKey)
      for (signer, hours) in [(0, 5), (1, 15), (2, 25), (2, 5)] {
        let note = try certificate(by: signer, at: hours)
        #expect(try trust.open(note).since == at(hours))
        let alone = InstallationTrust(pin: keys[pin].verifierKey)
        if signer == pin {
          #expect(throws: Never.self) { try alone.open(note) }
        } else {
          #expect(throws: LogError.self) { try alone.open(note) }
        }
      }
    }
  }

  @Test("what a key signed for a time after its end does not count", arguments: 0..<3)
  func ended(pin: Int) throws {
    let trust = try InstallationTrust(pin: keys[pin].verifierKey, chain: try chain())
    #expect(throws: LogError.self) { try trust.open(try certificate(by: 0, at: 11)) }
    #expect(throws: LogError.self) { try trust.open(try certificate(by: 1, at: 21)) }
  }

  @Test("a chain that skips, turns round, repeats or does not name the pinned key is refused")
  func broken() throws {
    let pin = keys[0].verifierKey
    let stranger = try signer(Self.name, 77)
    for chain in [
      try link(3) + link(2), try link(2) + link(2), Array(try chain().dropLast()), try chain() + [0x0a],
      Array("x\n".utf8),
    ] {
      #expect(throws: LogError.self) { try InstallationTrust(pin: pin, chain: chain) }
    }
    #expect(throws: LogError.self) { try InstallationTrust(pin: pin, chain: try link(3)) }
    #expect(throws: LogError.self) { try InstallationTrust(pin: stranger.verifierKey, chain: try chain()) }
  }

  @Test("a link that only one of the two keys signed, or another in its place, is refused")
  func halfSigned() throws {
    let stranger = try signer(Self.name, 77)
    let link = InstallationLink(number: 2, old: keys[0].verifierKey, new: keys[1].verifierKey, since: at(10))
    #expect(try InstallationLink(opening: try link.signed(old: keys[0], new: keys[1])) == link)
    for note in [
      try keys[0].sign(text: link.text), try keys[1].sign(text: link.text),
      try link.signed(old: stranger, new: keys[1]), try link.signed(old: keys[0], new: stranger),
      try link.signed(old: keys[1], new: keys[0]),
    ] {
      #expect(throws: LogError.self) { try InstallationLink(opening: note) }
    }
  }

  @Test("one changed byte anywhere in a chain refuses it")
  func changed() throws {
    let chain = try chain()
    for position in stride(from: 0, to: chain.count, by: 3) {
      var other = chain
      other[position] ^= 1
      #expect(throws: LogError.self) { try InstallationTrust(pin: keys[0].verifierKey, chain: other) }
    }
  }
}
