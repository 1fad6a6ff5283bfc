import Platform

/// Draft → announced → active ⇄ suspended → ended: what may follow what, and what must be so before it does.
///
/// Pure: time, notices and customers are handed in. Each step answers the provider as it is then, or throws what to do first.
package enum Lifecycle {
  /// Between the last notice and the start.
  package static let noticeDays = 30

  package static func endOfNotice(_ notifiedAt: Instant) -> Instant { notifiedAt.adding(seconds: noticeDays * 86_400) }
}

extension Provider {
  /// Customers may be told once there are written terms. Telling again those who were missed changes nothing here.
  package func announced(_ announcement: Announced) throws -> Provider {
    guard details.kind == .subprocessor else {
      throw Problem(.conflict, "The operator's own system needs no notice; activate it.")
    }
    switch state {
    case .announced: return self
    case .draft: break
    case .active, .suspended, .ended: throw Problem(.conflict, "It is \(state.rawValue) and was announced already.")
    }
    try checkContract(at: announcement.at)
    var next = self
    next.state = .announced
    next.announced = announcement
    return next
  }

  /// All notices have been sent; the clock starts with the last.
  package func notified(at sent: Instant) throws -> Provider {
    guard state == .announced, notifiedAt == nil else { throw Problem(.conflict, "Its notices are known to be sent.") }
    var next = self
    next.notifiedAt = sent
    return next
  }

  /// `hasCustomers`: whether anybody uses this installation yet.
  package func activated(at now: Instant, hasCustomers: Bool) throws -> Provider {
    var next = self
    switch (state, details.kind) {
    case (.active, _): throw Problem(.conflict, "It is active already.")
    case (.ended, _): throw Problem(.conflict, "It has ended; add it anew.")
    case (_, .own): next.ground = .own
    case (.draft, .subprocessor):
      guard !hasCustomers else {
        throw Problem(
          .conflict, "There are customers already: announce it, and activate it \(Lifecycle.noticeDays) days later.")
      }
      next.ground = .initial
    case (.announced, .subprocessor), (.suspended, .subprocessor):
      if ground != .initial {
        try checkNotice(at: now)
        next.ground = .notice
      }
    }
    try checkContract(at: now)
    next.state = .active
    next.activeSince = now
    return next
  }

  package func suspended() throws -> Provider {
    guard state == .active else { throw Problem(.conflict, "Only an active provider can be suspended.") }
    var next = self
    next.state = .suspended
    return next
  }

  package func ended() throws -> Provider {
    guard state != .ended else { throw Problem(.conflict, "It has ended already.") }
    var next = self
    next.state = .ended
    return next
  }

  /// A draft is replaced; afterwards only the contract can be, since customers were told the rest.
  package func rewritten(_ input: ProviderInput) throws -> Provider {
    guard state != .ended else { throw Problem(.conflict, "It has ended; add it anew.") }
    guard state == .draft || input.details == details else {
      throw Problem(
        .conflict,
        "Customers were told what it does, so only its contract can change; add a new entry for anything else.")
    }
    var next = Provider(id: id, details: input.details, contract: input.contract)
    (next.state, next.ground, next.announced) = (state, ground, announced)
    (next.notifiedAt, next.activeSince) = (notifiedAt, activeSince)
    if state == .active, details.kind == .subprocessor, input.contract == nil {
      throw Problem(.conflict, "An active provider keeps a contract; suspend it first.")
    }
    return next
  }

  private func checkContract(at now: Instant) throws {
    guard details.kind == .subprocessor else { return }
    guard let contract else { throw Problem(.conflict, "There is no contract with it; add it with its clauses first.") }
    if let fault = contract.fault(at: now) { throw Problem(.conflict, fault) }
  }

  private func checkNotice(at now: Instant) throws {
    guard let notifiedAt else {
      throw Problem(.conflict, "Not every customer has been told yet; the list says who is missing.")
    }
    let end = Lifecycle.endOfNotice(notifiedAt)
    guard now >= end else {
      throw Problem(
        .conflict, "The last notice was sent on \(notifiedAt.day); it can be activated from \(end.forPeople) on.")
    }
  }

  /// Whether its contract has ended or was never there, so that it must be off.
  package func hasLapsed(at now: Instant) -> Bool {
    details.kind == .subprocessor && !(contract?.holds(at: now) ?? false)
  }
}
