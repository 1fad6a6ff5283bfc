import Foundation
import Testing

@Suite("The sources")
struct SourceTests {
  /// The mechanics, the command line and the bench; in the server the control socket (a file in the data directory), systemd's socket
  /// on this machine, and the scan of the port that the server itself listens on. `Tools/lint` says the same with more care for
  /// comments and strings; this one runs with every `swift test`.
  private static let callers = [
    "Egress/", "CCurl/", "steward/", "steward-bench/", "Server/ControlSocket.swift", "Server/SystemdNotify.swift",
    "Server/HandshakeScan.swift",
  ]

  @Test("nothing outside the gate opens a connection")
  func onlyTheGate() throws {
    guard let root = #filePath.firstRange(of: "/Tests/") else { return }
    let sources = String(#filePath[..<root.lowerBound]) + "/Sources/"
    let names = try #require(FileManager.default.enumerator(atPath: sources)).compactMap { $0 as? String }
    let swift = names.filter { $0.hasSuffix(".swift") }
    #expect(swift.count > 100)
    let pattern = try Regex(
      #"URLSession|HTTPClient\b|ClientBootstrap|DatagramBootstrap|import CCurl|curl_easy|(^|[^.\w])(Glibc\.)?(connect|socket|getaddrinfo)\("#
    )
    for name in swift where !SourceTests.callers.contains(where: name.hasPrefix) {
      let text = try String(contentsOfFile: sources + name, encoding: .utf8)
      for line in text.split(separator: "\n") {
        let code = line.prefix(upTo: line.firstRange(of: "//")?.lowerBound ?? line.endIndex)
        #expect(code.firstMatch(of: pattern) == nil, "\(name): \(code)")
      }
    }
  }
}
