import Synchronization

/// The operating system's random bytes, fetched a page at a time: ids, salts and nonces need a few bytes each, thousands of times
/// a second, and each fetch is a system call.
///
/// Bytes are handed out once and overwritten. The process never forks, so no second process has the same page.
package struct RandomPool: RandomNumberGenerator, Sendable {
  private struct Page {
    var words = [UInt64](repeating: 0, count: 512)
    var next = 512
  }

  private static let page = Mutex(Page())

  package init() {}

  package func next() -> UInt64 { RandomPool.page.withLock { RandomPool.take(from: &$0) } }

  /// Two words at once, for an id.
  static func pair() -> (UInt64, UInt64) { page.withLock { (take(from: &$0), take(from: &$0)) } }

  /// `count` bytes.
  package static func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    page.withLock { page in
      while bytes.count < count {
        withUnsafeBytes(of: take(from: &page)) { bytes += $0 }
      }
    }
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  private static func take(from page: inout Page) -> UInt64 {
    if page.next == page.words.count { refill(&page) }
    defer {
      page.words[page.next] = 0
      page.next += 1
    }
    return page.words[page.next]
  }

  private static func refill(_ page: inout Page) {
    page.words.withUnsafeMutableBytes { Entropy.fill($0) }
    page.next = 0
  }
}
