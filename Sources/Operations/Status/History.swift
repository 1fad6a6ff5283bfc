import Platform

/// When the server ran, as the record shows it: a pure reading of beats and lives.
struct History: Sendable, Equatable {
  static let days = 30

  /// Why nothing was heard.
  enum Reason: String, Sendable, Equatable {
    /// It was stopped, and started again.
    case restart
    /// The same, with another version.
    case upgrade
    /// The process ended without a word: killed, or the machine went down.
    case cut
    /// The same process was silent and went on: a machine that slept, a disk that was full.
    case silent
    /// Nothing has been heard since.
    case now
  }

  struct Gap: Sendable, Equatable {
    let from: Instant
    let until: Instant
    let reason: Reason
    var seconds: Int { Int((until.milliseconds - from.milliseconds) / 1_000) }
  }

  /// Some time on the strip. `share` is how much of it was covered, in thousandths; nil where there was no record yet.
  struct Cell: Sendable, Equatable {
    let from: Instant
    let seconds: Int
    let share: Int?
  }

  let now: Instant
  /// First beat that is known; nil if there is none.
  let since: Instant?
  let last: Instant?
  /// Oldest first.
  let gaps: [Gap]

  init(_ spans: [BeatSpan], runs: [String: ProcessRun], now: Instant) {
    self.now = now
    since = spans.first?.first
    last = spans.last?.last
    let ends = Dictionary(spans.map { ($0.process, $0.last) }, uniquingKeysWith: max)
    var gaps = zip(spans, spans.dropFirst()).compactMap { before, after -> Gap? in
      guard after.first > before.last.adding(seconds: Heartbeat.gapSeconds) else { return nil }
      // Of several servers any may be heard after a silence of all.
      let livesOn = ends[before.process].map { $0 > before.last } ?? false
      return Gap(
        from: before.last, until: after.first, reason: livesOn ? .silent : History.reason(before, after, runs))
    }
    if let last, now > last.adding(seconds: Heartbeat.gapSeconds) {
      gaps.append(Gap(from: last, until: now, reason: .now))
    }
    self.gaps = gaps
  }

  private static func reason(_ before: BeatSpan, _ after: BeatSpan, _ runs: [String: ProcessRun]) -> Reason {
    if before.process == after.process { return .silent }
    guard let old = runs[before.process], old.stoppedAt != nil else { return .cut }
    return runs[after.process].map { $0.version == old.version } ?? true ? .restart : .upgrade
  }

  /// The last `seconds`, in `count` cells of one length.
  func strip(seconds: Int, count: Int) -> [Cell] {
    let length = seconds / count
    return (0..<count).map { number in
      let from = now.adding(seconds: number * length - seconds)
      return Cell(from: from, seconds: length, share: share(from: from, until: from.adding(seconds: length)))
    }
  }

  /// Thousandths of the time from `from` until `until` that were covered, rounded down so that 1,000 means all of it. Nil before the
  /// first beat.
  func share(from: Instant, until: Instant) -> Int? {
    guard let since, since < until else { return nil }
    let (start, end) = (max(from, since).milliseconds, until.milliseconds)
    let missing = gaps.reduce(0) { $0 + max(0, min(end, $1.until.milliseconds) - max(start, $1.from.milliseconds)) }
    return end > start ? Int((end - start - missing) * 1_000 / (end - start)) : nil
  }

  func share(lastSeconds: Int) -> Int? { share(from: now.adding(seconds: -lastSeconds), until: now) }
}
