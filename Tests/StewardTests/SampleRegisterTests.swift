import Foundation
import Testing

import Server

@Suite("The sample register")
struct SampleRegisterTests {
  private let golden = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Examples/vendors.csv")

  @Test("is the same on every machine and at every start")
  func deterministic() throws {
    let made = Data(SampleRegister.csv().utf8)
    if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" { try made.write(to: golden) }
    #expect(try Data(contentsOf: golden) == made)
  }

  @Test("holds 833 vendors with ids of its own, rising from 900001")
  func ids() {
    let ids = lines.compactMap { Int($0.prefix { $0 != "," }) }
    #expect(ids.count == SampleRegister.count)
    #expect(ids.first == SampleRegister.firstRegistryID)
    #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
  }

  private let reserved = [".example", ".test", ".example.com", ".example.net", ".example.org"]

  @Test("names no address outside the reserved example domains")
  func reservedDomains() {
    for line in lines {
      let host = line.split(separator: "https://", maxSplits: 1).last?.prefix { !"/,?#".contains($0) } ?? ""
      #expect(reserved.contains { host.hasSuffix($0) }, "\(line)")
    }
  }

  @Test("has everything that is awkward in a real register")
  func awkward() {
    let text = SampleRegister.csv()
    for sign in ["\"\"", "\u{200B}", "’", "株式会社", "شركة", "; ", " ,https://", ",,", ",0,", "T00:00:00Z\r\n", "=", "ő"] {
      #expect(text.contains(sign), "\(sign.debugDescription)")
    }
    let ended = lines.filter { $0.hasSuffix("T00:00:00Z") }.count
    #expect(ended > 10)
    #expect(Set(lines.map { $0.split(separator: ",")[1] }).count > 820)
  }

  private var lines: ArraySlice<Substring> { SampleRegister.csv().split(separator: "\r\n").dropFirst() }
}
