import Kernel
import Ledger

/// Takes a message where it belongs. SMTP and the demo's mailbox are here; Microsoft Graph has its place beside them.
package protocol MailTransport: Sendable {
  /// Whether the message may go this way. Throws `Problem.forbidden` with the reason; nil if nothing leaves the process.
  func admit(_ mail: OutgoingMail) async throws -> EgressPermit?
  /// Sends it, once. Never throws: what happened is the answer.
  func deliver(_ mail: OutgoingMail, under disclosure: Disclosure?) async -> MailOutcome
}

/// A message as it goes out.
package struct OutgoingMail: Sendable {
  package let tenant: TenantID
  package let id: MessageID
  package let purpose: String
  package let from: MailAddress
  package let to: MailAddress
  package let subject: String
  package let text: String
  package let html: String
  package let date: Instant
  package let wireID: String
  /// From 1.
  package let attempt: Int
  /// Whether an earlier attempt may have arrived.
  package let isRepeat: Bool
}

/// What became of an attempt.
package enum MailOutcome: Sendable, Equatable {
  case sent(said: String?)
  /// For good: the other side will not take it.
  case refused(MessageRecord.Reason, said: String?)
  /// Nothing was handed over; it can be tried again without harm.
  case later(MessageRecord.Reason, said: String?)
  /// Nothing was handed over, and somebody has to do something before it is tried again.
  case held(MessageRecord.Reason, said: String?)
  /// The other side may have it.
  case unknown(said: String?)
}

/// An address that can stand in an envelope and a header without being anything else: ASCII, a dot-atom before the at sign and
/// letters, digits and hyphens after it (RFC 5321 §4.1.2, without quoted local parts and address literals).
package struct MailAddress: Sendable, Equatable {
  package let name: String
  package let address: String

  package init?(name: String, address: String) {
    let halves = address.split(separator: "@", omittingEmptySubsequences: false)
    guard halves.count == 2, let local = halves.first, let domain = halves.last, address.utf8.count <= 254,
      MailAddress.isDotAtom(local), local.utf8.count <= 64, MailAddress.isDomain(domain)
    else { return nil }
    self.name = MailText.flat(name).trimmed
    self.address = address
  }

  package var domain: String {
    String(address[address.index(after: address.lastIndex(of: "@") ?? address.startIndex)...])
  }

  private static let atext = Set(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~".utf8)
  private static let ldh = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-".utf8)

  private static func isDotAtom(_ text: Substring) -> Bool {
    text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy {
      !$0.isEmpty && $0.utf8.allSatisfy(atext.contains)
    }
  }

  /// An address literal without its brackets is no domain (RFC 5321 §4.1.3), and no name that a client can greet with.
  private static func isDomain(_ text: Substring) -> Bool {
    text.utf8.count <= 253
      && text.utf8.reversed().prefix { $0 != UInt8(ascii: ".") }.contains { !(48...57).contains($0) }
      && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
        (1...63).contains(label.utf8.count) && label.utf8.allSatisfy(ldh.contains) && label.first != "-"
          && label.last != "-"
      }
  }
}
