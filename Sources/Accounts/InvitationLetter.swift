import Platform

/// The message that tells someone they have been added, written together with their set-up link.
struct InvitationLetter: Sendable {
  let outbox: Outbox
  let origin: String
  let tenantName: String
  let inviter: String

  /// As the visitor who asks for it.
  init(_ request: Request) throws {
    guard let visitor = request.visitor else { throw Problem.signInFirst }
    outbox = request.services.outbox
    origin = request.services.installation.origin
    tenantName = visitor.tenantName
    inviter = visitor.name
  }

  /// `link` is a path. Under the person's own key: erased with them.
  func post(to person: PersonID, link: String, in work: Work) throws {
    guard let record = try work.find(PersonRecord.self, person) else { throw Problem.notFound }
    let draft = MailDraft(
      "invitation", to: record.name, record.email,
      values: ["name": record.name, "tenant": tenantName, "inviter": inviter], secrets: ["link": origin + link],
      purpose: "invitation", expiresAt: work.now.adding(seconds: SetupLinkRecord.lifetimeSeconds))
    try outbox.post(draft, subject: try work.subject(of: PersonRecord.self, person.text), in: work)
  }
}
