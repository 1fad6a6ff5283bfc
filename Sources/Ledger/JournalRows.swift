import Kernel
import TransparencyLog

/// What commands of a batch have for the journal, until it is written: at the end of each command, or of the batch.
final class JournalRows {
  private struct Row {
    let entry: LeafEntry
    let index: Int64
    let leaf: Digest
    let data: [UInt8]
    let changes: [(Work.Change, ChangeRecord)]
  }

  private var rows: [Row] = []

  func add(
    _ entry: LeafEntry, index: Int64, leaf: Digest, data: [UInt8], changes: [(Work.Change, ChangeRecord)]
  ) {
    rows.append(Row(entry: entry, index: index, leaf: leaf, data: data, changes: changes))
  }

  func write(to store: LogStore) throws {
    defer { rows = [] }
    for row in rows {
      try store.insert(row.entry, index: row.index, leaf: row.leaf, data: row.data)
      for (position, change) in row.changes.enumerated() {
        try store.insert(change.0, change.1, index: row.index, position: position)
      }
    }
  }
}
