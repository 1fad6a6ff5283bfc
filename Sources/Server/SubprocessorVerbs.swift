import Platform
import Subprocessors

/// `steward subprocessor …`: the register as the operator keeps it.
extension ControlVerbs {
  private var register: Register {
    Register(services: app.services, registers: app.registers, actor: ControlVerbs.actor)
  }

  func subprocessor(_ verb: String, _ request: JSON) async throws -> JSON {
    switch verb {
    case "subprocessor.list": return try await listSubprocessors()
    case "subprocessor.add":
      return try await shown(try await register.add(try ProviderInput(request["entry"] ?? .null)))
    case "subprocessor.announce":
      let (provider, posted) = try await register.announce(try subprocessorID(request))
      var json = try await shown(provider).object ?? [:]
      json["posted"] = .integer(Int64(posted))
      return .object(json)
    case "subprocessor.activate": return try await shown(try await register.activate(try subprocessorID(request)))
    case "subprocessor.suspend":
      return try await shown(
        try await register.suspend(try subprocessorID(request), note: request["reason"]?.string ?? ""))
    case "subprocessor.end":
      return try await shown(try await register.end(try subprocessorID(request), note: request["reason"]?.string ?? ""))
    default:
      throw Problem(.badRequest, "The running server does not know this command; use the same version for both.")
    }
  }

  private func listSubprocessors() async throws -> JSON {
    var items: [JSON] = []
    for provider in try await register.list() { items.append(try await shown(provider)) }
    return ["subprocessors": .array(items)]
  }

  /// Who is missing matters until the entry is active.
  private func shown(_ provider: Provider) async throws -> JSON {
    let standing = provider.state == .announced ? try await register.standing(provider) : nil
    return OperatorView.json(provider, standing, at: app.services.now)
  }

  private func subprocessorID(_ request: JSON) throws -> SubprocessorID {
    guard let id = SubprocessorID(request["id"]?.string ?? "") else {
      throw Problem.invalid("id", "Name the entry by its id; `steward subprocessor list` shows it.")
    }
    return id
  }
}
