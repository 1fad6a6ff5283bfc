import Kernel
import Ledger

/// Whether a write costs more the longer the log is: the same windows of writes in a log that grows, and beside each of them in a log of a
/// thousand entries made anew, so that both meet the same minutes of the disk.
enum Growth {
  private static let small = 1_000
  private static let window = 20_000
  private static let rounds = 3
  /// Keys to update later: enough that they lie all over the table.
  private static let keysHeld = 100_000

  static func run(_ place: BenchPlace, beside: BenchPlace, count: Int) async throws {
    let (ledger, other) = (try place.ledger(), try beside.ledger())
    let large = try await GrowingLog(ledger, keysHeld: keysHeld, of: count)
    var points: [String] = []
    var point = small * 10
    while point <= count {
      try await large.grow(to: point)
      points.append(try await measured(large, other, at: point))
      point *= 10
    }
    try await large.grow(to: count)
    await ledger.close()
    await other.close()
    print(#"{"window": \#(window), "points": [\#(points.joined(separator: ", "))]}"#)
  }

  private static func measured(_ large: GrowingLog, _ other: Ledger, at point: Int) async throws -> String {
    var (grown, fresh) = ([Cost](), [Cost]())
    for _ in 0..<rounds {
      let log = try await GrowingLog(other, keysHeld: keysHeld, of: small)
      try await log.grow(to: small)
      fresh.append(try await log.cost(window))
      grown.append(try await large.cost(window))
    }
    func list(_ costs: [Cost], _ read: (Cost) -> Double) -> String {
      "[" + costs.map { "\(read($0))" }.joined(separator: ", ") + "]"
    }
    return """
      {"entries": \(point), "insert_us": \(list(grown, \.insert)), "update_us": \(list(grown, \.update)), \
      "small_insert_us": \(list(fresh, \.insert)), "small_update_us": \(list(fresh, \.update))}
      """
  }

  /// Microseconds per command, with many in flight.
  struct Cost: Sendable {
    let insert: Double
    let update: Double
  }
}

/// A log and some of the keys in it.
private final class GrowingLog: Sendable {
  private let ledger: Ledger
  private let tenant: TenantID
  private let keys: Keys
  private let size: Size

  /// A log of its own: that of a new tenant.
  init(_ ledger: Ledger, keysHeld: Int, of count: Int) async throws {
    self.ledger = ledger
    tenant = try await ledger.createTenant(slug: "bench-\(ledger.tenants.count)").id
    keys = Keys(every: max(1, count / keysHeld))
    size = Size()
  }

  /// Commands so far.
  private actor Size {
    var commands = 0
    func add(_ count: Int) { commands += count }
  }

  /// One key in `every`.
  private actor Keys {
    private let every: Int
    private var held: [String] = []
    private var seen = 0

    init(every: Int) { self.every = every }

    func note(_ keys: [String]) {
      for key in keys {
        if seen % every == 0 { held.append(key) }
        seen += 1
      }
    }

    /// `count` of them, drawn at random.
    func draw(_ count: Int) -> [String] { (0..<count).compactMap { _ in held.randomElement() } }
  }

  func grow(to count: Int) async throws {
    let missing = count - (await size.commands)
    guard missing > 0 else { return }
    try await insert(missing)
  }

  func cost(_ window: Int) async throws -> Growth.Cost {
    let inserting = try await timed { try await self.insert(window) }
    let drawn = await keys.draw(window / 4)
    let updating = try await timed { try await self.update(drawn) }
    return Growth.Cost(insert: inserting / Double(window), update: updating / Double(drawn.count))
  }

  private func insert(_ count: Int) async throws {
    let (ledger, tenant) = (ledger, tenant)
    try await withThrowingTaskGroup(of: [String].self) { group in
      for caller in 0..<LedgerAlone.inFlight {
        group.addTask {
          var keys: [String] = []
          for _ in stride(from: caller, to: count, by: LedgerAlone.inFlight) {
            keys.append(try await ledger.insertEntry(tenant))
          }
          return keys
        }
      }
      for try await keys in group { await self.keys.note(keys) }
    }
    await size.add(count)
  }

  private func update(_ drawn: [String]) async throws {
    let (ledger, tenant) = (ledger, tenant)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for caller in 0..<LedgerAlone.inFlight {
        group.addTask {
          for place in stride(from: caller, to: drawn.count, by: LedgerAlone.inFlight) {
            try await ledger.updateEntry(drawn[place], tenant)
          }
        }
      }
      try await group.waitForAll()
    }
    await size.add(drawn.count)
  }

  /// Microseconds.
  private func timed(_ body: () async throws -> Void) async throws -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    try await body()
    return (clock.now - start) / .microseconds(1)
  }
}
