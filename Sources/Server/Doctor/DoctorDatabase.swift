import Ledger
import Platform
import Storage

/// The PostgreSQL database, where there is one: whether what is acknowledged survives there.
extension Doctor {
  func database() -> [Diagnosis] {
    do {
      return try DatabaseFacts(dataDirectory: settings.data).map(Self.judge) ?? []
    } catch {
      let reason = (error as? StorageError)?.message ?? "its address cannot be read"
      return [
        Diagnosis("database", .bad, "The database cannot be reached (\(reason)); see docs/operations/postgresql.md.")
      ]
    }
  }

  static func judge(_ facts: DatabaseFacts) -> [Diagnosis] {
    [
      Diagnosis("database", .good, "PostgreSQL \(facts.version) answers."), wire(facts), crashes(facts),
      standbys(facts),
      room(facts),
    ]
  }

  private static func wire(_ facts: DatabaseFacts) -> Diagnosis {
    if facts.isEncrypted { return Diagnosis("database", .good, "The connection to it is inside TLS.") }
    return facts.isLocal
      ? Diagnosis("database", .good, "It is on this machine, without TLS.")
      : Diagnosis(
        "database", .warning, "The connection to it is not inside TLS; add sslmode=verify-full to its address.")
  }

  private static func crashes(_ facts: DatabaseFacts) -> Diagnosis {
    facts.isCrashSafe
      ? Diagnosis("database", .good, "It waits for the disk before it commits.")
      : Diagnosis("database", .bad, "A power cut may destroy it; set fsync and full_page_writes to on in PostgreSQL.")
  }

  private static func standbys(_ facts: DatabaseFacts) -> Diagnosis {
    facts.standbys.isEmpty
      ? Diagnosis(
        "database", .warning,
        "It waits for no standby: what is acknowledged is on one machine alone, and a failover may lose it; see docs/operations/postgresql.md."
      )
      : Diagnosis("database", .good, "A commit waits for a standby as well (\(facts.standbys)).")
  }

  private static func room(_ facts: DatabaseFacts) -> Diagnosis {
    let said = "\(facts.connections) of \(facts.largestConnections) connections are taken"
    return facts.connections * 5 > facts.largestConnections * 4
      ? Diagnosis("database", .warning, "\(said); raise max_connections, or lower database.connections.")
      : Diagnosis("database", .good, "\(said).")
  }
}
