import Kernel

/// When a shared database is asked for what is due, and what of the answer is news.
///
/// A server that ends leaves jobs behind, and its leases: 20 seconds after its last renewal, and one round more, they run elsewhere. A
/// value: time is handed in.
struct JobRounds {
  static let periodSeconds = 5
  /// A tenant in which nothing could be run for what the answer said (it is frozen, or another server was first) is looked at again
  /// after so long, or once the answer says something else.
  static let patienceSeconds = 60

  private struct Fruitless {
    let due: Instant
    let until: Instant
  }

  private(set) var next: Instant?
  private var told: [TenantID: Instant] = [:]
  private var fruitless: [TenantID: Fruitless] = [:]

  /// Whether it is time to ask; then the next round is a period away. A clock that was set back does not stop the rounds.
  mutating func begin(at now: Instant) -> Bool {
    let latest = now.adding(seconds: JobRounds.periodSeconds)
    if let next, now < next, next <= latest { return false }
    next = latest
    return true
  }

  /// What of the answer is worth a look into the queue.
  mutating func news(_ due: [TenantID: Instant], at now: Instant) -> [TenantID: Instant] {
    fruitless = fruitless.filter { due[$0.key] == $0.value.due && now < $0.value.until }
    told = due.filter { fruitless[$0.key] == nil }
    return told
  }

  mutating func foundNothing(_ tenant: TenantID, at now: Instant) {
    guard let due = told.removeValue(forKey: tenant) else { return }
    fruitless[tenant] = Fruitless(due: due, until: now.adding(seconds: JobRounds.patienceSeconds))
  }
}
