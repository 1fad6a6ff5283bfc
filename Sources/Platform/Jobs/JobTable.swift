import Kernel
import Storage

/// The queue. Transient: it holds ids and states only, and what must not be forgotten (a message to send, a case that is due)
/// stands in a primary row from which the job can be made again (docs/decisions/0010).
enum JobTable {
  /// How long a job that is done or was cancelled can still be seen.
  static let retentionSeconds = 7 * 86_400
  static let deadRetentionSeconds = 30 * 86_400

  static let table = Table(
    "job", .transient,
    columns: [
      Column("id", .text, .key, purpose: "names the job", nullable: false),
      Column("kind", .text, .operational, purpose: "what is to be done", nullable: false),
      Column("payload", .text, .operational, purpose: "JSON of ids, never content", nullable: false),
      Column("unique_key", .text, .operational, purpose: "no second unfinished job of the kind has it"),
      Column("state", .text, .operational, purpose: "waiting, running, done, dead or cancelled", nullable: false),
      Column("run_at", .integer, .operational, purpose: "not before", nullable: false),
      Column("attempts", .integer, .operational, purpose: "how often it was begun", nullable: false),
      Column("lease", .text, .operational, purpose: "which run has it"),
      Column("lease_until", .integer, .operational, purpose: "when the run counts as lost"),
      Column("progress", .integer, .operational, purpose: "how much is done"),
      Column("progress_total", .integer, .operational, purpose: "of how much"),
      Column("created_at", .integer, .operational, purpose: "when it was asked for", nullable: false),
      Column("finished_at", .integer, .operational, purpose: "when it ended"),
      Column("problem", .text, .operational, purpose: "code of what went wrong last"),
    ],
    primaryKey: ["id"],
    indexes: [
      Index(["state", "run_at"]), Index(["state", "finished_at"]), Index(["kind", "unique_key"], unique: true),
      Index(["lease"]),
    ],
    retention: "a week after it ended; a dead letter a month")

  /// When each scheduled kind was put into the queue last. After a restore it is empty, and each runs once more.
  static let schedules = Table(
    "job_schedule", .transient,
    columns: [
      Column("kind", .text, .key, purpose: "what is scheduled", nullable: false),
      Column("last_at", .integer, .operational, purpose: "the moment it was last due", nullable: false),
    ], primaryKey: ["kind"], retention: "as long as the tenant")
}

/// A job as people see it.
package struct JobState: Sendable, Equatable {
  package enum State: String, Sendable, CaseIterable {
    case waiting, running, done, dead, cancelled
  }

  package let id: JobID
  package let kind: String
  package let state: State
  /// When it may begin, or may begin again.
  package let runAt: Instant
  package let attempts: Int
  package let progress: Int?
  package let progressTotal: Int?
  package let createdAt: Instant
  package let finishedAt: Instant?
  /// The code of what went wrong last.
  package let problem: String?

  static let columns =
    "id, kind, state, run_at, attempts, progress, progress_total, created_at, finished_at, problem"

  init?(_ row: [Value]) {
    guard row.count == 10, let id = row[0].text.flatMap({ JobID($0) }), let kind = row[1].text,
      let state = row[2].text.flatMap(State.init(rawValue:)), let runAt = row[3].integer, let created = row[7].integer
    else { return nil }
    self.id = id
    self.kind = kind
    self.state = state
    self.runAt = Instant(milliseconds: runAt)
    attempts = Int(row[4].integer ?? 0)
    progress = row[5].integer.map { Int($0) }
    progressTotal = row[6].integer.map { Int($0) }
    createdAt = Instant(milliseconds: created)
    finishedAt = row[8].integer.map { Instant(milliseconds: $0) }
    problem = row[9].text
  }
}
