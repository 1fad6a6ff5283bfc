import Kernel
import Testing

@Suite("Canonical JSON")
struct JSONTests {
  @Test("members are sorted by UTF-16 code units and strings escaped as RFC 8785 says")
  func rfc8785() throws {
    // RFC 8785 §3.2.3: the sorting example, with values that are strings.
    let source =
      #"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#
    let sorted = try JSON.parse(source).text
    let order = ["Carriage Return", "One", "Control", "Latin Small", "Euro Sign", "Emoji", "Hebrew"]
    var rest = sorted[...]
    for name in order {
      let place = try #require(rest.firstRange(of: name))
      rest = rest[place.upperBound...]
    }
    // RFC 8785 §3.2.2.2
    #expect(
      try JSON.parse(#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#).text == "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\""
    )
  }

  @Test(
    "what is not JSON of our kind is refused",
    arguments: [
      "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "1.5", "1e3", "-0", "01", "9007199254740992", "\"\\ud800\"",
      "\"\\udc00\\ud800\"",
      "\"a", "\"\u{01}\"", "tru", "nul", "{a:1}", "[1] 2", "+1", "\"\\x\"", "\"\\u12g4\"", "-", "NaN",
    ])
  func refused(text: String) {
    #expect(throws: JSON.SyntaxError.self) { try JSON.parse(text) }
  }

  @Test(
    "text that is not UTF-8 is refused",
    arguments: [[0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22]] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) {
    #expect(throws: JSON.SyntaxError.self) { try JSON.parse(bytes) }
  }

  @Test("ten thousand nested arrays are refused without using the stack")
  func deep() {
    let deep = [UInt8](repeating: UInt8(ascii: "["), count: 10_000)
    #expect(throws: JSON.SyntaxError.self) { try JSON.parse(deep) }
    let most = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
    #expect(throws: Never.self) { try JSON.parse(most) }
  }

  @Test("canonical form is a fixed point of random values, and parsing it gives the value back")
  func roundTrip() throws {
    var random = Seeded(state: 7)
    for _ in 0..<2_000 {
      let value = randomValue(&random, depth: 4)
      let bytes = value.canonical
      #expect(try JSON.parseCanonical(bytes) == value)
    }
  }

  @Test(
    "a non-canonical spelling is not taken for canonical",
    arguments: ["{ }", "[1, 2]", "\"\\u0041\"", "{\"b\":1,\"a\":2}", "[1]\n"])
  func notCanonical(text: String) {
    #expect(throws: JSON.SyntaxError.self) { try JSON.parseCanonical(Array(text.utf8)) }
  }

  @Test("two spellings of one letter are two strings")
  func normalisation() {
    #expect(JSON.string("\u{e9}") != JSON.string("e\u{301}"))
  }

  private func randomValue(_ random: inout Seeded, depth: Int) -> JSON {
    switch Int.random(in: 0..<(depth == 0 ? 4 : 6), using: &random) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &random))
    case 2: return .integer(Int64.random(in: -JSON.largestInteger...JSON.largestInteger, using: &random))
    case 3: return .string(randomText(&random))
    case 4:
      return .array((0..<Int.random(in: 0..<4, using: &random)).map { _ in randomValue(&random, depth: depth - 1) })
    default:
      let members = (0..<Int.random(in: 0..<4, using: &random)).map { _ in
        (randomText(&random), randomValue(&random, depth: depth - 1))
      }
      return .object(Dictionary(members, uniquingKeysWith: { first, _ in first }))
    }
  }

  private func randomText(_ random: inout Seeded) -> String {
    let scalars = (0..<Int.random(in: 0..<6, using: &random)).map { _ in
      Unicode.Scalar(UInt32.random(in: 0..<0x11_0000, using: &random)) ?? "?"
    }
    return String(String.UnicodeScalarView(scalars))
  }
}

/// SplitMix64: the same numbers in every run.
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
