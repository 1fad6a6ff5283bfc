import Kernel

/// Says that the key of a subject was destroyed, when, and by which erasure. It is never taken back (docs/format.md §5.6).
package struct Tombstone: Sendable, Hashable {
  package let subject: SubjectRef
  package let at: Instant
  /// Id of the erasure.
  package let erasure: String

  package init(subject: SubjectRef, at: Instant, erasure: String) {
    self.subject = subject
    self.at = at
    self.erasure = erasure
  }
}

/// What became of the destroyed keys at one place that held them.
package struct KeyCopy: Sendable, Hashable {
  package let place: String
  /// The store that is used; the others are replicas.
  package let isLive: Bool
  /// When the last key that opened them was gone there; nil while the place could not be brought so far.
  package let endedAt: Instant?
  /// What stands in the way, in words for an operator.
  package let obstacle: String?

  package init(place: String, isLive: Bool, endedAt: Instant?, obstacle: String?) {
    self.place = place
    self.isLive = isLive
    self.endedAt = endedAt
    self.obstacle = obstacle
  }
}

/// The outcome of destroying keys; repeated until it is complete.
package struct KeyDestruction: Sendable, Hashable {
  /// The last epoch that one of the keys was sealed under, even if it ended in an earlier try.
  package let epochBefore: Int64
  /// The epoch now. Of a tenant the same: it has none after.
  package let epochAfter: Int64
  package let copies: [KeyCopy]

  package init(epochBefore: Int64, epochAfter: Int64, copies: [KeyCopy]) {
    self.epochBefore = epochBefore
    self.epochAfter = epochAfter
    self.copies = copies
  }

  package var isComplete: Bool { copies.allSatisfy { $0.endedAt != nil } }
}
