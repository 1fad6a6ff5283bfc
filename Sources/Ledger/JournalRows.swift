import Kernel
import Storage
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
  /// Of what is written, or was before this batch.
  private(set) var facets: FacetsSeen

  init(facets: FacetsSeen = FacetsSeen()) { self.facets = facets }

  func add(
    _ entry: LeafEntry, index: Int64, leaf: Digest, data: [UInt8], changes: [(Work.Change, ChangeRecord)]
  ) {
    rows.append(Row(entry: entry, index: index, leaf: leaf, data: data, changes: changes))
  }

  func write(to store: LogStore) throws {
    let rows = rows
    self.rows = []
    for row in rows {
      try write(.actor, row.entry.actor, row.index, to: store)
      try write(.action, row.entry.action, row.index, to: store)
      for (change, _) in row.changes { try writeSubjects(of: change, row.index, to: store) }
    }
    // PostgreSQL takes many rows in one statement for three quarters of what they cost one by one.
    if let pipeline = store.connection.pipeline, rows.count > 1 {
      try pipeline.insert(into: "log_entry", LogStore.entryColumns, rows.map { entry($0, store) })
      try pipeline.insert(into: "log_change", LogStore.changeColumns, rows.flatMap { changes($0, store) })
      return
    }
    for row in rows {
      try store.insert(entry: entry(row, store))
      for change in changes(row, store) { try store.insert(change: change) }
    }
  }

  private func entry(_ row: Row, _ store: LogStore) -> [Value] {
    store.values(row.entry, index: row.index, leaf: row.leaf, data: row.data)
  }

  private func changes(_ row: Row, _ store: LogStore) -> [[Value]] {
    row.changes.enumerated().map { position, change in
      store.values(change.0, change.1, index: row.index, position: position)
    }
  }

  private func write(_ facet: LogFacet, _ value: String, _ index: Int64, to store: LogStore) throws {
    let tile = FacetStore.tile(of: index)
    guard facets.isNew(facet, value, in: tile) else { return }
    try FacetStore(tenant: store.tenant, connection: store.connection).insert(facet, value, tile: tile)
  }

  private func writeSubjects(of change: Work.Change, _ index: Int64, to store: LogStore) throws {
    let facetStore = FacetStore(tenant: store.tenant, connection: store.connection)
    let tile = SubjectFacets.tile(index)
    for block in change.subjects.map(SubjectFacets.block) where facets.isNew(block, in: tile) {
      try SubjectFacets.insert(SubjectFacets.began, SubjectFacets.value(block), tile, facetStore)
    }
    // What was erased has no images that anybody would look for.
    guard change.hasEnded, change.image != nil else { return }
    let row = RowRef(table: change.name.table, id: change.name.key)
    try SubjectFacets.insert(SubjectFacets.ended, SubjectFacets.name(row), index, facetStore)
  }

  /// Something that was written was taken back.
  func forgetFacets() { facets = FacetsSeen() }
}
