import Kernel
import Testing

@Suite("shapes that are read without an array in between")
struct FixedShapeTests {
  @Test("a digest's base64 is read as the ordinary reader reads it, every other spelling is refused")
  func digests() {
    func read(_ text: [UInt8]) -> Digest? { text.withUnsafeBufferPointer { Digest(base64: $0) } }
    for number in 0..<64 {
      let digest = Digest(sha256: [UInt8(number)])
      let text = Array(digest.base64.utf8)
      #expect(read(text) == digest)
      for position in [0, 17, 41, 42, 43] {
        for other in [UInt8(ascii: "="), UInt8(ascii: "B"), UInt8(ascii: " "), UInt8(ascii: "_"), 0, 255] {
          var changed = text
          changed[position] = other
          #expect(read(changed) == Base64.decode(bytes: changed).flatMap { Digest(bytes: $0) })
        }
      }
      #expect(read(Array(text.dropLast())) == nil)
      #expect(read(text + [UInt8(ascii: "=")]) == nil)
    }
  }

  @Test("an id and its bits are one for one")
  func ids() {
    let id = CommandID.make(at: Instant(milliseconds: 1_795_000_000_000)).text
    #expect(IDBits(id)?.text == id)
    #expect(IDBits("7zzzzzzzzzzzzzzzzzzzzzzzzz")?.low == .max)
    for text in [
      "", String(id.dropLast()), id + "0", id.uppercased(), "8\(id.dropFirst())", "i\(id.dropFirst())",
      "\(id.dropLast())é",
    ] {
      #expect(IDBits(text) == nil)
      #expect(CommandID(text) == nil)
    }
  }
}
