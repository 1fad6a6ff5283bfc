import Kernel
import Testing

@testable import Offboarding

@Suite("Names of uploaded files")
struct FileNameTests {
  private func name(_ field: String?) throws -> String { try FileName(contentDisposition: field).text }

  @Test("both forms of RFC 6266 are read, and the extended one goes first")
  func forms() throws {
    #expect(try name(nil) == "evidence")
    #expect(try name("attachment") == "evidence")
    #expect(try name("attachment; filename=report.pdf") == "report.pdf")
    #expect(try name("attachment; filename=\"a \\\"b\\\".txt\"") == "a \"b\".txt")
    #expect(try name("attachment; filename=\"x.txt\"; filename*=UTF-8''%e2%82%ac%20rates.txt") == "€ rates.txt")
  }

  @Test("only the last part of a path is kept, without what nobody sees")
  func parts() throws {
    #expect(try name("attachment; filename=\"C:\\\\temp\\\\scan.pdf\"") == "scan.pdf")
    #expect(try name("attachment; filename=\"/etc/passwd\"") == "passwd")
    #expect(try name("attachment; filename*=UTF-8''a%0d%0ab%E2%80%AEc.txt") == "abc.txt")
    #expect(try name("attachment; filename=\"report..final.pdf\"") == "report..final.pdf")
    #expect(try name("attachment; filename*=UTF-8''a%2F%CC%81b").utf8.elementsEqual("\u{301}b".utf8))
  }

  @Test(
    "names that climb, names that are too long and fields that are broken are refused",
    arguments: [
      "attachment; filename=\"../../x\"", "attachment; filename=\"..\"", "attachment; filename=\"a\\\\..\\\\b\"",
      "attachment; filename*=UTF-8''%2e%2e%2fx", "attachment; filename*=UTF-8''.%E2%80%8B.",
      "attachment; filename=\"open", "attachment; filename=",
      "; filename=x", "attachment; filename*=UTF-8''%zz", "attachment; filename*=latin1''x",
      "attachment; filename=a; filename=b",
      "attachment; filename=\"" + String(repeating: "é", count: 128) + "\"",
      "attachment; filename=" + String(repeating: "x", count: 5_000),
    ])
  func refused(field: String) {
    #expect(throws: Problem.self) { try FileName(contentDisposition: field) }
  }

  @Test("the field that gives a file back survives being read again")
  func roundTrip() throws {
    for text in ["a.pdf", "Prüfung \"final\" 100%.txt", "保証.csv"] {
      #expect(try name(try FileName(claimed: text).attachment) == text)
    }
    #expect(try FileName(claimed: "é\"\\.txt").attachment.unicodeScalars.allSatisfy { $0.isASCII })
  }

  @Test("media types are kept without parameters, and only if they are some")
  func mediaTypes() throws {
    #expect(try MediaTypeName.checked(nil) == "application/octet-stream")
    #expect(try MediaTypeName.checked("Text/Plain; charset=utf-8") == "text/plain")
    for bad in ["text", "text/", "a b/c", "text/html\u{0}", "é/x", String(repeating: "a", count: 300) + "/b"] {
      #expect(throws: Problem.self) { try MediaTypeName.checked(bad) }
    }
  }
}
