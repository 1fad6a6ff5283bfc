/// Whether the two ends of a request keep moving: the body arrives, the answer is read. Counts only the time in which we wait for the
/// client; time is handed in, in milliseconds.
package struct RequestPace: Sendable {
  package enum Phase: Sendable, Equatable {
    /// Nothing is asked.
    case idle
    /// The head has come, the body not yet whole.
    case body
    /// All of it has come; the answer is being made or read.
    case answering
  }

  /// Why a connection is closed.
  package enum Stall: String, Sendable {
    case slowHead = "slow head"
    case slowBody = "slow body"
    case slowReader = "slow reader"
    case idle
    case linger = "body after its answer"
    case age
  }

  private let settings: LimitSettings
  private var isReadingRequest = false
  private var open = 0
  /// Since when we wait for bytes; nil while we do not ask for any.
  private var askedAt: Int64?
  /// Of the present window of waiting.
  private var waited: Int64 = 0
  private var received = 0
  /// Bytes handed to the channel that it has not passed on.
  private var pending = 0
  private var progressAt: Int64 = 0
  /// Since when the answer is out although the body is not in.
  private var answeredEarlyAt: Int64?

  package init(_ settings: LimitSettings) { self.settings = settings }

  package var phase: Phase { isReadingRequest ? .body : open > 0 ? .answering : .idle }

  package mutating func head(at now: Int64) {
    isReadingRequest = true
    open += 1
    (waited, received) = (0, 0)
    if askedAt != nil { askedAt = now }
  }

  package mutating func body(_ bytes: Int) { received += bytes }

  package mutating func end() {
    isReadingRequest = false
    answeredEarlyAt = nil
  }

  package mutating func asked(at now: Int64) { if askedAt == nil { askedAt = now } }

  package mutating func arrived(at now: Int64) {
    if let askedAt { waited += max(0, now - askedAt) }
    askedAt = nil
  }

  package mutating func writing(_ bytes: Int, at now: Int64) {
    if pending == 0 { progressAt = now }
    pending += bytes
  }

  package mutating func written(_ bytes: Int, at now: Int64) {
    pending -= bytes
    progressAt = now
  }

  package mutating func answered(at now: Int64) {
    open = max(0, open - 1)
    if isReadingRequest { answeredEarlyAt = now }
  }

  /// What is wrong, if anything.
  package mutating func stall(at now: Int64) -> Stall? {
    let grace = Int64(settings.graceSeconds) * 1_000
    if pending > 0, now - progressAt > grace + Int64(pending) * 1_000 / Int64(settings.minimumBytesPerSecond) {
      return .slowReader
    }
    guard isReadingRequest else { return nil }
    if let answeredEarlyAt, now - answeredEarlyAt > Int64(settings.lingerSeconds) * 1_000 { return .linger }
    let waited = waited + (askedAt.map { max(0, now - $0) } ?? 0)
    guard waited >= grace else { return nil }
    if received < settings.minimumBytesPerSecond * settings.graceSeconds { return .slowBody }
    (self.waited, received) = (0, 0)
    if askedAt != nil { askedAt = now }
    return nil
  }
}

/// Whether a connection is worth keeping, seen from its bytes: a head that does not come to its end, a reader that takes nothing,
/// silence, age.
package struct ConnectionPace: Sendable {
  private let settings: LimitSettings
  private let openedAt: Int64
  private var lastByteAt: Int64
  /// Since when a head is due: from the opening, later from the first byte after an answer.
  private var headSince: Int64?
  /// Since when nothing is asked.
  private var idleSince: Int64?
  private var written = 0
  /// Begin of the window in which bytes have been waiting for the reader, and how many had gone out by then.
  private var stalled: (since: Int64, flushed: Int)?
  /// HTTP/2: heads are frames then, and streams have a pace of their own.
  package var isMultiplexed = false

  package init(_ settings: LimitSettings, openedAt: Int64) {
    self.settings = settings
    self.openedAt = openedAt
    lastByteAt = openedAt
    headSince = openedAt
  }

  package mutating func received(at now: Int64) {
    lastByteAt = now
    if idleSince != nil, headSince == nil { headSince = now }
  }

  package mutating func wrote(_ bytes: Int) { written += bytes }

  /// A head has come whole.
  package mutating func busy() { (headSince, idleSince) = (nil, nil) }

  /// Everything asked has been answered.
  package mutating func idle(at now: Int64) { (headSince, idleSince) = (nil, now) }

  /// Whether the next answer is to be the last one.
  package func isOld(at now: Int64) -> Bool { now - openedAt > Int64(settings.maximumConnectionSeconds) * 1_000 }

  /// What is wrong, if anything. `buffered`: bytes that the socket has not taken.
  package mutating func stall(at now: Int64, buffered: Int) -> RequestPace.Stall? {
    let idle = Int64(settings.idleSeconds) * 1_000
    if isStalled(at: now, buffered: buffered) { return .slowReader }
    if isMultiplexed {
      if now - lastByteAt > 2 * idle { return .idle }
      return now - openedAt > Int64(settings.maximumConnectionSeconds) * 1_000 + 2 * idle ? .age : nil
    }
    if let headSince, now - headSince > Int64(settings.headSeconds) * 1_000 { return .slowHead }
    if let idleSince, now - idleSince > idle { return .idle }
    return nil
  }

  private mutating func isStalled(at now: Int64, buffered: Int) -> Bool {
    guard buffered > 0 else {
      stalled = nil
      return false
    }
    let flushed = written - buffered
    guard let window = stalled else {
      stalled = (now, flushed)
      return false
    }
    guard now - window.since > Int64(settings.graceSeconds) * 1_000 else { return false }
    if flushed - window.flushed < settings.minimumBytesPerSecond * settings.graceSeconds { return true }
    stalled = (now, flushed)
    return false
  }
}
