import Kernel
import Ledger
import Storage
import Synchronization

/// Lets one of several servers at a time do what must not be done twice at once and is no job: filling an empty installation with
/// sample data, a round of checks in the probe tenants.
///
/// Whoever has a turn renews it; that of a server that ended lapses. Where a process has the database to itself there is nothing to ask
/// for. What is done in a turn must not be wrong if it is begun twice all the same: a server that was held up beyond its lease is told so
/// only at its next renewal.
package struct Turns: Sendable {
  static let table = Table(
    "server_turn", .transient,
    columns: [
      Column("name", .text, .key, purpose: "what one server at a time does", nullable: false),
      Column("holder", .text, .key, purpose: "which run of a server does it", nullable: false),
      Column("held_until", .integer, .operational, purpose: "when the run counts as lost", nullable: false),
    ], primaryKey: ["name"], retention: "as long as it is held")
  /// Several renewals long, so that a server that is only slow keeps its turn; short enough to wait for the turn of one that ended.
  static let leaseSeconds = 20

  let ledger: Ledger
  let tenants: Tenants

  package init(ledger: Ledger, tenants: Tenants) {
    self.ledger = ledger
    self.tenants = tenants
  }

  /// Runs `body` when it has the turn. Throws `unavailable` if another server has it for longer than `patienceSeconds`.
  package func take<T: Sendable>(
    _ name: String, patienceSeconds: Int, _ body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    guard ledger.isShared else { return try await body() }
    let turn = Turn(name: name, holder: ID<Turn>.make(at: ledger.clock.now).text)
    let patience = ContinuousClock.now.advanced(by: .seconds(patienceSeconds))
    while try await !hold(turn) {
      guard .now < patience else {
        throw Problem(.unavailable, "Another server is doing this at the moment; try again in a minute.")
      }
      try await Task.sleep(for: .seconds(1))
    }
    do {
      let value = try await renewing(turn, body)
      await release(turn)
      return value
    } catch {
      await release(turn)
      throw error
    }
  }

  private struct Turn: Sendable {
    let name: String
    let holder: String
  }

  private func renewing<T: Sendable>(
    _ turn: Turn, _ body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    let work = Task { try await body() }
    let renewal = Task {
      while true {
        try await Task.sleep(for: .seconds(Turns.leaseSeconds / 6))
        // One that does not come through is tried again.
        if let isHeld = try? await hold(turn), !isHeld { work.cancel() }
      }
    }
    let result = await withTaskCancellationHandler(operation: { await work.result }, onCancel: { work.cancel() })
    renewal.cancel()
    // One that is under way would take the turn again after it was given back, for nobody.
    _ = await renewal.result
    return try result.get()
  }

  /// Takes the turn, or keeps it. Answers whether it is this one's.
  private func hold(_ turn: Turn) async throws -> Bool {
    let now = ledger.clock.now
    return try await ledger.writeTransient(try await tenants.system()) { work in
      try work.run(
        """
        INSERT INTO server_turn (tenant, name, holder, held_until)
        VALUES (\(work.tenant), \(turn.name), \(turn.holder), \(now.adding(seconds: Turns.leaseSeconds)))
        ON CONFLICT (tenant, name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
        WHERE server_turn.holder = excluded.holder OR server_turn.held_until <= \(now)
        """, on: Turns.table) > 0
    }
  }

  /// If it cannot be given back, it lapses.
  private func release(_ turn: Turn) async {
    guard let system = try? await tenants.system() else { return }
    try? await ledger.writeTransient(system) { work in
      _ = try work.run(
        "DELETE FROM server_turn WHERE tenant = \(work.tenant) AND name = \(turn.name) AND holder = \(turn.holder)",
        on: Turns.table)
    }
  }
}
