import Kernel
import Storage
import Synchronization
import TransparencyLog

/// When each table of a tenant was last changed: for views and caches, which hold what was true then.
///
/// A process that has the data to itself learns it from its own commits. Where other servers write the same tenant, whoever asks has the
/// database asked how far the log is; what came since then, by others, stands in the change records. Those who ask while a question is on
/// its way are served together by the next: the one on its way may have been answered before they came.
///
/// A log that is not the one that was seen (a failover to a machine that lacked what was read here) has everything count as changed.
final class LogWatch: Sendable {
  /// How much of a log is read to find out what changed; behind it everything counts as changed.
  private static let longestLook: Int64 = 10_000

  /// What a cache compares. It rises with every commit that touched one of the tables.
  struct Standing: Sendable, Equatable {
    let version: Int64
    /// Another one means that the log went back behind what was seen.
    let era: Int64
  }

  fileprivate struct State {
    /// Versions of tables that changed since `known` was first looked at; "" is any table.
    var versions: [String: Int64] = [:]
    /// The least that a table counts as.
    var floor: Int64 = 0
    /// The log's size up to which `versions` says all; nil before the first look, and of no use where nobody else writes.
    var known: Int64?
    /// The last leaf below `known`.
    var anchor: Digest?
    /// Versions are sizes of the log, and this much more since it went back.
    var offset: Int64 = 0
    var era: Int64 = 0
    var waiting: [CheckedContinuation<Void, any Error>] = []
    var isAsking = false
  }

  private let tenant: TenantID
  private let state = Mutex(State())

  /// `version`: the size of the log now. What was kept of an earlier opening is older, or still true.
  init(tenant: TenantID, version: Int64) {
    self.tenant = tenant
    state.withLock { $0.floor = version }
  }

  /// As of what is known in memory.
  func standing(of tables: [String]) -> Standing {
    state.withLock { state in
      Standing(version: tables.map { max(state.versions[$0] ?? 0, state.floor) }.max() ?? 0, era: state.era)
    }
  }

  /// After a commit of this process, which took the log from `start` to `end`.
  func note(_ tables: Set<String>, from start: Int64, to end: Int64, last leaf: Digest) {
    state.withLock { state in
      state.touch(tables, at: end)
      if state.known == start { (state.known, state.anchor) = (end, leaf) }
    }
  }

  /// Learns what others did, up to a moment after this was called.
  func look(in database: any TenantDatabase) async throws {
    try await withCheckedThrowingContinuation { continuation in
      let mustAsk = state.withLock { state in
        state.waiting.append(continuation)
        defer { state.isAsking = true }
        return !state.isAsking
      }
      if mustAsk { Task { await self.ask(database) } }
    }
  }

  private func ask(_ database: any TenantDatabase) async {
    while true {
      let asking = state.withLock { state in
        defer { state.waiting = [] }
        state.isAsking = !state.waiting.isEmpty
        return state.waiting
      }
      if asking.isEmpty { return }
      let answer: Result<Void, any Error>
      do { answer = .success(try await database.read { try self.look($0) }) } catch { answer = .failure(error) }
      for one in asking { one.resume(with: answer) }
    }
  }

  private func look(_ connection: Connection) throws {
    let (known, anchor) = state.withLock { ($0.known, $0.anchor) }
    let store = LogStore(tenant: tenant, connection: connection)
    let seen = try store.end(and: known.map { $0 - 1 })
    guard let known, known <= seen.size, seen.size - known <= Self.longestLook, seen.earlier == anchor else {
      return state.withLock { $0.begin(at: seen.size, seen.last, isAnother: known != nil && seen.earlier != anchor) }
    }
    let changed = seen.size > known ? try store.tablesChanged(since: known) : []
    state.withLock { state in
      state.touch(changed, at: seen.size)
      // A commit of this process may have come further meanwhile.
      if (state.known ?? 0) < seen.size { (state.known, state.anchor) = (seen.size, seen.last) }
    }
  }
}

extension LogWatch.State {
  fileprivate mutating func touch(_ tables: Set<String>, at size: Int64) {
    for table in tables.union([""]) { versions[table] = max(versions[table] ?? 0, offset + size) }
  }

  /// Everything counts as changed.
  fileprivate mutating func begin(at size: Int64, _ last: Digest?, isAnother: Bool) {
    if isAnother {
      era += 1
      offset = max(versions[""] ?? 0, floor) + 1
    }
    // A version that was handed out by an earlier opening may be beyond the size.
    offset = max(offset, floor - size)
    floor = max(floor, offset + size)
    (known, anchor) = (size, last)
  }
}
