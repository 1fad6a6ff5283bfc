import Glibc
import Synchronization

/// A server on this machine for one test: each connection goes to `serve` on a thread of its own, which may misbehave as it likes.
final class LocalServer: Sendable {
  let port: Int
  private let listener: Int32
  private let accepted = Mutex(0)
  private let heard = Mutex<[UInt8]>([])

  /// Connections so far.
  var connections: Int { accepted.withLock { $0 } }
  /// Everything that was said to it.
  var text: String { heard.withLock { String(decoding: $0, as: UTF8.self) } }

  init(_ serve: @escaping @Sendable (Connection) -> Void) throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = listener
    port = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length)
        listen(descriptor, 16)
        getsockname(descriptor, $0, &length)
      }
      return Int(UInt16(bigEndian: pointer.pointee.sin_port))
    }
    let thread = Thread { [self] in
      while true {
        let client = accept(descriptor, nil, nil)
        guard client >= 0 else {
          // Only here is it certain that nobody accepts on this number any more.
          close(descriptor)
          return
        }
        accepted.withLock { $0 += 1 }
        let each = Thread { [self] in
          serve(Connection(descriptor: client) { bytes in self.heard.withLock { $0 += bytes } })
          close(client)
        }
        each.start()
      }
    }
    thread.start()
  }

  func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
  }

  /// One client, from the server's side.
  struct Connection: Sendable {
    let descriptor: Int32
    let note: @Sendable ([UInt8]) -> Void

    /// Up to the end of an HTTP head or an SMTP line, or nothing at the end.
    func read(until end: String) -> String? {
      var bytes: [UInt8] = []
      var byte: UInt8 = 0
      while !bytes.reversed().starts(with: end.utf8.reversed()) {
        guard recv(descriptor, &byte, 1, 0) == 1 else { return nil }
        bytes.append(byte)
        note([byte])
      }
      return String(decoding: bytes, as: UTF8.self)
    }

    /// False once the client is gone.
    @discardableResult
    func write(_ text: String) -> Bool {
      let bytes = Array(text.utf8)
      return send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }
  }
}

/// A detached thread of the system.
private final class Thread: Sendable {
  private let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  func start() {
    var thread = pthread_t()
    let me = Unmanaged.passRetained(self).toOpaque()
    pthread_create(
      &thread, nil,
      { pointer in
        guard let pointer else { return nil }
        Unmanaged<Thread>.fromOpaque(pointer).takeRetainedValue().body()
        return nil
      }, me)
    pthread_detach(thread)
  }
}

extension LocalServer {
  /// Answers every request with the same text.
  static func answering(_ answer: String) throws -> LocalServer {
    try LocalServer { connection in
      guard connection.read(until: "\r\n\r\n") != nil else { return }
      connection.write(answer)
    }
  }
}
