/// A statement text as one connection has prepared it.
final class PostgresStatement {
  /// What a statement does to the transaction around it.
  enum Role {
    case begin
    case commit
    case rollback
    case rollbackToSavepoint
    case other
  }

  let text: String
  let name: String
  let role: Role
  /// Of its holes, as the server described them.
  var types: [PostgresType] = []
  var lastUse: UInt64 = 0

  init(text: String, name: String) {
    self.text = text
    self.name = name
    role = Self.role(of: text)
  }

  private static func role(of text: String) -> Role {
    let words = text.prefix(60).uppercased().split { !$0.isLetter }
    switch words.first {
    case "BEGIN", "START": return .begin
    case "COMMIT", "END": return .commit
    case "ROLLBACK", "ABORT": return words.contains("TO") ? .rollbackToSavepoint : .rollback
    default: return .other
    }
  }
}

/// The statements prepared on one connection, by text. The least recently used go first.
final class PostgresStatements {
  static let limit = 500

  private var byText: [String: PostgresStatement] = [:]
  private var uses: UInt64 = 0
  private var names: UInt64 = 0
  /// Names that the server still knows and we no longer need.
  private(set) var discarded: [String] = []

  func find(_ text: String) -> PostgresStatement? {
    guard let statement = byText[text] else { return nil }
    uses += 1
    statement.lastUse = uses
    return statement
  }

  func add(_ text: String) -> PostgresStatement {
    if byText.count >= Self.limit, let oldest = byText.values.min(by: { $0.lastUse < $1.lastUse }) { discard(oldest) }
    (names, uses) = (names + 1, uses + 1)
    let statement = PostgresStatement(text: text, name: "s\(names)")
    statement.lastUse = uses
    byText[text] = statement
    return statement
  }

  /// The server does not know it, or no longer.
  func forget(_ statement: PostgresStatement) {
    if byText[statement.text] === statement { byText[statement.text] = nil }
  }

  func discard(_ statement: PostgresStatement) {
    forget(statement)
    discarded.append(statement.name)
  }

  func takeDiscarded() -> [String] {
    defer { discarded = [] }
    return discarded
  }

  func keepDiscarded(_ name: String) { discarded.append(name) }
}
