extension PostgresLink {
  /// So many rows go in one statement at most.
  package static let rowsPerStatement = 1_000

  /// Queues the insertion of many rows in the fewest statements: each column goes as one array, which the server unnests in order.
  ///
  /// Triggers, checks and row-level security look at every row as with single inserts; COPY is refused where row-level security is on.
  /// `ending` is SQL of ours behind the rows, such as `ON CONFLICT DO NOTHING`.
  package func queueInsert(into table: String, _ columns: [String], _ rows: [[Value]], ending: String = "") throws {
    try ensureUsable()
    guard failure == nil, !rows.isEmpty else { return }
    guard rows.allSatisfy({ $0.count == columns.count }) else {
      throw StorageError(sqlState: "07001", message: "a row has another number of values than columns are named")
    }
    let names = columns.joined(separator: ", ")
    let holes = columns.map { _ in "?" }.joined(separator: ", ")
    // Only asks the server for the types of the columns.
    let types = try prepared("INSERT INTO \(table) (\(names)) VALUES (\(holes))").types
    guard failure == nil else { return }
    let arrays = try types.map { type in
      guard let name = type.arrayName else {
        throw StorageError(sqlState: "0A000", message: "a column of \(table) is of a type that is not sent in arrays")
      }
      return "?::\(name)"
    }
    let statement = try prepared(
      "INSERT INTO \(table) (\(names)) SELECT * FROM unnest(\(arrays.joined(separator: ", "))) \(ending)")
    var place = 0
    while failure == nil, place < rows.count {
      let next = rows[place..<min(place + Self.rowsPerStatement, rows.count)]
      try parameters.encode(columnsOf: next, as: types)
      try dispatch(statement, keep: false)
      place = next.endIndex
    }
  }
}
