#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Reading and writing without Foundation: the verifier stays one small file.
enum Files {
  struct Unreadable: Error { let reason: String }

  /// Reads a file, or standard input for `-`. Refuses more than `limit` bytes.
  static func read(_ name: String, limit: Int) throws -> [UInt8] {
    let descriptor = name == "-" ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Unreadable(reason: "\(name) cannot be opened: \(String(cString: strerror(errno))).")
    }
    defer { if descriptor != STDIN_FILENO { close(descriptor) } }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Unreadable(reason: "\(name) cannot be read: \(String(cString: strerror(errno))).") }
      if count == 0 { return bytes }
      guard bytes.count + count <= limit else { throw Unreadable(reason: "\(name) is larger than \(limit) bytes.") }
      bytes += chunk[..<count]
    }
  }

  static func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      rest.removeFirst(count)
    }
  }

  static func writeError(_ text: String) { write(text, to: STDERR_FILENO) }

  /// Colour only for a person at a terminal who has not asked for none (https://no-color.org).
  static var wantsColour: Bool {
    if let value = getenv("NO_COLOR"), value.pointee != 0 { return false }
    return isatty(STDOUT_FILENO) == 1
  }
}

func exitProcess(_ status: Int32) -> Never { exit(status) }
