import Foundation
import Testing

@testable import Server

@Suite("the socket of the running server")
struct ControlSocketTests {
  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
  }

  @Test("is its user's alone, and what others make at the same moment keeps its permissions")
  func permissions() throws {
    let home = NSTemporaryDirectory() + "sock-\(UUID().uuidString)"
    #expect(mkdir(home, 0o700) == 0)
    defer { try? FileManager.default.removeItem(atPath: home) }
    let made = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      for number in 0..<4_000 { mkdir("\(home)/\(number)", 0o700) }
      made.signal()
    }
    repeat {
      let descriptor = try UnixSocket.listen(home + "/s")
      #expect(mode(home + "/s") == 0o600)
      close(descriptor)
    } while made.wait(timeout: .now()) == .timedOut
    let narrowed = (0..<4_000).filter { mode("\(home)/\($0)") != 0o700 }
    #expect(narrowed.isEmpty)
  }
}
