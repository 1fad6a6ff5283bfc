import Kernel

enum Anything {}

extension Target {
  static let kernel: [Target] = [json, cbor, codes, times]

  private static let json = Target(
    "json",
    texts: [#"{"a":[1,-2,true,null,"é\n\ud83d\ude00"],"b":{}}"#, #"[9007199254740991]"#, #" {"x" : "\u0041"} "#]
  ) { text in
    let bytes = Array(text.utf8)
    guard let value = try? JSON.parse(bytes) else {
      return must((try? JSON.parseCanonical(bytes)) == nil, "json: canonical, but no JSON")
    }
    must((try? JSON.parseCanonical(value.canonical)) == value, "json: its canonical form reads differently")
    if (try? JSON.parseCanonical(bytes)) != nil { must(value.canonical == bytes, "json: two canonical forms") }
  }

  private static let cbor = Target(
    "cbor",
    seeds: {
      [CBOR.array(["a", 1, -5, .bytes([1, 2]), .map(["k": .text("v"), "ab": 7])]).encoded, CBOR.text("x").encoded]
    }
  ) { input in
    oneSpelling("cbor", input) { try CBOR.decode(input).encoded }
  }

  private static let codes = Target("codes", texts: ["QUJD", "QQ==", "QUI", "00ff", "01kah5zzzz0000000000000000"]) {
    text in
    let bytes = Array(text.utf8)
    oneSpelling("base64", bytes) { Array(Base64.encode(try some(Base64.decode(text))).utf8) }
    oneSpelling("base64url", bytes) { Array(Base64.encodeURL(try some(Base64.decodeURL(text))).utf8) }
    oneSpelling("hex", bytes) { Array(Hex.encode(try some(Hex.decode(text))).utf8) }
    oneSpelling("id", bytes) { Array(try some(ID<Anything>(text)).text.utf8) }
    must(Base64.decode(Base64.encode(bytes)) == bytes, "base64: does not come back")
    must(Base64.decodeURL(Base64.encodeURL(bytes)) == bytes, "base64url: does not come back")
    must(Hex.decode(Hex.encode(bytes)) == bytes, "hex: does not come back")
  }

  private static let times = Target(
    "times", texts: ["2026-11-21T13:00:00.000Z", "2024-02-29", "9999-12-31T23:59:59.999Z"]
  ) { text in
    let bytes = Array(text.utf8)
    oneSpelling("instant", bytes) { Array(try some(Instant(text)).description.utf8) }
    oneSpelling("day", bytes) { Array(try some(Day(text)).description.utf8) }
  }
}

struct Refused: Error {}

func some<T>(_ value: T?) throws -> T {
  guard let value else { throw Refused() }
  return value
}
