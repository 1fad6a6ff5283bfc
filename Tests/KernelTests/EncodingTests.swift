import Foundation
import Kernel
import Testing

@Suite("Encodings")
struct EncodingTests {
  @Test("base64 agrees with Foundation for every length and refuses what is not canonical")
  func base64() throws {
    var random = Seeded(state: 1)
    for length in 0..<100 {
      let bytes = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &random) }
      let text = Base64.encode(bytes)
      #expect(text == Data(bytes).base64EncodedString())
      #expect(Base64.decode(text) == bytes)
      #expect(Base64.decodeURL(Base64.encodeURL(bytes)) == bytes)
    }
    for wrong in [
      "A", "AA", "AAA", "AA=A", "AB==", "AAB=", "====", "A===", "AAAA\n", " AAA", "AA-_", "AAAA=", "AAAAA===",
    ] {
      #expect(Base64.decode(wrong) == nil, "\(wrong)")
    }
    for wrong in ["A", "AA==", "A+B/", "AB"] { #expect(Base64.decodeURL(wrong) == nil, "\(wrong)") }
  }

  @Test("hex is lower case and even")
  func hex() {
    #expect(Hex.decode("00ff10") == [0, 255, 16])
    for wrong in ["0", "FF", "0g", "0x"] { #expect(Hex.decode(wrong) == nil) }
  }

  @Test("CBOR writes the examples of RFC 8949 Appendix A")
  func cborVectors() throws {
    let vectors: [(CBOR, String)] = [
      (.integer(0), "00"), (.integer(23), "17"), (.integer(24), "1818"), (.integer(1_000), "1903e8"),
      (.integer(1_000_000), "1a000f4240"),
      (.integer(1_000_000_000_000), "1b000000e8d4a51000"), (.integer(-1), "20"), (.integer(-100), "3863"),
      (.integer(-1_000), "3903e7"),
      (.bool(false), "f4"), (.bool(true), "f5"), (.null, "f6"), (.bytes([1, 2, 3, 4]), "4401020304"),
      (.text("IETF"), "6449455446"),
      (.text("\u{fc}"), "62c3bc"), (.array([.integer(1), .array([.integer(2), .integer(3)])]), "8201820203"),
      (.map(["a": .integer(1), "b": .array([.integer(2), .integer(3)])]), "a26161016162820203"),
      (.map(["bb": .integer(1), "c": .integer(2)]), "a2616302626262" + "01"),
      (.integer(Int64.min), "3b7fffffffffffffff"),
    ]
    for (value, hex) in vectors {
      #expect(Hex.encode(value.encoded) == hex)
      #expect(try CBOR.decode(value.encoded) == value)
    }
  }

  @Test(
    "CBOR that is not deterministic or not of our kind is refused",
    arguments: [
      "1800", "190017", "1a00000001", "1b0000000000000001", "5f", "9f", "bf", "f97e00", "fa00000000", "c000",
      "a2616201616101", "a2616101616101",
      "a10101", "8201", "61ff", "1bffffffffffffffff", "00" + "00", "", "f7", "7f", "9bffffffffffffffff",
      "bb7fffffffffffffff", "5b7fffffffffffffff",
    ])
  func cborRefused(hex: String) throws {
    let bytes = try #require(Hex.decode(hex))
    #expect(throws: CBOR.SyntaxError.self) { try CBOR.decode(bytes) }
  }

  @Test("random bytes never trap a reader")
  func noise() {
    var random = Seeded(state: 3)
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
        UInt8.random(in: .min ... .max, using: &random)
      }
      if let value = try? CBOR.decode(bytes) { #expect(value.encoded == bytes) }
      _ = try? JSON.parse(bytes)
      _ = Instant(String(decoding: bytes, as: UTF8.self))
    }
  }
}

@Suite("Digests")
struct DigestTests {
  @Test("a digest is not aligned beyond 16 bytes: asynchronous functions of Swift 6.3 do not survive that")
  func alignment() {
    #expect(MemoryLayout<Digest>.size == 32)
    #expect(MemoryLayout<Digest>.alignment <= 16 && MemoryLayout<Digest?>.alignment <= 16)
  }

  @Test("bytes, hex and base64 give the digest back, and nothing of another length does")
  func forms() {
    let digest = Digest(sha256: Array("abc".utf8))
    #expect(digest.hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      Digest(bytes: digest.bytes) == digest && Digest(hex: digest.hex) == digest
        && Digest(base64: digest.base64) == digest)
    #expect(Digest(bytes: [1]) == nil && Digest(hex: "00") == nil && Digest(base64: "AAAA") == nil)
  }
}

@Suite("Ids and times")
struct IDTests {
  @Test("an id is 26 characters, sorts by its time, and only its own form is read")
  func ids() throws {
    let early = ID<Person>.make(at: Instant(milliseconds: 1_000))
    let late = ID<Person>.make(at: Instant(milliseconds: 2_000))
    #expect(early.text.utf8.count == 26 && early < late)
    #expect(ID<Person>(early.text) == early)
    for wrong in [
      "", "8" + String(repeating: "0", count: 25), String(repeating: "u", count: 26), early.text.uppercased(),
      early.text + "0",
    ] {
      #expect(ID<Person>(wrong) == nil || wrong == early.text)
    }
  }

  @Test("days and instants agree with the calendar of Foundation, and what does not exist is refused")
  func calendar() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    for number in stride(from: 0, to: 60_000, by: 37) {
      let parts = calendar.dateComponents(
        [.year, .month, .day], from: Date(timeIntervalSince1970: Double(number) * 86_400))
      let civil = Day(daysSince1970: number).civil
      #expect(civil.year == parts.year && civil.month == parts.month && civil.day == parts.day)
      #expect(Day(Day(daysSince1970: number).description)?.daysSince1970 == number)
    }
    for wrong in [
      "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-01", "26-01-01", "2026-01-32", "2026/01/01", "+026-01-01",
    ] {
      #expect(Day(wrong) == nil, "\(wrong)")
    }
    #expect(Instant("2026-11-21T08:00:00.123Z")?.description == "2026-11-21T08:00:00.123Z")
    for wrong in [
      "2026-11-21T24:00:00.000Z", "2026-11-21T08:00:60.000Z", "2026-11-21 08:00:00.000Z", "2026-11-21T08:00:00Z",
    ] {
      #expect(Instant(wrong) == nil, "\(wrong)")
    }
  }

  @Test("secret bytes show nothing when printed or mirrored")
  func secrets() {
    let secret = SecretBytes([0xde, 0xad, 0xbe, 0xef])
    var dumped = ""
    dump(secret, to: &dumped)
    #expect(!"\(secret) \(String(reflecting: secret)) \(dumped)".contains("222") && secret.count == 4)
    #expect("\(secret)" == "SecretBytes(4)")
  }
}
