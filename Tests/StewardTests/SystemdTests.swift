import Foundation
@testable import Server
import TestKit
import Testing

@Suite("systemd")
struct SystemdTests {
  private static let unit =
    String(#filePath.prefix(upTo: #filePath.firstRange(of: "/Tests/")!.lowerBound)) + "/Packaging/steward.service"

  @Test("the word reaches the socket that systemd named, in the file system and in the abstract namespace")
  func says() throws {
    let directory = try temporaryDirectory()
    defer { removeTree(directory) }
    for name in ["\(directory)/notify", "@steward-test-\(getpid())"] {
      let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
      defer { close(descriptor) }
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let bytes = name.hasPrefix("@") ? [0] + Array(name.utf8.dropFirst()) : Array(name.utf8)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
      let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (name.hasPrefix("@") ? 0 : 1))
      let bound = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
      }
      #expect(bound == 0)
      let notify = SystemdNotify { ["NOTIFY_SOCKET": name, "WATCHDOG_USEC": "60000000"][$0] }
      #expect(notify.watchdogSeconds == 30)
      notify.say("READY=1")
      var buffer = [UInt8](repeating: 0, count: 100)
      let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      #expect(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self) == "READY=1")
      // Nobody reads any more: the queue is full after a few, and it still returns.
      for _ in 0..<1_000 { notify.say("WATCHDOG=1") }
    }
  }

  @Test("without a socket nothing is said, and a watchdog of another process is not ours")
  func silent() {
    SystemdNotify { _ in nil }.say("READY=1")
    #expect(SystemdNotify { ["WATCHDOG_USEC": "1000000"][$0] }.watchdogSeconds == nil)
    #expect(
      SystemdNotify { ["NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"][$0] }.watchdogSeconds
        == nil)
  }

  @Test(
    "the unit keeps its sandbox",
    arguments: [
      "Type=notify", "WatchdogSec=60", "User=steward", "NoNewPrivileges=yes",
      "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
      "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes", "MemoryDenyWriteExecute=yes",
      "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "SystemCallFilter=@system-service", "LimitCORE=0",
      "MemorySwapMax=0",
      "StateDirectory=steward", "ConfigurationDirectory=steward", "RestrictNamespaces=yes",
    ])
  func sandbox(line: String) throws {
    let lines = try String(contentsOfFile: Self.unit, encoding: .utf8).split(separator: "\n")
    #expect(lines.contains(Substring(line)))
  }
}
