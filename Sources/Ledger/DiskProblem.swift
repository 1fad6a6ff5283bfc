import Custody
import Glibc
import Kernel
import Storage

/// A commit that failed while it was being made durable: it may be there after a restart, or not.
struct UnknownOutcome: Error { let error: StorageError }

/// What a person is told when a disk is full or fails. Says that nothing was changed only where that is certain.
package enum DiskProblem {
  /// Whether it is about a file or the disk below it, and not about what was asked.
  package static func isOfDisk(_ error: any Error) -> Bool {
    error is StorageError || error is DurableFile.FileError || error is UnknownOutcome
  }

  /// Errors that are not of a disk stay what they are.
  static func explain(_ error: any Error) -> any Error {
    switch error {
    case let error as UnknownOutcome:
      Problem(
        .unavailable,
        "The \(error.error.sqlState == nil ? "disk failed" : "database was lost") while this was written: it may or may not be on the record. Look before you try again.",
        detail: "\(error.error)")
    case let error as StorageError where error.sqlState?.hasPrefix("28") == true || error.sqlState == "3D000":
      Problem(
        .unavailable,
        "The database refuses this program's role or does not exist; look at its address, its password file and pg_hba.conf.",
        detail: "\(error)")
    case let error as StorageError where error.isConnectionLost:
      Problem(
        .unavailable, "The database cannot be reached; nothing was changed. Try again later.", detail: "\(error)")
    case let error as StorageError: error.isFull ? full("\(error)") : failed("\(error)")
    case let error as DurableFile.FileError: error.isFull ? full("\(error)") : failed("\(error)")
    default: error
    }
  }

  private static func full(_ detail: String) -> Problem {
    Problem(.unavailable, "The disk is full: nothing was written. Free space and try again.", detail: detail)
  }

  private static func failed(_ detail: String) -> Problem {
    Problem(.unavailable, "The record could not be written; nothing was changed. Try again later.", detail: detail)
  }
}

extension StorageError {
  /// What whoever only reads is told while the database is away; nil where it is there, and the fault is ours.
  package var absence: Problem? {
    guard isConnectionLost || isRetryable || isCancelled || sqlState == "53300" else { return nil }
    return Problem(.unavailable, "The database cannot be reached. Try again later.", detail: description)
  }
}
