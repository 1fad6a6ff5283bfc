/// Token buckets by name, at most `maximum` of them. Time is handed in, so that tests need not wait.
///
/// A bucket that is full says nothing, so nothing is lost when those that have been quiet longest are forgotten: the whole table is
/// halved at once, which costs little per request and cannot be used to reset a bucket that is in use.
package struct TokenBuckets<Name: Hashable & Sendable>: Sendable {
  private struct Bucket {
    var tokens: Double
    /// Milliseconds.
    var at: Int64
  }

  private let maximum: Int
  private var buckets: [Name: Bucket] = [:]

  package init(maximum: Int) { self.maximum = max(maximum, 2) }

  package var count: Int { buckets.count }

  /// Takes `cost` tokens from the bucket of `name` if they are there. `now` in milliseconds; a clock that was set back fills nothing
  /// and empties nothing.
  package mutating func take(
    _ cost: Double = 1, from name: Name, at now: Int64, rate: LimitSettings.Rate
  ) -> RateVerdict {
    var tokens = rate.burst
    if let bucket = buckets[name] {
      let elapsed = Double(max(0, now - bucket.at)) / 1_000
      tokens = min(rate.burst, bucket.tokens + elapsed * rate.perSecond)
    } else if buckets.count >= maximum {
      forgetOldest()
    }
    let isAdmitted = tokens >= cost
    if isAdmitted { tokens -= cost }
    buckets[name] = Bucket(tokens: tokens, at: now)
    return RateVerdict(
      isAdmitted: isAdmitted, remaining: Int(tokens), resetSeconds: seconds(rate.burst - tokens, rate),
      retryAfterSeconds: isAdmitted ? 0 : max(1, seconds(cost - tokens, rate)))
  }

  private func seconds(_ tokens: Double, _ rate: LimitSettings.Rate) -> Int {
    Int((max(0, tokens) / rate.perSecond).rounded(.up))
  }

  private mutating func forgetOldest() {
    let times = buckets.values.map(\.at).sorted()
    let middle = times[times.count / 2]
    buckets = buckets.filter { $0.value.at > middle }
    // Many in the same millisecond: then any half will do.
    if buckets.count > maximum / 2 {
      buckets = Dictionary(uniqueKeysWithValues: buckets.prefix(maximum / 2).map { ($0.key, $0.value) })
    }
  }
}

/// What taking a token found.
package struct RateVerdict: Sendable, Equatable {
  package let isAdmitted: Bool
  /// Whole requests left.
  package let remaining: Int
  /// Seconds until the bucket is full again.
  package let resetSeconds: Int
  /// Seconds after which the same request would be admitted; 0 if it was.
  package let retryAfterSeconds: Int
}
