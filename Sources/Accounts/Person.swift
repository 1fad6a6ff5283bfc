import Platform

/// Someone who works in a tenant.
struct PersonRecord: Searchable {
  enum State: String, Sendable {
    /// Has a set-up link and no password yet.
    case invited
    case active
    /// Cannot sign in; sessions and tokens are gone.
    case disabled
  }

  static let table = Table(
    "person", .primary,
    columns: [
      Column("state", .text, .operational, purpose: "whether the person can sign in", nullable: false),
      Column("created_at", .integer, .operational, purpose: "when the person was added", nullable: false),
    ],
    sealed: [
      Column("name", .text, .personal, purpose: "what colleagues and certificates call the person"),
      Column("email", .text, .personal, purpose: "what the person signs in with"),
    ], retention: "until the person is erased or the tenant ends")

  let id: PersonID
  let name: String
  let email: String
  var state: State
  let createdAt: Instant

  init(id: PersonID, name: String, email: String, state: State, createdAt: Instant) {
    self.id = id
    self.name = name
    self.email = email
    self.state = state
    self.createdAt = createdAt
  }

  init(_ row: OpenedRow) throws {
    id = try row.keyID()
    name = try row.contentText("name")
    email = try row.contentText("email")
    state = State(rawValue: try row.text("state")) ?? .disabled
    createdAt = try row.instant("created_at")
  }

  var key: String { id.text }
  var plain: [String: Value] { ["state": .text(state.rawValue), "created_at": createdAt.value] }
  var content: [String: CBOR] { ["name": .text(name), "email": .text(email)] }
  var searchText: String { name + "\n" + email }
}

/// One role of one person; a plain row of ids, so that rights can be read without opening anything.
struct RoleGrantRecord: Record {
  static let table = Table(
    "role_grant", .primary,
    columns: [
      Column("person", .text, .key, purpose: "who holds the role", nullable: false),
      Column("role", .text, .operational, purpose: "which role", nullable: false),
    ], indexes: [Index(["person"])], retention: "as long as the person")

  let key: String
  let person: PersonID
  let role: Role

  init(person: PersonID, role: Role) {
    key = "\(person)-\(role.rawValue)"
    self.person = person
    self.role = role
  }

  init(_ row: OpenedRow) throws {
    key = row.key
    person = try row.id("person")
    guard let role = Role(rawValue: try row.text("role")) else {
      throw Problem(.internal, "A stored role is not known.", detail: "role_grant \(row.key)")
    }
    self.role = role
  }

  var plain: [String: Value] { ["person": person.value, "role": .text(role.rawValue)] }
  var content: [String: CBOR] { [:] }
}
