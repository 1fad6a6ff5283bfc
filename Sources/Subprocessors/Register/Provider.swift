import Platform

package enum Subprocessor {}
package enum Announcement {}
package typealias SubprocessorID = ID<Subprocessor>
package typealias AnnouncementID = ID<Announcement>

/// Somebody to whom data may go, as the register has them. All of it is published but the contract's reference.
package struct Provider: Sendable, Equatable {
  package enum Kind: String, Sendable {
    /// Another party that processes customers' data for us.
    case subprocessor
    /// A system of the operator's own, such as a mail relay in the same house: nobody else is involved.
    case own
  }

  package enum State: String, Sendable, CaseIterable {
    /// Written down; nobody has been told.
    case draft
    /// Customers are being told, or the notice period runs.
    case announced
    case active
    /// Was active; off until it is activated again.
    case suspended
    case ended
  }

  /// On what ground the provider may start.
  package enum Ground: String, Sendable {
    /// Every customer was told, and the notice period has passed.
    case notice
    /// Was there before the first customer.
    case initial
    /// Is the operator's own system.
    case own
  }

  package struct Announced: Sendable, Equatable {
    package let id: AnnouncementID
    package let at: Instant
  }

  package let id: SubprocessorID
  package var details: ProviderDetails
  /// Nil for a draft without one, and for the operator's own systems.
  package var contract: Contract?
  package var state: State
  package var ground: Ground?
  package var announced: Announced?
  /// When the last of the notices was sent; known once all are.
  package var notifiedAt: Instant?
  package var activeSince: Instant?
  /// Index of the log entry that touched it last; -1 before it is stored.
  package var entry: Int64 = -1

  package init(id: SubprocessorID, details: ProviderDetails, contract: Contract?) {
    self.id = id
    self.details = details
    self.contract = contract
    state = .draft
  }

  /// Drafts, and what ended as one, were never anybody's business.
  package var isPublic: Bool { state != .draft && (announced != nil || activeSince != nil) }

  /// As the journal of disclosures names it.
  package var reference: String { "subprocessor:\(id)" }
}

/// What is said of a provider; fixed once customers have been told, since they were told this.
package struct ProviderDetails: Sendable, Equatable {
  package let kind: Provider.Kind
  package let name: String
  /// The legal entity with its form: `Example Mail GmbH`.
  package let entity: String
  package let address: String
  package let contact: String
  /// One sentence for people: what they do for us.
  package let description: String
  /// As the gate names them: `mail`.
  package let purposes: [String]
  package let categories: [DataCategory]
  /// Where data is processed: `EU`, `DE`, `US`.
  package let region: Region
  package let hosts: [Endpoint]

  package enum Limit {
    /// Characters.
    package static let line = 200
    package static let description = 500
    /// Items of a list.
    package static let list = 32
  }
}

/// Kinds of data as intents and the register name them.
package enum DataCategory: String, Sendable, CaseIterable {
  case operational, content, personal, special
}

/// A short name of a place with one law on data: two to five capital letters.
package struct Region: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let description: String

  package init?(_ text: some StringProtocol) {
    let text = text.uppercased()
    guard (2...5).contains(text.utf8.count), text.utf8.allSatisfy({ (65...90).contains($0) }) else { return nil }
    description = text
  }

  package static func < (a: Region, b: Region) -> Bool { a.description < b.description }
}

/// A purpose as the gate names it: a word of lower-case letters and hyphens.
package enum Purpose {
  package static let maximumLength = 40

  package static func isOne(_ text: String) -> Bool {
    (1...maximumLength).contains(text.utf8.count)
      && text.utf8.allSatisfy { (97...122).contains($0) || $0 == UInt8(ascii: "-") }
  }
}
