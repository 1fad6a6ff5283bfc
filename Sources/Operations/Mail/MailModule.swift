import Platform

extension Permission {
  package static let mailRead = Permission("mail.read")
  package static let mailRetry = Permission("mail.retry")
  package static let mailboxRead = Permission("mailbox.read")
}

/// The outbox as its tenant sees it: what went out, what did not and why.
package struct MailModule: Module {
  package init() {}

  package var manifest: ModuleManifest {
    ModuleManifest(
      name: "mail", tables: [],
      permissions: [
        PermissionGrant(
          .mailRead, roles: [.owner, .manager],
          summary: "See messages that went out, without what only recipients may see."
        ),
        PermissionGrant(.mailRetry, roles: [.owner, .manager], summary: "Send a message again that came to a stop."),
        PermissionGrant(
          .mailboxRead, roles: [.owner], summary: "Read what people got by mail, in the sample installation only."),
      ],
      navigation: [NavigationEntry("/mail", titleKey: "mail_title", access: .permission(.mailRead), order: 60)],
      texts: MailPageTexts.english, templates: [MailPage.template, MessagePage.template, MailboxPage.template],
      exit: DataExit(
        exporter: "GET /v1/messages lists every message with its state.",
        eraser: "Texts go after 30 days; erasing a person destroys the subject key of the messages to them."))
  }

  package var routes: [Route] { MailAPI().routes + MailPages().routes }
}

/// Which messages are wanted.
enum MailFilter: String, CaseIterable, Sendable {
  case all, underway, held, failed, sent

  /// `invalid` for a word that is none of these.
  init(_ query: Query) throws {
    guard let word = query["state"], !word.isEmpty else {
      self = .all
      return
    }
    guard let filter = MailFilter(rawValue: word) else {
      throw Problem.invalid("state", "Ask for all, underway, held, failed or sent.")
    }
    self = filter
  }

  var states: [MessageRecord.State] {
    switch self {
    case .all: MessageRecord.State.allCases
    case .underway: [.waiting, .sending, .unknown]
    case .held: [.held]
    case .failed: [.failed]
    case .sent: [.sent]
    }
  }
}

enum MailStore {
  /// Newest first. `next` is the mark to go on from.
  static func page(
    _ filter: MailFilter, limit: Int, before cursor: String?, _ ledger: Ledger, _ tenant: TenantID
  ) async throws -> (messages: [MessageRecord], next: String?) {
    let states = filter.states.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    let found = try await ledger.read(tenant) { reader in
      try reader.fetch(
        MessageRecord.self,
        """
        AND state IN (\(raw: states)) AND id < \(cursor ?? "z") ORDER BY id DESC LIMIT \(limit + 1)
        """)
    }
    return (Array(found.prefix(limit)), found.count > limit ? found[limit - 1].key : nil)
  }

  static func message(_ id: MessageID, _ request: Request) async throws -> MessageRecord {
    let tenant = try request.principal.tenant
    let found = try await request.services.ledger.read(tenant) { try $0.find(MessageRecord.self, id) }
    guard let found else { throw Problem.notFound }
    return found
  }

  static func retry(_ request: Request) async throws -> (id: MessageID, receipt: Receipt) {
    let principal = try request.principal
    let id: MessageID = try request.id("id")
    let receipt = try await request.services.outbox.retry(id, of: principal.tenant, by: principal.actor)
    return (id, receipt)
  }
}
