import Kernel
import Web

/// The routes that belong to the installation rather than to a module: health, well-known places, the API document, assets.
package struct CoreModule: Module {
  private let assets: Assets
  private let readiness: Readiness

  package init(assets: Assets, readiness: Readiness) {
    self.assets = assets
    self.readiness = readiness
  }

  package var manifest: ModuleManifest {
    ModuleManifest(
      name: "core",
      tables: [
        TenantNameRecord.table, JobTable.table, JobTable.schedules, Turns.table, MessageRecord.table,
        MailboxRecord.table,
        DisclosureRecord.table,
      ], permissions: [], texts: MailTexts.english,
      exit: DataExit(
        exporter: "GET /v1/me names the tenant; GET /v1/messages lists what was sent.",
        eraser: "Erasing destroys the subject key of the tenant's name, and of each message with its recipient."),
      eraser: Eraser([
        "tenant_name": .stays(because: "It names the organisation on its pages and certificates."),
        "message": .goes(alone: true), "mailbox": .goes(alone: true),
        "egress_disclosure": .stays(because: "It says what left and to whom; it holds nothing of what it was."),
      ]), jobs: OutboxJobs.kinds)
  }

  /// Messages that a process left behind when it ended go on.
  package func run(_ services: Services) async throws {
    // With thousands of tenants it is seconds of work, which the first answer must not wait for.
    await readiness.wait()
    try await services.outbox.recover()
  }

  package var routes: [Route] {
    [
      Route(.get, "/healthz", access: .open, summary: "Tell that the process runs.") { _ in .text("ok\n") }
        .brief,
      Route(.get, "/readyz", access: .open, summary: "Tell that requests can be served.", handler: ready).brief,
      Route(.get, "/openapi.json", access: .open, summary: "Describe the API (OpenAPI 3.1).", handler: openAPI),
      Route(
        .get, "/.well-known/security.txt", access: .open, summary: "Say where to report a vulnerability (RFC 9116).",
        handler: securityText),
      Route(
        .get, "/.well-known/steward.vkey", access: .open, summary: "Give the installation's verifier key.",
        handler: verifierKey),
      Route(
        .get, "/.well-known/steward.chain", access: .open,
        summary: "Give the statements by which earlier verifier keys lead to it.", handler: chain),
    ]
      + assets.files.map { file in
        Route(.get, file.path, access: .open, summary: "Give a file that pages refer to.") { _ in file.response }
      }
  }

  @Sendable func ready(_ request: Request) async throws -> Response {
    guard readiness.isReady else { throw Problem(.unavailable, "The server is still starting.") }
    return .text("ready\n")
  }

  @Sendable func openAPI(_ request: Request) async throws -> Response {
    .json(OpenAPI.document(request.catalogue, version: request.services.installation.version))
  }

  /// RFC 9116. The file expires half a year ahead of whenever it is asked for.
  @Sendable func securityText(_ request: Request) async throws -> Response {
    let facts = request.services.installation
    let expires = request.now.adding(seconds: 180 * 86_400)
    return .text(
      """
      Contact: \(facts.securityContact)
      Expires: \(expires)
      Preferred-Languages: en
      Canonical: \(facts.origin)/.well-known/security.txt

      """)
  }

  @Sendable func verifierKey(_ request: Request) async throws -> Response {
    let installation = request.services.ledger.installation
    try installation.refreshKeys()
    return .text(installation.verifierKey + "\n")
  }

  /// Not found while the first key is the installation's.
  @Sendable func chain(_ request: Request) async throws -> Response {
    let installation = request.services.ledger.installation
    try installation.refreshKeys()
    guard !installation.chain.isEmpty else { throw Problem.notFound }
    return .text(String(decoding: installation.chain, as: UTF8.self))
  }
}
