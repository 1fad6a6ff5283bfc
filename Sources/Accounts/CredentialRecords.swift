import Platform

/// A person's password as Argon2id hash; the row's key is the person.
struct PasswordRecord: Record {
  static let table = Table(
    "password", .primary,
    columns: [Column("changed_at", .integer, .operational, purpose: "when it was set", nullable: false)],
    sealed: [Column("hash", .text, .secret, purpose: "Argon2id in PHC form")],
    retention: "as long as the person can sign in")

  let person: PersonID
  let hash: String
  let changedAt: Instant

  init(person: PersonID, hash: String, changedAt: Instant) {
    self.person = person
    self.hash = hash
    self.changedAt = changedAt
  }

  init(_ row: OpenedRow) throws {
    person = try row.keyID()
    hash = try row.contentText("hash")
    changedAt = try row.instant("changed_at")
  }

  var key: String { person.text }
  var plain: [String: Value] { ["changed_at": changedAt.value] }
  var content: [String: CBOR] { ["hash": .text(hash)] }
}

/// A signed-in browser. The row goes when the session ends.
struct SessionRecord: Record {
  /// The longest a session lives, used or not.
  static let absoluteSeconds = 12 * 3_600
  /// The longest a session lives without a request.
  static let idleSeconds = 30 * 60

  static let table = Table(
    "session", .primary,
    columns: [
      Column("person", .text, .key, purpose: "whose session", nullable: false),
      Column("created_at", .integer, .operational, purpose: "sign-in", nullable: false),
    ],
    sealed: [Column("secret_hash", .bytes, .secret, purpose: "SHA-256 of the secret in the cookie")],
    indexes: [Index(["person"])], retention: "12 hours")

  let id: SessionID
  let person: PersonID
  let secretHash: [UInt8]
  let createdAt: Instant

  init(id: SessionID, person: PersonID, secretHash: [UInt8], createdAt: Instant) {
    self.id = id
    self.person = person
    self.secretHash = secretHash
    self.createdAt = createdAt
  }

  init(_ row: OpenedRow) throws {
    id = try row.keyID()
    person = try row.id("person")
    secretHash = row.content["secret_hash"]?.bytes ?? []
    createdAt = try row.instant("created_at")
  }

  var key: String { id.text }
  var plain: [String: Value] { ["person": person.value, "created_at": createdAt.value] }
  var content: [String: CBOR] { ["secret_hash": .bytes(secretHash)] }
}

/// A bearer token for scripts. The row stays after revocation, so that the list tells what there was.
struct TokenRecord: Record {
  static let maximumLabelLength = 100
  /// Tokens of one person that are not revoked.
  static let maximumPerPerson = 50

  static let table = Table(
    "api_token", .primary,
    columns: [
      Column("person", .text, .key, purpose: "on whose behalf it acts", nullable: false),
      Column("created_at", .integer, .operational, purpose: "when it was made", nullable: false),
      Column("revoked_at", .integer, .operational, purpose: "when it ended"),
    ],
    sealed: [
      Column("label", .text, .content, purpose: "what its owner calls it"),
      Column("secret_hash", .bytes, .secret, purpose: "SHA-256 of the secret"),
    ], indexes: [Index(["person"])], retention: "as long as the person")

  let id: TokenID
  let person: PersonID
  let label: String
  let secretHash: [UInt8]
  let createdAt: Instant
  var revokedAt: Instant?

  init(id: TokenID, person: PersonID, label: String, secretHash: [UInt8], createdAt: Instant) {
    self.id = id
    self.person = person
    self.label = label
    self.secretHash = secretHash
    self.createdAt = createdAt
  }

  init(_ row: OpenedRow) throws {
    id = try row.keyID()
    person = try row.id("person")
    label = try row.contentText("label")
    secretHash = row.content["secret_hash"]?.bytes ?? []
    createdAt = try row.instant("created_at")
    revokedAt = row.optionalInstant("revoked_at")
  }

  var key: String { id.text }
  var plain: [String: Value] {
    ["person": person.value, "created_at": createdAt.value, "revoked_at": revokedAt.value]
  }
  var content: [String: CBOR] { ["label": .text(label), "secret_hash": .bytes(secretHash)] }
}

/// The one-time link with which a person sets their first password. The row goes with its use.
struct SetupLinkRecord: Record {
  static let lifetimeSeconds = 72 * 3_600

  static let table = Table(
    "setup_link", .primary,
    columns: [
      Column("person", .text, .key, purpose: "who may set a password", nullable: false),
      Column("expires_at", .integer, .operational, purpose: "end of the link", nullable: false),
    ],
    sealed: [Column("secret_hash", .bytes, .secret, purpose: "SHA-256 of the secret in the link")],
    indexes: [Index(["person"])], retention: "72 hours or until used")

  let id: SetupLinkID
  let person: PersonID
  let secretHash: [UInt8]
  let expiresAt: Instant

  init(id: SetupLinkID, person: PersonID, secretHash: [UInt8], expiresAt: Instant) {
    self.id = id
    self.person = person
    self.secretHash = secretHash
    self.expiresAt = expiresAt
  }

  init(_ row: OpenedRow) throws {
    id = try row.keyID()
    person = try row.id("person")
    secretHash = row.content["secret_hash"]?.bytes ?? []
    expiresAt = try row.instant("expires_at")
  }

  var key: String { id.text }
  var plain: [String: Value] { ["person": person.value, "expires_at": expiresAt.value] }
  var content: [String: CBOR] { ["secret_hash": .bytes(secretHash)] }
}

enum SetupLink {}
typealias SetupLinkID = ID<SetupLink>
