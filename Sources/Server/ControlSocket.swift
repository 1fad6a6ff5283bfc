import Dispatch
import Glibc
import Platform
import ServiceLifecycle
import Synchronization

/// The local socket `DIR/steward.sock` (mode 0600) through which commands beside a running server ask it: one JSON object in, one out.
///
/// Whoever can open it can also read the data directory; it needs no other credential. Of several servers that share a directory one
/// has the socket, and the next takes it over when that one ends.
struct ControlSocket: Service {
  /// Bytes of one request.
  static let maximumRequestBytes = 1 << 16
  static let timeoutSeconds = 600

  let path: String
  let answer: @Sendable (JSON) async -> JSON

  static func path(in dataDirectory: String) -> String { dataDirectory + "/steward.sock" }

  private static let secondsBetweenTries = 2

  func run() async throws {
    guard let turn = try await turn() else { return }
    defer {
      flock(turn, LOCK_UN)
      close(turn)
    }
    let descriptor = try UnixSocket.listen(path)
    let queue = DispatchQueue(label: "steward.control")
    // Told to stop, or cancelled because another part failed: either way accepting ends.
    await withTaskCancellationOrGracefulShutdownHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
        queue.async {
          accept(on: descriptor)
          continuation.resume()
        }
      }
    } onCancelOrGracefulShutdown: {
      shutdown(descriptor, Int32(SHUT_RDWR))
    }
    close(descriptor)
    unlink(path)
  }

  /// A lock on the directory, which ends with the process that holds it; nil if the server is told to stop before it is free.
  private func turn() async throws -> Int32? {
    let directory = String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw UnixSocket.failure(path) }
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      do {
        try await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(ControlSocket.secondsBetweenTries)) }
      } catch {
        close(descriptor)
        return nil
      }
      if Task.isShuttingDownGracefully {
        close(descriptor)
        return nil
      }
    }
    return descriptor
  }

  /// Ends when the listening socket is shut down.
  private func accept(on descriptor: Int32) {
    while true {
      let client = Glibc.accept(descriptor, nil, nil)
      if client < 0 {
        if errno == EINTR || errno == ECONNABORTED { continue }
        return
      }
      UnixSocket.setTimeout(client, seconds: 5)
      // Detached: this loop blocks its own thread and belongs to no task; one slow client must not hold the next.
      Task.detached { await serve(client) }
    }
  }

  private func serve(_ client: Int32) async {
    defer { close(client) }
    guard let bytes = UnixSocket.readAll(client, limit: ControlSocket.maximumRequestBytes),
      let request = try? JSON.parse(bytes)
    else { return }
    UnixSocket.writeAll(client, await answer(request).canonical)
  }
}

/// The other end: a command that asks the running server.
package enum ControlClient {
  /// Nil if no server listens there.
  package static func ask(_ dataDirectory: String, _ request: JSON) throws -> JSON? {
    guard let descriptor = UnixSocket.connect(ControlSocket.path(in: dataDirectory)) else { return nil }
    defer { close(descriptor) }
    UnixSocket.setTimeout(descriptor, seconds: ControlSocket.timeoutSeconds)
    UnixSocket.writeAll(descriptor, request.canonical)
    shutdown(descriptor, Int32(SHUT_WR))
    guard let bytes = UnixSocket.readAll(descriptor, limit: 16 << 20), let answer = try? JSON.parse(bytes) else {
      throw Problem(.unavailable, "The running server did not answer; look at its log.")
    }
    return answer
  }
}

/// Stream sockets in the file system (unix(7)), blocking.
enum UnixSocket {
  /// For this user alone, from its first moment: Linux gives the file the permissions that the socket has before `bind`. The mask of the
  /// process stays as it is: it counts for whatever other threads make meanwhile.
  static func listen(_ path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw failure(path) }
    unlink(path)
    guard fchmod(descriptor, 0o600) == 0, withAddress(path, { bind(descriptor, $0, $1) }) == 0,
      Glibc.listen(descriptor, 16) == 0
    else {
      close(descriptor)
      throw failure(path)
    }
    return descriptor
  }

  static func connect(_ path: String) -> Int32? {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    guard withAddress(path, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  static func setTimeout(_ descriptor: Int32, seconds: Int) {
    var time = timeval(tv_sec: seconds, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
  }

  /// Nil if there is more than `limit`, or reading fails.
  static func readAll(_ descriptor: Int32, limit: Int) -> [UInt8]? {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count == 0 { return all }
      if count < 0 {
        if errno == EINTR { continue }
        return nil
      }
      guard all.count + count <= limit else { return nil }
      all += buffer.prefix(count)
    }
  }

  static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count < 0 {
        if errno == EINTR { continue }
        return
      }
      rest = rest.dropFirst(count)
    }
  }

  fileprivate static func failure(_ path: String) -> Problem {
    Problem(
      .unavailable, "The control socket cannot be made; use a shorter data directory path that you can write to.",
      detail: "errno \(errno)")
  }

  /// -1 if the path is longer than an address can hold.
  private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return -1 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
