import Platform
import Synchronization

/// Says once a minute, in the log of the installation, that it runs and can write. What is missing is a gap that nobody can fill in
/// afterwards: times in a log only rise, and every entry is under the signature of its batch. Of several servers on one database one
/// says so each minute, whichever has the job.
///
/// An entry changes no row. Its object is the life of the process, so that a gap tells a restart from a standstill.
final class Heartbeat: Sendable {
  static let periodSeconds = 60
  /// Beats further apart than this are a gap: two in a row are missing.
  static let gapSeconds = 150
  static let action = "heartbeat"
  /// Beats that are read at once: a month of them, with what servers say when they begin.
  static let mostRead = 2 * History.days * 86_400 / periodSeconds

  private let life = Mutex<ProcessID?>(nil)
  private let memory = Mutex(Memory())

  private struct Memory {
    var spans: [BeatSpan] = []
    var lastIndex: Int64 = -1
  }

  /// The entry of this life, made with the first beat.
  func begin(_ services: Services) async throws -> ProcessID {
    if let id = life.withLock({ $0 }) { return id }
    let run = ProcessRun(
      id: ProcessID.make(at: services.now), version: services.installation.version, startedAt: services.now)
    let mine = life.withLock { held in
      defer { held = held ?? run.id }
      return held == nil
    }
    guard mine else { return try await begin(services) }
    do {
      _ = try await services.ledger.write(try await services.tenants.system(), act("process.start", run.id)) { work in
        try work.insert(run)
      }
    } catch {
      life.withLock { $0 = nil }
      throw error
    }
    return run.id
  }

  func beat(_ services: Services) async throws {
    let id = try await begin(services)
    _ = try await services.ledger.write(try await services.tenants.system(), act("heartbeat", id)) { _ in }
  }

  /// The server was told to stop.
  func end(_ services: Services) async throws {
    guard let id = life.withLock({ $0 }) else { return }
    _ = try await services.ledger.write(try await services.tenants.system(), act("process.stop", id)) { work in
      guard var run = try work.find(ProcessRun.self, id) else { throw Problem.notFound }
      run.stoppedAt = work.now
      try work.update(run)
    }
  }

  private func act(_ action: StaticString, _ id: ProcessID) -> Act {
    Act(action, on: ObjectRef("process", id), by: .system("heartbeat"))
  }

  // MARK: Reading

  /// All beats of the last `History.days`, put together to spans; read once, then only what is new.
  func spans(_ services: Services) async throws -> [BeatSpan] {
    let tenant = try await services.tenants.system()
    let last = memory.withLock { $0.lastIndex }
    let oldest = services.now.adding(seconds: -History.days * 86_400)
    let beats = try await services.ledger.read(tenant) { reader in
      var filter = EntryFilter()
      filter.action = Heartbeat.action
      filter.since = last < 0 ? oldest : nil
      filter.from = last + 1
      filter.ascending = true
      filter.limit = Heartbeat.mostRead
      return try reader.entries(filter).map { (index: $0.index, time: $0.time, object: $0.object) }
    }
    return memory.withLock { memory in
      for beat in beats where beat.index > memory.lastIndex {
        guard let object = beat.object else { continue }
        memory.spans.add(beat.time, by: object)
        memory.lastIndex = beat.index
      }
      memory.spans.removeAll { $0.last < oldest }
      return memory.spans
    }
  }
}

/// Beats of one process without a gap between them.
struct BeatSpan: Sendable, Equatable {
  /// `process:<id>`
  let process: String
  let first: Instant
  var last: Instant
}

extension [BeatSpan] {
  /// Beats come in the order of their times.
  mutating func add(_ time: Instant, by process: String) {
    if let end = last, end.process == process, time <= end.last.adding(seconds: Heartbeat.gapSeconds) {
      self[count - 1].last = time
    } else {
      append(BeatSpan(process: process, first: time, last: time))
    }
  }
}
