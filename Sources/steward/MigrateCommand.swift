import ArgumentParser
import Backup
import Custody
import Erasures
import Platform
import Server

struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Move an installation, or some tenants of it, into a PostgreSQL database or out of one.",
    discussion: """
      Stop all servers of the source first. Rows and files go sealed as they lie; the keys stay where they are, and serve the target from
      then on. It ends well only when every log, row and state commitment, recomputed on the target, is the source's signed one. Broken off,
      it can be run again with the same words.

      Comes along: the record with all rows, uploaded files, sessions, tokens, jobs that wait. Made anew: keyed hashes by which rows are found.
      Left behind: which server had which turn. Files in an S3-compatible store stay there; then say --files directory.

      After all tenants were moved the source is closed: its file `moved` says where its data is, and of a database its table `moved`, which
      every server that uses it asks. With --tenant it stays open for the others and opens what was moved no more. An older copy of the
      source knows nothing of that; do not serve one: two histories of one log can be proved against you.
      Exit codes: 0 moved; 1 not equal, not intact, or refused; 2 unusable input.

      steward migrate --from /srv/steward --to 'postgres://steward_app@localhost/steward?passfile=/etc/steward/pgpass' \\
        --database-owner 'postgres://steward_owner@localhost/steward?passfile=/etc/steward/pgpass' --data /srv/steward-pg
      steward migrate --from /srv/steward-pg --to /srv/steward-again --keys /srv/steward.keys
      """)

  @Option(help: ArgumentHelp("The source: a data directory, or one that names its database.", valueName: "DIR"))
  var from: String
  @Option(
    help: ArgumentHelp(
      "The target: a database as its application role, or a new data directory.", valueName: "URL|NEWDIR"))
  var to: String
  @Option(help: ArgumentHelp("The target database as the role that owns the schema, to make it.", valueName: "URL"))
  var databaseOwner: String?
  @Option(
    help: ArgumentHelp("A new directory for the target database's configuration; with --to URL.", valueName: "NEWDIR"))
  var data: String?
  @Option(help: ArgumentHelp("The keys, unless they are at DIR.keys of --from; they stay there.", valueName: "PLACE"))
  var keys: String?
  @OptionGroup var root: RootKeyOption
  @Option(help: ArgumentHelp("Only this tenant, with the installation's own; may be repeated.", valueName: "SLUG"))
  var tenant: [String] = []
  @Option(
    help: ArgumentHelp(
      "Where files go with --to URL: into the database, or to NEWDIR/files.", valueName: "database|directory"))
  var files = "database"
  @OptionGroup var output: OutputOptions

  private var isToDatabase: Bool { to.contains("://") }

  func validate() throws {
    guard isToDatabase == (data != nil) else {
      throw ValidationError(
        "Name a new directory for the configuration with --data NEWDIR if --to is a database, and only then.")
    }
    guard isToDatabase || databaseOwner == nil else {
      throw ValidationError("--database-owner is for a target that is a database.")
    }
    guard ["database", "directory"].contains(files) else { throw ValidationError("--files is database or directory.") }
    guard !from.contains("://") else {
      throw ValidationError(
        "--from names a data directory; that of a database holds steward.vkey and the file `database`.")
    }
  }

  private var location: KeyLocation { root.location(keys ?? ServerConfiguration.defaultKeysDirectory(for: from)) }
  private var target: String { data ?? to }

  func run() async throws {
    ProcessMemory.seal()
    try await speaking {
      guard Installation.exists(at: from) else {
        throw Problem(
          .unavailable, "There is no installation in \(from); name the data directory that is to be moved with --from.")
      }
      do {
        let report = try await relocation().run(slugs: tenant)
        show(report)
        if !report.isEqual { throw ExitCodes.refused }
      } catch let damage as Damage {
        Terminal.say("steward: nothing was moved: \(damage.reason)")
        throw ExitCodes.refused
      } catch let error as StorageError {
        Terminal.say("steward: The database refuses (\(error)); look at it, then run this again.")
        throw ExitCodes.unusable
      }
    }
  }

  private func relocation() throws -> Relocation {
    try .ofThisProgram(
      from: from, to: target, database: isToDatabase ? to : nil, owner: databaseOwner, keys: location,
      leavesFilesInDirectory: files == "directory")
  }

  private func show(_ report: Relocation.Report) {
    output.print(
      [
        "equal": .bool(report.isEqual), "data": .string(target), "keys": .string("\(location)"),
        "source_closed": .bool(report.isRetired), "tenants": .array(report.tenants.map(json)),
      ], text: text(report))
  }

  private func json(_ tenant: Relocation.Tenant) -> JSON {
    [
      "tenant": .string(tenant.id.text), "slug": .string(tenant.slug), "entries": .integer(tenant.entries),
      "rows": .integer(tenant.rows), "files": .integer(Int64(tenant.files)),
      "state": JSON(tenant.state.map { "\($0)" }), "checkpoint": JSON(tenant.checkpoint),
      "differences": .array(tenant.differences.map { .string($0) }),
    ]
  }

  private func text(_ report: Relocation.Report) -> String {
    let lines = report.tenants.flatMap { tenant in
      ["\(tenant.slug): \(tenant.entries) entries, \(tenant.rows) rows, \(tenant.files) files"]
        + tenant.differences.map { "  \($0)" }
    }
    let end =
      report.isEqual
      ? """
      equal: every log, row and state commitment is the source's
      Serve it with --data \(target) --keys \(location)
      """ + (report.isRetired ? "" : "\n\(from) does not open what was moved any longer.")
      : "NOT EQUAL: do not serve \(target); begin again with an empty target. The source is as it was."
    return (lines + [end]).joined(separator: "\n")
  }
}

extension Relocation {
  /// With the tables and the ledger of this program. `database` is the target's URL, nil for a directory; that of the source stands in it.
  static func ofThisProgram(
    from source: String, to target: String, database url: String?, owner: String?, keys: KeyLocation,
    leavesFilesInDirectory: Bool = false
  ) throws -> Relocation {
    let schema = PostgresSchema(tables: ModuleList.everyTable)
    let stands = try DataPlace.databaseURL(ofDirectory: source).map { DatabaseSettings(url: $0, schema: schema) }
    return Relocation(
      from: Side(directory: source, database: stands),
      to: Side(directory: target, database: url.map { DatabaseSettings(url: $0, owner: owner, schema: schema) }),
      keys: keys, carried: ModuleList.tablesThatMove, derivations: ModuleList.derivations, underway: Erasure.underway,
      leavesFilesInDirectory: leavesFilesInDirectory, opening: { try StewardApp.ledger(of: $0) },
      say: { Terminal.say($0) })
  }
}
