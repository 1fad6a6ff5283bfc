/// Every limit of the listener in one place. The defaults are for a server of two cores that an office reaches through one address.
package struct LimitSettings: Sendable, Equatable {
  /// How fast somebody may go: so many requests per second, and so many at once after a pause.
  package struct Rate: Sendable, Equatable {
    package let perSecond: Double
    package let burst: Double

    package init(perSecond: Double, burst: Double) {
      self.perSecond = max(perSecond, 0.001)
      self.burst = max(burst, 1)
    }

    /// Seconds in which an empty bucket fills up.
    package var windowSeconds: Int { max(1, Int((burst / perSecond).rounded(.up))) }
  }

  /// Somebody who was promised a higher rate, known by the secret that they send in `Steward-Research`.
  package struct Researcher: Sendable, Equatable {
    package static let header = "Steward-Research"
    package let name: String
    /// SHA-256 of the secret, 32 bytes. The secret itself is nowhere.
    package let secretHash: [UInt8]
    package let rate: Rate

    package init(name: String, secretHash: [UInt8], rate: Rate) {
      self.name = name
      self.secretHash = secretHash
      self.rate = rate
    }
  }

  package init() {}

  // MARK: Requests per second

  package var token = Rate(perSecond: 200, burst: 400)
  /// A person in a browser.
  package var session = Rate(perSecond: 50, burst: 200)
  /// Whoever shows no good credential, by address (IPv6 by /64). An office of two hundred people that opens a page at the same
  /// moment needs 240 (page, style sheet, icon), so the burst holds twice that.
  package var address = Rate(perSecond: 50, burst: 500)
  package var researchers: [Researcher] = []
  /// What a style sheet, an icon or a health probe takes, against 1 of everything else.
  package var assetCost = 0.1
  /// Actors that are counted at once; beyond it those that have gone longest without a request are forgotten.
  package var maximumBuckets = 50_000
  /// A refusal is held back for so long: who repeats at once waits, instead of keeping the processors busy with refusals.
  package var refusalDelayMilliseconds = 100
  /// Refusals that are held back at once; any more go out without delay.
  package var maximumDelayedRefusals = 2_000

  // MARK: Requests at once

  package var maximumInFlight = 128
  /// Of one tenant, or of one address where nobody is signed in.
  package var maximumInFlightPerParty = 64
  /// Requests of one party that wait for their turn; any more are refused.
  package var maximumWaitingPerParty = 256
  package var maximumWaiting = 4_096
  package var maximumWaitSeconds = 5

  // MARK: Connections

  package var maximumConnections = 4_096
  /// From one address (IPv6: one /64); a proxy is not counted.
  package var maximumConnectionsPerAddress = 512
  /// New connections from one address.
  package var connectionRate = Rate(perSecond: 100, burst: 1_000)
  package var backlog = 1_024

  // MARK: Time

  /// From the first byte of a request (or of the connection) to the end of its head; the TLS handshake included.
  package var headSeconds = 10
  /// A connection on which nothing is asked or answered.
  package var idleSeconds = 60
  /// After so long a connection is closed with its next answer.
  package var maximumConnectionSeconds = 3_600
  /// Bytes per second below which a body or the reading of an answer counts as stalled, over `graceSeconds`.
  package var minimumBytesPerSecond = 512
  package var graceSeconds = 20
  /// How long the rest of a body may take to arrive once its answer is out.
  package var lingerSeconds = 5

  // MARK: Size

  package var maximumHeaderBytes = 32 << 10
  package var maximumHeaderFieldBytes = 16 << 10
  package var maximumHeaderFields = 100
}
