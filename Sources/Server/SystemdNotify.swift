import Glibc
import Platform
import ServiceLifecycle

/// Tells systemd how it goes (sd_notify(3)): one datagram to the socket that `NOTIFY_SOCKET` names. Without one nothing is said.
struct SystemdNotify: Sendable {
  private let address: [UInt8]
  /// How often systemd wants to hear from us at least, halved; nil if it does not (sd_watchdog_enabled(3)).
  let watchdogSeconds: Double?

  init(environment: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }) {
    var bytes = Array((environment("NOTIFY_SOCKET") ?? "").utf8)
    // A leading @ stands for the zero byte of the abstract namespace (unix(7)).
    if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
    address = bytes
    let isForUs = environment("WATCHDOG_PID").map { $0 == String(getpid()) } ?? true
    let microseconds = environment("WATCHDOG_USEC").flatMap { Double($0) }
    watchdogSeconds = isForUs && !bytes.isEmpty ? microseconds.map { max($0 / 2_000_000, 0.1) } : nil
  }

  func say(_ message: String) {
    var socketAddress = sockaddr_un()
    let room = MemoryLayout.size(ofValue: socketAddress.sun_path)
    guard !address.isEmpty, address.count < room else { return }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    socketAddress.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &socketAddress.sun_path) { $0.copyBytes(from: address) }
    // An abstract name has no end of its own: the length says where it stops.
    let length = socklen_t(MemoryLayout<sa_family_t>.size + address.count + (address[0] == 0 ? 0 : 1))
    let bytes = Array(message.utf8)
    _ = withUnsafePointer(to: &socketAddress) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        // A reader that does not read must not hold up the server: the word is lost then.
        sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), $0, length)
      }
    }
  }
}

/// Says READY once, WATCHDOG as long as `isWell`, STOPPING at the end.
struct SystemdService: Service {
  let notify: SystemdNotify
  let ready: AsyncStream<Void>
  /// Whether the server still does its work; asked before each word to the watchdog.
  let isWell: @Sendable () async -> Bool

  func run() async throws {
    await cancelWhenGracefulShutdown {
      for await _ in ready {
        notify.say("READY=1\nSTATUS=Serving requests\nMAINPID=\(getpid())")
        break
      }
      await watch()
    }
    notify.say("STOPPING=1\nSTATUS=Finishing requests")
  }

  private func watch() async {
    guard let seconds = notify.watchdogSeconds else {
      try? await Task.sleep(for: .seconds(86_400 * 3_650))
      return
    }
    while !Task.isCancelled {
      if await isWell() { notify.say("WATCHDOG=1") }
      try? await Task.sleep(for: .seconds(seconds))
    }
  }
}
