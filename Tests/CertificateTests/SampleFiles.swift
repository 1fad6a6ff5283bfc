import Foundation
import Testing

@testable import Certificate

/// `STEWARD_SAMPLE=DIR swift test --filter SampleFiles` leaves a certificate and its key in DIR, to look at and to try the tool on.
@Suite("sample files")
struct SampleFiles {
  @Test("are written where asked for", .enabled(if: ProcessInfo.processInfo.environment["STEWARD_SAMPLE"] != nil))
  func write() throws {
    let directory = URL(filePath: try #require(ProcessInfo.processInfo.environment["STEWARD_SAMPLE"]))
    let sample = SampleCase()
    let zip = try sample.zip()
    try Data(zip).write(to: directory.appending(path: "certificate.zip"))
    try Data("\(sample.pin)\n".utf8).write(to: directory.appending(path: "steward.vkey"))
    for member in try StoredZip.decode(zip) { try Data(member.data).write(to: directory.appending(path: member.name)) }
  }
}
