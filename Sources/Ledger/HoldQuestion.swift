import Kernel
import Storage

extension Work {
  /// Whether a legal hold names one of these objects, or one of these rows, or anything that they name. `erase` asks the same of what it
  /// takes; this is for whoever wants to know before.
  package func isHeld(_ rows: [RowRef], about: [ObjectRef] = []) throws -> Bool {
    let holds = try connection.rows(
      raw: "SELECT object FROM \(LegalHold.table.name) WHERE tenant = ?", [.text(tenant.text)]
    ).compactMap { $0[0].text?.split(separator: ":", maxSplits: 1).last.map(String.init) }
    guard !holds.isEmpty else { return false }
    let ids = Set(holds)
    if about.contains(where: { ids.contains($0.id) }) { return true }
    return try rows.contains { ref in
      guard let table = shape.tables[ref.table], let row = try storedRow(table, ref.id) else { return false }
      return table.texts(row).values.contains { ids.contains($0) }
    }
  }
}
