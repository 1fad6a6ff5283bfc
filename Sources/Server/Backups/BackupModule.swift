import Backup
import Platform

/// Backups as a part of the installation: its tables, and the nightly job where a place is configured.
struct BackupModule: Module {
  static let tables: [Table] = [BackupRecord.table, RestoreRecord.table]

  private let settings: BackupSettings?

  init(_ settings: BackupSettings?) { self.settings = settings }

  var manifest: ModuleManifest {
    ModuleManifest(
      name: "backups", tables: BackupModule.tables, permissions: [],
      exit: DataExit(
        exporter: "steward backup list names every backup that there is.",
        eraser: "The rows hold no customer's data; backups go with their time, and what was erased opens in none."),
      eraser: Eraser(
        Dictionary(
          uniqueKeysWithValues: BackupModule.tables.map { ($0.name, .stays(because: "It holds no data of customers.")) }
        )),
      jobs: jobs, figures: [age])
  }

  var routes: [Route] { [] }

  /// What an alarm should stand on: more than 25 hours means that a night went without one.
  private var age: Figure {
    Figure(
      "steward_backup_age_seconds", .gauge, help: "Time since the newest backup at the configured place was begun."
    ) {
      services in
      guard let newest = try await services.backups.facts()?.newest else { return [] }
      return [.init(Double(services.now.milliseconds - newest.milliseconds) / 1_000)]
    }
  }

  private var byHand: JobKind {
    JobKind(
      "backup.end", summary: "Remove backups that were made by hand and are over their end.",
      schedule: .daily(hour: 3, minute: 30), scope: .installation,
      freeze: .exempt(reason: "A frozen tenant's data must not be kept in backups for longer than promised.")
    ) { [settings] run in try await BackupDesk(services: run.services, settings: settings).endByHand() }
  }

  private var jobs: [JobKind] {
    guard let settings else { return [byHand] }
    return [
      byHand,
      JobKind(
        "backup.nightly", summary: "Back up the whole installation, and remove backups that are over their time.",
        schedule: .daily(hour: settings.hour, minute: settings.minute), scope: .installation,
        freeze: .exempt(
          reason: "A frozen tenant's data must be neither lost nor kept in backups for longer than promised."),
        maximumAttempts: 5
      ) { run in
        let desk = BackupDesk(services: run.services, settings: settings)
        try desk.checkPlace()
        _ = try await desk.create(at: settings.place, tenant: nil, base: false, by: .system("backup"))
      },
    ]
  }
}
