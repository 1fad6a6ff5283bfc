import Accounts
import Platform
import Subprocessors

/// What an operator can ask for on the machine itself: through the control socket of a running server, or on the opened
/// directory when none runs. The same verbs, the same record.
package struct ControlVerbs: Sendable {
  /// How operators appear on the record until they have names of their own.
  static let actor = Actor.system("operator")

  package let app: StewardApp

  package init(app: StewardApp) { self.app = app }

  /// Whether an owner could be reached there; asked before anything is made.
  package static func isAddress(_ email: String) -> Bool { PersonInput.isAddress(email) }

  /// `{"verb": …, …}` → `{"ok": …}` or `{"problem": {"code","message"}}`.
  package func answer(_ request: JSON) async -> JSON {
    do {
      return ["ok": try await run(request)]
    } catch {
      let problem =
        error as? Problem
        ?? (DiskProblem.isOfDisk(error)
          ? Problem(.unavailable, "The files cannot be read or written (\(error)); look at the disk, then try again.")
          : Problem(.internal, "Something went wrong; look at the server's log."))
      return ["problem": ["code": .string(problem.code.rawValue), "message": .string(problem.message)]]
    }
  }

  private func run(_ request: JSON) async throws -> JSON {
    switch request["verb"]?.string {
    case "tenant.create": try await createTenant(request)
    case "token.create": try await createToken(request)
    case "tenant.freeze": try await freeze(request)
    case "tenant.lift": try await lift(request)
    case "prove": try await prove()
    case "backup.create": try await createBackup(request)
    case "key.rotate.log": try await rotateLogKeys(request)
    case "key.rotate.epoch": try await rotateEpochs(request)
    case "key.rotate.installation": try await rotateInstallationKey()
    case let verb? where verb.hasPrefix("subprocessor."): try await subprocessor(verb, request)
    default: throw Problem(.badRequest, "The running server does not know this command; use the same version for both.")
    }
  }

  /// A tenant with its first owner, who gets a set-up link.
  private func createTenant(_ request: JSON) async throws -> JSON {
    let name = request["name"]?.string ?? ""
    let email = request["email"]?.string ?? ""
    let slug = request["slug"]?.string ?? Slug.make(from: name)
    guard PersonInput.isAddress(email) else {
      throw Problem.invalid("owner", "Give the owner's e-mail address such as ida@example.com.")
    }
    let tenant = try await madeTenant(slug: slug, name: name)
    try await Register(services: app.services, registers: app.registers, actor: ControlVerbs.actor).give(to: tenant.id)
    let ownerName = request["owner_name"]?.string ?? String(email.prefix { $0 != "@" })
    let invited = try await app.accounts.inviteOwner(tenant.id, name: ownerName, email: email, by: ControlVerbs.actor)
    return [
      "tenant": .string(tenant.id.text), "slug": .string(tenant.slug), "owner": .string(invited.id.text),
      "setup_link": .string(app.services.installation.origin + invited.link),
    ]
  }

  /// The tenant, also if an earlier try got as far as this and no further: then its owner is still to come.
  private func madeTenant(slug: String, name: String) async throws -> TenantProfile {
    do { return try await app.tenants.create(slug: slug, name: name, by: ControlVerbs.actor) } catch let problem
      as Problem
      where problem.code == .conflict
    {
      guard let tenant = try await app.tenants.find(slug: slug), !tenant.isHidden, tenant.name == name.trimmed else {
        throw problem
      }
      return tenant
    }
  }

  private func createToken(_ request: JSON) async throws -> JSON {
    let tenant = try await tenant(request)
    let email = request["email"]?.string ?? ""
    guard let person = try await app.accounts.person(email: email, in: tenant.id) else {
      throw Problem(.notFound, "Nobody with this address works in this tenant.")
    }
    let token = try await app.accounts.issueToken(
      tenant.id, for: person.id, label: request["label"]?.string ?? "command line", by: ControlVerbs.actor)
    return ["token": .string(token), "person": .string(person.id.text), "tenant": .string(tenant.id.text)]
  }

  /// A backup now, beside everything else that goes on.
  private func createBackup(_ request: JSON) async throws -> JSON {
    guard let place = request["to"]?.string, place.hasPrefix("/") else {
      throw Problem.invalid("to", "Name the place for the backup with --to.")
    }
    let desk = BackupDesk(services: app.services, settings: app.configuration.backups)
    return try await desk.create(
      at: place, tenant: request["tenant"]?.string, base: request["base"]?.bool ?? false,
      keepDays: request["keep"]?.integer, by: ControlVerbs.actor)
  }

  private func freeze(_ request: JSON) async throws -> JSON {
    let tenant = try await tenant(request)
    let written = try await app.services.freezes.freeze(
      tenant.id, reason: request["reason"]?.string ?? "", by: ControlVerbs.actor)
    return ["tenant": .string(tenant.id.text), "since": .string(written.value.since.description)]
  }

  private func lift(_ request: JSON) async throws -> JSON {
    let tenant = try await tenant(request)
    _ = try await app.services.freezes.lift(tenant.id, by: ControlVerbs.actor)
    return ["tenant": .string(tenant.id.text)]
  }

  private func tenant(_ request: JSON) async throws -> TenantProfile {
    guard let tenant = try await app.tenants.find(slug: request["tenant"]?.string ?? "") else {
      throw Problem(.notFound, "There is no tenant of this name; look at its sign-in address /t/NAME.")
    }
    return tenant
  }

  /// Runs every module's promise checks that are declared in its manifest.
  private func prove() async throws -> JSON {
    var results: [JSON] = []
    for check in app.catalogue.modules.flatMap(\.manifest.promises) {
      results.append(await result(of: check))
    }
    return ["promises": .array(results)]
  }

  private func result(of check: PromiseCheck) async -> JSON {
    do {
      switch try await check.run(app.services) {
      case .proven(let evidence):
        return ["id": .string(check.id), "state": "proven", "evidence": .string(evidence)]
      case .failing(let reason): return ["id": .string(check.id), "state": "failing", "reason": .string(reason)]
      }
    } catch {
      return ["id": .string(check.id), "state": "unknown", "reason": "The check could not run."]
    }
  }
}
