import Dispatch
import Glibc
import Synchronization

/// Lines on their way to a descriptor, whole and in order. What is not urgent waits a moment for others: a busy server writes a line for
/// each request, and each write is a system call.
final class LineSink: Sendable {
  static let standardError = LineSink(descriptor: 2)

  private static let delayMilliseconds = 20
  private static let largestDelayed = 32 << 10

  private struct Waiting {
    var bytes: [UInt8] = []
    var isScheduled = false
  }

  private let descriptor: Int32
  private let waiting = Mutex(Waiting())

  init(descriptor: Int32) {
    self.descriptor = descriptor
    // What waits when the process ends in good order is still written.
    if descriptor == 2 { atexit { LineSink.standardError.flush() } }
  }

  func write(_ line: [UInt8], isUrgent: Bool) {
    let mustSchedule = waiting.withLock { waiting in
      waiting.bytes += line
      if isUrgent || waiting.bytes.count >= LineSink.largestDelayed {
        flush(&waiting)
        return false
      }
      defer { waiting.isScheduled = true }
      return !waiting.isScheduled
    }
    guard mustSchedule else { return }
    DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + .milliseconds(LineSink.delayMilliseconds)) {
      self.waiting.withLock {
        $0.isScheduled = false
        self.flush(&$0)
      }
    }
  }

  func flush() { waiting.withLock { flush(&$0) } }

  /// Under the lock, so that lines of several threads do not mix. A reader that is gone must not stop the server.
  private func flush(_ waiting: inout Waiting) {
    waiting.bytes.withUnsafeBytes { bytes in
      var start = 0
      while start < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: start), bytes.count - start)
        guard count > 0 || (count < 0 && errno == EINTR) else { break }
        start += max(count, 0)
      }
    }
    waiting.bytes.removeAll(keepingCapacity: true)
  }
}
