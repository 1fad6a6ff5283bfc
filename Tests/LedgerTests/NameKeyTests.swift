import Kernel
import Testing

@testable import Ledger

@Suite("names of rows and objects as words")
struct NameKeyTests {
  private let id = CommandID.make(at: Instant(milliseconds: 1_795_000_000_000)).text

  @Test("one name has one key, another name another, and each is known back")
  func oneForOne() {
    var table = NameTable()
    let names = [
      ("vendor", id), ("case", id), ("vendor", "name"), ("vendor", ""), ("", "name"), ("", ""), ("case", "name"),
      ("vendor", id.uppercased()), ("vendor", String(id.dropLast())),
    ]
    let keys = names.map { table.key(kind: $0.0, name: $0.1) }
    #expect(Set(keys).count == names.count)
    #expect(names.map { table.key(kind: $0.0, name: $0.1) } == keys)
    for (name, key) in zip(names, keys) { #expect(table.text(of: key) == name) }
  }

  @Test("an object has the key of its type and id")
  func objects() {
    var table = NameTable()
    #expect(table.key(ofObject: "vendor:\(id)") == table.key(kind: "vendor", name: id))
    #expect(table.key(ofObject: "vendor:\(id)") != table.key(ofObject: "vendor"))
  }
}

@Suite("words in texts")
struct SearchPairsTests {
  @Test("where a word stands in a text, all of its pairs do")
  func pairs() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      let text = (0..<Int.random(in: 0...60, using: &random)).map { _ in UInt8.random(in: 97...122, using: &random) }
      let start = Int.random(in: 0...text.count, using: &random)
      let word = Array(text[start..<Int.random(in: start...text.count, using: &random)])
      #expect(SearchText.Pairs(text).contains(SearchText.Pairs(word)))
    }
    #expect(!SearchText.Pairs(Array("globex".utf8)).contains(SearchText.Pairs(Array("acme".utf8))))
  }
}
