import Kernel

/// Bytes that arrive or leave piece by piece, pulled by the reader, so that a large file never stands in memory.
package struct Chunks: AsyncSequence, Sendable {
  package typealias Element = [UInt8]
  private let start: @Sendable () -> () async throws -> [UInt8]?

  /// `start` begins one reading: the closure it returns gives the next piece, or nil at the end.
  package init(_ start: @escaping @Sendable () -> () async throws -> [UInt8]?) {
    self.start = start
  }

  package init<Base: AsyncSequence & Sendable>(_ base: Base) where Base.Element == [UInt8] {
    self.init {
      var iterator = base.makeAsyncIterator()
      return { try await iterator.next() }
    }
  }

  /// One piece that is already here.
  package init(bytes: [UInt8]) {
    self.init {
      var rest: [UInt8]? = bytes.isEmpty ? nil : bytes
      return {
        defer { rest = nil }
        return rest
      }
    }
  }

  package struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let step: () async throws -> [UInt8]?
    package mutating func next() async throws -> [UInt8]? { try await step() }
    func pull() async throws -> [UInt8]? { try await step() }
  }

  package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(step: start()) }

  /// Everything, or `tooLarge` as soon as more than `limit` bytes have come.
  package func collect(limit: Int) async throws -> [UInt8] {
    var all: [UInt8] = []
    for try await chunk in self {
      guard all.count + chunk.count <= limit else { throw Chunks.tooLarge(limit) }
      all += chunk
    }
    return all
  }

  /// The same bytes, ending in `tooLarge` once more than `limit` have come.
  package func limited(to limit: Int) -> Chunks {
    Chunks { [self] in
      var iterator = makeAsyncIterator()
      var passed = 0
      return {
        guard let chunk = try await iterator.next() else { return nil }
        passed += chunk.count
        guard passed <= limit else { throw Chunks.tooLarge(limit) }
        return chunk
      }
    }
  }
}

extension Chunks {
  static func tooLarge(_ limit: Int) -> Problem {
    Problem(.tooLarge, "Send at most \(limit) bytes here.")
  }
}

extension Chunks {
  /// As `limited(to:)`, and all of it within `seconds`, so that a slow sender does not hold a handler for ever.
  package func limited(to limit: Int, seconds: Int) -> Chunks {
    Chunks { [self] in
      let deadline = ContinuousClock.now.advanced(by: .seconds(seconds))
      let iterator = limited(to: limit).makeAsyncIterator()
      return {
        guard ContinuousClock.now < deadline else {
          throw Problem(.badRequest, "The body took longer than \(seconds) seconds to arrive.")
        }
        return try await iterator.pull()
      }
    }
  }
}

extension Chunks {
  /// The same bytes; each wait for the next piece happens inside `wait`.
  package func waiting(
    _ wait: @escaping @Sendable (() async throws -> [UInt8]?) async throws -> [UInt8]?
  ) -> Chunks {
    Chunks { [self] in
      let iterator = makeAsyncIterator()
      return { try await wait { try await iterator.pull() } }
    }
  }
}
