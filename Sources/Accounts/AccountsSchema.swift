import Platform

/// The tables of people and their credentials. What a person typed is sealed; grants and times are plain rows of random ids.
enum AccountsSchema {
  static let tables: [Table] = [
    PersonRecord.table, RoleGrantRecord.table, PasswordRecord.table, SessionRecord.table, TokenRecord.table,
    SetupLinkRecord.table, personByEmail, sessionUse,
  ]

  /// A change in one of these can change who a credential belongs to, or what they may do.
  static let tablesOfPrincipals = [
    PersonRecord.table.name, RoleGrantRecord.table.name, SessionRecord.table.name, TokenRecord.table.name,
  ]

  /// Finds a person by address, and keeps addresses unique within a tenant, without holding one in clear.
  static let personByEmail = Table(
    "person_by_email", .derived,
    columns: [
      Column("email_hash", .bytes, .key, purpose: "keyed hash of the folded address", nullable: false),
      Column("person", .text, .key, purpose: "whose address it is", nullable: false),
    ], primaryKey: ["email_hash"], retention: "as long as the person")

  static let derivations = [
    Derivation(of: personByEmail, from: PersonRecord.self) { person, reader in
      [.bytes(reader.keyedHash(PeopleStore.emailPurpose, PersonInput.folded(person.email))), person.id.value]
    }
  ]

  /// When a session was last used, to the minute; loss only lengthens an idle time.
  static let sessionUse = Table(
    "session_use", .transient,
    columns: [
      Column("session", .text, .key, purpose: "which session", nullable: false),
      Column("used_at", .integer, .operational, purpose: "last request, to end idle sessions", nullable: false),
    ], primaryKey: ["session"], retention: "as long as the session")
}
