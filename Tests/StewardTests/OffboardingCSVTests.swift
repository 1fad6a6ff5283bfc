import Kernel
import Testing

@testable import Offboarding

@Suite("CSV as RFC 4180 has it")
struct CSVReaderTests {
  /// The records of `text`, read in pieces of `size` bytes.
  private func read(_ text: String, size: Int = 7) throws -> [[String]] {
    try read(Array(text.utf8), size: size).map(\.fields)
  }

  private func read(
    _ bytes: [UInt8], size: Int = 7, limits: CSVReader.Limits = CSVReader.Limits()
  ) throws -> [CSVReader.Record] {
    var reader = CSVReader(limits: limits)
    var records: [CSVReader.Record] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      try reader.read(Array(bytes[start..<min(start + size, bytes.count)])) { records.append($0) }
    }
    try reader.finish { records.append($0) }
    return records
  }

  private func fault(_ text: String) -> CSVReader.SyntaxError? {
    #expect(throws: CSVReader.SyntaxError.self) { try read(text) }
  }

  @Test("quotes, commas, line ends and doubled quotes inside a field are its content", arguments: [1, 2, 3, 1_000])
  func quotedFields(size: Int) throws {
    let text = "a,b\r\n\"x, \"\"y\"\"\r\nz\",é\n"
    #expect(try read(text, size: size) == [["a", "b"], ["x, \"y\"\r\nz", "é"]])
  }

  @Test("a byte order mark is skipped, even when it arrives in pieces", arguments: [1, 2, 100])
  func byteOrderMark(size: Int) throws {
    #expect(try read(Array("\u{feff}a,b\n1,2".utf8), size: size).map(\.fields) == [["a", "b"], ["1", "2"]])
  }

  @Test("empty fields, a last line without an end and empty lines are read as such")
  func emptyThings() throws {
    #expect(try read(",\n\n\"\"\n\r\na,") == [["", ""], [""], ["a", ""]])
    #expect(try read("") == [])
    #expect(try read("\u{feff}") == [])
  }

  @Test("a record knows the physical line on which it begins")
  func lines() throws {
    let records = try read(Array("h\n\"a\nb\"\r\n\nc".utf8))
    #expect(records.map(\.line) == [1, 2, 5])
  }

  @Test("a quote that never closes is told with the line on which it opens")
  func openQuote() {
    #expect(fault("a\nb\n\"c\nd\n")?.line == 3)
  }

  @Test("a quote inside an unquoted field, text after a closing quote and a lone carriage return are refused")
  func strictness() {
    #expect(fault("a\nb\"c\"")?.line == 2)
    #expect(fault("\"a\"b")?.line == 1)
    #expect(fault("a\rb")?.line == 1)
    #expect(fault("a\r")?.line == 1)
    #expect(fault("\"a\"\rb")?.line == 1)
  }

  @Test("bytes that are not UTF-8 are refused")
  func encoding() {
    for bytes: [UInt8] in [[0x61, 0xff], [0xef, 0xbb, 0x61], [0xc3], Array("n\r\n".utf8) + [0x4d, 0xfc, 0x6c]] {
      #expect(throws: CSVReader.SyntaxError.self) { try read(bytes) }
    }
  }

  @Test("ten thousand columns and an endless line are refused")
  func limits() {
    #expect(fault(String(repeating: ",", count: 10_000))?.reason.contains("64 columns") == true)
    #expect(fault("\"" + String(repeating: "x", count: 70_000) + "\"")?.reason.contains("65536") == true)
    #expect(fault(String(repeating: "x", count: 70_000))?.line == 1)
  }
}

@Suite("A vendor register, checked before it is written")
struct VendorRegisterTests {
  private let header = "registry_id,name,privacy_url,standard_retention_days,data_categories,purposes,deleted_on\n"

  private func read(_ text: String) async throws -> VendorRegister {
    let bytes = Array(text.utf8)
    return try await VendorRegister.read(
      AsyncStream { continuation in
        for start in stride(from: 0, to: bytes.count, by: 1_000) {
          continuation.yield(Array(bytes[start..<min(start + 1_000, bytes.count)]))
        }
        continuation.finish()
      })
  }

  private func refusal(_ text: String) async -> Problem? {
    do {
      _ = try await read(text)
      return nil
    } catch { return error as? Problem }
  }

  @Test("a good line is kept as it is: lists split, an empty retention is none, a deletion ends the relationship")
  func goodLine() async throws {
    let register = try await read(
      header + "7,\"Blåbær, Inc \u{200b}\",http://b.example/p,,A; B ;,\"P; Q\",2024-02-02T00:00:00Z\n")
    let line = try #require(register.piece(0).first)
    #expect(line.details.name == "Blåbær, Inc \u{200b}")
    #expect(line.details.retentionDays == nil)
    #expect(line.details.dataCategories == ["A", "B"])
    #expect(line.details.purposes == ["P", "Q"])
    #expect(line.details.relationship == .ended)
    #expect(line.details.endedOn == Day("2024-02-02"))
    #expect(register.rejectedTotal == 0)
  }

  @Test("a line that breaks a rule is told with its number, the column and the reason; the others are kept")
  func rejectedLines() async throws {
    let register = try await read(
      header
        + "1,Fine,https://a.example,30,,,\n,No id,,,,,\n3,,,,,,\n4,\u{200b}\u{feff},,,,,\n5,Far,,99999,,,\n6,Bad,ftp://x,,,,\n"
        + "7,Bad,,,,,2024-13-01\n8,Short\n1,Again,,,,,\n9,Half,,1.5,,,\n")
    #expect(register.accepted == 1)
    #expect(register.rejected.map(\.line) == [3, 4, 5, 6, 7, 8, 9, 10, 11])
    #expect(
      register.rejected.map(\.field) == [
        "registry_id", "name", "name", "standard_retention_days", "privacy_url", "deleted_on", "line", "registry_id",
        "standard_retention_days",
      ])
    #expect(register.rejected.first { $0.line == 10 }?.reason.contains("line 2") == true)
  }

  @Test("at most a thousand rejected lines are told, and how many there were")
  func rejectedCap() async throws {
    let register = try await read(header + (1...1_500).map { "\($0),,,,,,\n" }.joined())
    #expect(register.rejected.count == 1_000)
    #expect(register.rejectedTotal == 1_500)
  }

  @Test("lines come back in pieces of a thousand, all of them, in order")
  func pieces() async throws {
    let register = try await read(header + (1...2_345).map { "\($0),Vendor \($0),,,,,\n" }.joined())
    #expect(register.pieceCount == 3)
    let lines = (0..<3).flatMap(register.piece)
    #expect(lines.map(\.registryID) == (1...2_345).map(String.init))
    #expect(register.piece(0).count == 1_000)
  }

  @Test("columns come in any order, and only registry_id and name must be there")
  func columns() async throws {
    let register = try await read("name,registry_id\nA,1\n")
    #expect(register.piece(0).first?.details.name == "A")
  }

  @Test("a file without a good header is refused as a whole")
  func headers() async {
    #expect(await refusal("")?.errors.first?.field == "line 1")
    #expect(await refusal("name\nA\n")?.message.contains("registry_id") == true)
    #expect(await refusal("registry_id,name,colour\n")?.message.contains("colour") == true)
    #expect(await refusal("registry_id,name,name\n")?.message.contains("twice") == true)
    #expect(await refusal(header + "1,\"open")?.errors.first?.field == "line 2")
  }
}
