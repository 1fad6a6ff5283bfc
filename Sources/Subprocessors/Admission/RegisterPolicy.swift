import Platform

/// The gate's question put to the register, anew for every call: what changed a moment ago counts.
package final class RegisterPolicy: EgressPolicy {
  package let registers: Registers
  private let clock: any StewardClock

  package init(registers: Registers, clock: any StewardClock) {
    self.registers = registers
    self.clock = clock
  }

  package func admit(_ intent: EgressIntent) async throws -> String {
    let admission = Admission(
      providers: try await registers.providers(in: registers.realm(of: intent.tenant)),
      tenant: try await registers.side(of: intent.tenant))
    return try admission.decide(intent, at: clock.now).mapError(\.problem).get()
  }
}
