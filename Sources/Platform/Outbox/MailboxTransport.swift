import Kernel
import Ledger
import Storage

/// A message that was delivered into the mailbox of the demo: nothing leaves the machine, and the owner can read what people got.
package struct MailboxRecord: Record {
  package static let table = Table(
    "mailbox", .primary,
    columns: [
      Column("delivered_at", .integer, .operational, purpose: "when it was delivered", nullable: false),
      Column("deliveries", .integer, .operational, purpose: "how often it was delivered", nullable: false),
    ],
    sealed: [
      Column("name", .text, .personal, purpose: "whom it is to"),
      Column("email", .text, .personal, purpose: "the address it is to"),
      Column("subject", .text, .content, purpose: "its subject"),
      Column("text", .text, .secret, purpose: "its text"),
    ], retention: "30 days, in the demo only")

  package let id: MessageID
  package let deliveredAt: Instant
  package let deliveries: Int
  package let name: String
  package let email: String
  package let subject: String
  package let text: String

  init(_ mail: OutgoingMail, deliveries: Int, at now: Instant) {
    id = mail.id
    deliveredAt = now
    self.deliveries = deliveries
    name = mail.to.name
    email = mail.to.address
    subject = mail.subject
    text = mail.text
  }

  package init(_ row: OpenedRow) throws {
    id = try row.keyID()
    deliveredAt = try row.instant("delivered_at")
    deliveries = Int(try row.integer("deliveries"))
    name = try row.contentText("name")
    email = try row.contentText("email")
    subject = try row.contentText("subject")
    text = try row.contentText("text")
  }

  package var key: String { id.text }
  package var plain: [String: Value] { ["delivered_at": deliveredAt.value, "deliveries": deliveries.value] }
  package var content: [String: CBOR] {
    ["name": .text(name), "email": .text(email), "subject": .text(subject), "text": .text(text)]
  }
}

/// Delivers into the tenant's own mailbox page.
package struct MailboxTransport: MailTransport {
  let ledger: Ledger

  package init(ledger: Ledger) { self.ledger = ledger }

  package func admit(_ mail: OutgoingMail) async throws -> EgressPermit? { nil }

  package func deliver(_ mail: OutgoingMail, under disclosure: Disclosure?) async -> MailOutcome {
    do {
      let act = Act("mailbox.deliver", on: ObjectRef("message", mail.id), by: .system("mailbox"))
      _ = try await ledger.write(mail.tenant, act) { work in
        // Under the message's key, so that whatever takes one takes the other; a message that was erased meanwhile has none.
        guard try work.find(MessageRecord.self, mail.id) != nil else { throw Problem.notFound }
        if let earlier = try work.find(MailboxRecord.self, mail.id) {
          try work.update(MailboxRecord(mail, deliveries: earlier.deliveries + 1, at: work.now))
        } else {
          let subject = try work.subject(of: MessageRecord.self, mail.id.text)
          try work.insert(MailboxRecord(mail, deliveries: 1, at: work.now), subject: subject)
        }
      }
      return .sent(said: nil)
    } catch let problem as Problem where problem.code == .notFound {
      return .refused(.gaveUp, said: nil)
    } catch {
      return .later(.unreachable, said: nil)
    }
  }
}
