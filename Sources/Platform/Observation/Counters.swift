import Synchronization

/// A number that only rises; any thread may add to it without waiting for another.
package final class Counter: Sendable {
  private let count = Atomic<UInt64>(0)

  package init() {}

  package var value: UInt64 { count.load(ordering: .relaxed) }

  package func add(_ amount: UInt64 = 1) { count.wrappingAdd(amount, ordering: .relaxed) }
}

/// How often values fell below each of some bounds.
package final class Histogram: Sendable {
  package let bounds: [Double]
  private let buckets: [Counter]
  /// In millionths, so that it can be added to without a lock.
  private let sum = Counter()

  /// `bounds` rise; what is above the last one counts too.
  package init(bounds: [Double]) {
    self.bounds = bounds
    buckets = (0...bounds.count).map { _ in Counter() }
  }

  /// `value` is not negative.
  package func observe(_ value: Double) {
    let place = bounds.firstIndex { value <= $0 } ?? bounds.count
    buckets[place].add()
    sum.add(UInt64(min(max(value, 0), 1e12) * 1_000_000))
  }

  /// Counts per bucket, cumulative as Prometheus wants them; the last is the count of all.
  package var cumulative: [UInt64] {
    var total: UInt64 = 0
    return buckets.map { bucket in
      total += bucket.value
      return total
    }
  }

  package var total: Double { Double(sum.value) / 1_000_000 }
}
