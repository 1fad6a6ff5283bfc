import CPostgres

/// Rows in pieces, for whoever reads more than fits into memory. Several may be walked at once on one connection, in a transaction.
package final class PostgresCursor {
  private static let mostRows = 1_000
  private static let firstRows = 50
  /// What a piece is meant to take at most, going by the rows before it.
  private static let pieceBytes = 4 << 20

  private let link: PostgresLink
  private let name: String
  private let turn: Int
  private var piece: PostgresResult?
  private var place = 0
  private var rows = firstRows
  private var isAtEnd = false

  fileprivate init(_ link: PostgresLink, _ name: String, _ turn: Int) {
    self.link = link
    self.name = name
    self.turn = turn
  }

  deinit { close() }

  /// The next row, which stays valid; nil after the last.
  package func next() throws -> PostgresRow? {
    while true {
      if let piece, place < piece.count {
        defer { place += 1 }
        return piece.row(place)
      }
      guard !isAtEnd else { return nil }
      try fetch()
    }
  }

  private func fetch() throws {
    // Frees the old piece before the new one comes.
    piece = nil
    let fetched = try link.queryOnce("FETCH FORWARD \(rows) FROM \(name)")
    (piece, place) = (fetched, 0)
    if fetched.count < rows { close() }
    let bytesPerRow = max(fetched.memorySize / max(fetched.count, 1), 1)
    rows = min(max(Self.pieceBytes / bytesPerRow, 1), rows * 8, Self.mostRows)
  }

  /// What the rows in memory take, in bytes.
  var memorySize: Int { piece?.memorySize ?? 0 }

  /// Gives the cursor back before its end. The server hears of it with the next statement.
  package func close() {
    guard !isAtEnd else { return }
    isAtEnd = true
    link.cursors.abandon(name, turn)
  }
}

extension PostgresLink {
  /// Declares a cursor, which needs an open transaction. Its error surfaces at the first `next()`.
  package func cursor(_ sql: String, _ arguments: [Value] = []) throws -> PostgresCursor {
    let name = cursors.take()
    // The names come again, so that the statements are found prepared.
    try queue("DECLARE \(name) NO SCROLL CURSOR FOR \(sql)", arguments)
    return PostgresCursor(self, name, cursors.turn)
  }
}

/// The names of the cursors of one connection.
final class PostgresCursorNames {
  private var open: Set<String> = []
  private var abandoned: [String] = []
  /// Rises when the cursors that are open end without us: closing one of them would then fail the transaction.
  private(set) var turn = 0

  func take() -> String {
    // A name that is still to be closed is free: CLOSE is sent before DECLARE.
    var number = 1
    while open.contains("walk_\(number)") { number += 1 }
    open.insert("walk_\(number)")
    return "walk_\(number)"
  }

  func abandon(_ name: String, _ turn: Int) {
    guard turn == self.turn, open.remove(name) != nil else { return }
    abandoned.append(name)
  }

  func takeAbandoned() -> [String] {
    defer { abandoned = [] }
    return abandoned
  }

  func endTransaction() {
    (open, abandoned) = ([], [])
    turn += 1
  }

  /// Some of them are gone and nobody says which. Their names stay taken up to the end of the transaction.
  func goBack() {
    abandoned = []
    turn += 1
  }
}
