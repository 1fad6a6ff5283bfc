import Foundation
import Synchronization

/// A line to the server that is cut at a chosen moment, as a network would: it reads the client's messages (PostgreSQL, 55.2) and knows
/// its COMMIT from everything else. One cut for each arming.
final class CuttingProxy: Sendable {
  enum Moment: CaseIterable {
    /// The server never sees COMMIT.
    case beforeCommit
    /// The server has answered, and nobody hears it.
    case afterCommit
    /// Sent, and then the line ends both ways: who is first decides.
    case withCommit
    /// Before any message.
    case atOnce
  }

  let port: UInt16
  private let listener: Int32
  private let target: UInt16
  private let armed = Mutex<Moment?>(nil)
  private let cuts = Mutex(0)

  /// How often a line was cut.
  var count: Int { cuts.withLock { $0 } }

  init(to target: UInt16) throws {
    self.target = target
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.loopback(0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { [listener] pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    guard bound else { throw CocoaError(.fileNoSuchFile) }
    port = UInt16(bigEndian: address.sin_port)
    let (listener, this) = (listener, Unchecked(self))
    Thread.detachNewThread {
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0, let proxy = this.value else { return }
        proxy.carry(client)
      }
    }
  }

  // Unchecked: a weak reference is read by one thread and written by nobody.
  private struct Unchecked: @unchecked Sendable {
    weak var value: CuttingProxy?
    init(_ value: CuttingProxy) { self.value = value }
  }

  func arm(_ moment: Moment) { armed.withLock { $0 = moment } }
  func disarm() { armed.withLock { $0 = nil } }
  func close() { shutdown(listener, Int32(SHUT_RDWR)) }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return address
  }

  private func carry(_ client: Int32) {
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.loopback(target)
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    let line = Line(client: client, server: server)
    guard connected else { return line.cut() }
    Thread.detachNewThread { self.forward(line) }
    Thread.detachNewThread { self.answer(line) }
  }

  /// Both ends of one connection.
  private final class Line: Sendable {
    let client: Int32
    let server: Int32
    /// Whether the server's answers are kept back; the next end of a transaction then ends the line.
    let isDeaf = Mutex(false)

    init(client: Int32, server: Int32) {
      self.client = client
      self.server = server
    }

    deinit {
      Foundation.close(client)
      Foundation.close(server)
    }

    func cut() {
      shutdown(client, Int32(SHUT_RDWR))
      shutdown(server, Int32(SHUT_RDWR))
    }
  }

  private func answer(_ line: Line) {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(line.server, &buffer, buffer.count)
      if count <= 0 { break }
      if line.isDeaf.withLock({ $0 }) {
        // ReadyForQuery, outside of a transaction: it is done.
        if buffer[0..<count].suffix(6) == [0x5a, 0, 0, 0, 5, 0x49] { break }
        continue
      }
      if !Self.send(buffer[0..<count], to: line.client) { break }
    }
    line.cut()
  }

  private func forward(_ line: Line) {
    var (pending, commits, isStarted) = ([UInt8](), Set<[UInt8]>(), false)
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(line.client, &buffer, buffer.count)
      if count <= 0 { break }
      pending += buffer[0..<count]
      while let message = Self.message(&pending, &isStarted) {
        if !pass(message, &commits, line) { return line.cut() }
      }
    }
    line.cut()
  }

  /// Takes one whole message off the front: the first has no type.
  private static func message(_ pending: inout [UInt8], _ isStarted: inout Bool) -> [UInt8]? {
    let header = isStarted ? 1 : 0
    guard pending.count >= header + 4 else { return nil }
    let length = header + pending[header..<header + 4].reduce(0) { $0 << 8 | Int($1) }
    guard pending.count >= length else { return nil }
    defer { pending.removeFirst(length) }
    isStarted = true
    return Array(pending[0..<length])
  }

  /// Sends a message on, unless this is where the line is cut.
  private func pass(_ message: [UInt8], _ commits: inout Set<[UInt8]>, _ line: Line) -> Bool {
    let words = message.dropFirst(5).split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false).map(Array.init)
    if message[0] == UInt8(ascii: "P"), words.count > 1, words[1] == Array("COMMIT".utf8) { commits.insert(words[0]) }
    // Bind names the portal, then the statement.
    let isCommit = message[0] == UInt8(ascii: "B") && words.count > 1 && commits.contains(words[1])
    let moment = armed.withLock { armed in
      guard let moment = armed, isCommit || moment == .atOnce else { return Moment?.none }
      armed = nil
      cuts.withLock { $0 += 1 }
      return moment
    }
    switch moment {
    case .beforeCommit, .atOnce: return false
    case .afterCommit: line.isDeaf.withLock { $0 = true }
    case .withCommit:
      // Describe, Execute and Sync come behind it; the server has them a moment later, or not.
      line.isDeaf.withLock { $0 = true }
      Thread.detachNewThread {
        usleep(UInt32.random(in: 0...2_000))
        line.cut()
      }
    case nil: break
    }
    return Self.send(message[...], to: line.server)
  }

  private static func send(_ bytes: ArraySlice<UInt8>, to socket: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes { Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard sent > 0 else { return false }
      rest.removeFirst(sent)
    }
    return true
  }
}
