import Platform
import Subprocessors
import Trust

/// Hands the probes' register to the checks of promises.
struct ProviderDesk: ProviderProbing {
  let registers: Registers

  func probe(_ services: Services) -> ProviderProbe {
    let register = Register(services: services, registers: registers, realm: .probes, actor: .system("probe"))
    let customers = Register(services: services, registers: registers, actor: .system("probe"))
    return ProviderProbe(
      listed: { try await customers.list().map { OperatorView.json($0, at: services.now) } },
      add: { try await register.add(try ProviderInput($0)).id.text },
      announce: { try await register.announce(try id($0)).posted },
      missing: { text in
        let provider = try await register.provider(try id(text))
        return try await register.standing(provider)?.missing.count ?? 0
      },
      deliver: { try await register.deliver(try id($0), in: $1) },
      activate: { _ = try await register.activate(try id($0)) },
      review: { try await register.review() },
      state: { try await register.provider(try id($0)).state.rawValue },
      clear: { try await register.clear() })
  }

  private func id(_ text: String) throws -> SubprocessorID {
    guard let id = SubprocessorID(text) else { throw Problem.notFound }
    return id
  }
}
