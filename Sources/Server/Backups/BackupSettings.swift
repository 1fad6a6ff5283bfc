import Backup

/// Where backups go by schedule, and how long they are kept.
package struct BackupSettings: Sendable, Equatable {
  /// Absolute; on another disk or machine than the data.
  package let place: String
  package let retentionDays: Int
  /// When the nightly one begins, UTC.
  package let hour: Int
  package let minute: Int

  package init(place: String, retentionDays: Int = 30, hour: Int = 2, minute: Int = 0) {
    self.place = place
    self.retentionDays = retentionDays
    self.hour = hour
    self.minute = minute
  }

  var policy: BackupPolicy { BackupPolicy(retentionDays: retentionDays) }
}
