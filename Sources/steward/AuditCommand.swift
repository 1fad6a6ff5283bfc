import ArgumentParser
import Platform
import Server

struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Check the record.", subcommands: [Verify.self, Rebuild.self])

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Re-verify every entry, row and signature of all tenants.",
      discussion: """
        Needs no keys, changes nothing, and runs beside a running server. With --keys it also opens every sealed row, and compares
        the derived tables with what the rows say.
        Exit codes: 0 intact; 1 not intact; 2 the directory cannot be read.

        steward audit verify --data /srv/steward
        steward audit verify --data /srv/steward --keys /srv/steward.keys
        """)

    @Option(help: ArgumentHelp("The data directory.", valueName: "DIR")) var data: String
    @Option(help: ArgumentHelp("Look inside too, with the keys at PLACE.", valueName: "PLACE")) var keys: String?
    @OptionGroup var root: RootKeyOption
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let reports = try read()
      let isIntact = reports.allSatisfy(\.isIntact)
      output.print(
        ["intact": .bool(isIntact), "tenants": .array(reports.map(json))],
        text: reports.map(text).joined(separator: "\n") + (isIntact ? "\nintact" : "\nNOT INTACT"))
      if !isIntact { throw ExitCodes.refused }
    }

    private func read() throws -> [Verification.Report] {
      let inside = keys.map { ModuleList.inside(root.location($0)) }
      if inside != nil { ProcessMemory.seal() }
      do { return try Verification.run(dataDirectory: data, inside: inside) } catch {
        Terminal.say("steward: \((error as? Problem)?.message ?? "This directory cannot be read as an installation.")")
        throw ExitCodes.unusable
      }
    }

    private func json(_ report: Verification.Report) -> JSON {
      [
        "tenant": .string(report.tenant.text), "slug": .string(report.slug), "entries": .integer(report.entries),
        "rows": .integer(report.rows), "opened": keys == nil ? .null : .integer(report.opened),
        "erased": keys == nil ? .null : .integer(report.erased),
        "ending": keys == nil ? .null : .integer(report.ending), "intact": .bool(report.isIntact),
        "checkpoint": JSON(report.checkpoint),
        "findings": .array(
          report.findings.map { finding in
            [
              "table": JSON(finding.table), "key": JSON(finding.key), "index": JSON(finding.index.map(Int.init)),
              "reason": .string(finding.reason),
            ]
          }),
      ]
    }

    private func text(_ report: Verification.Report) -> String {
      let inside =
        keys == nil
        ? ""
        : ", \(report.opened) opened" + (report.erased > 0 ? ", \(report.erased) erased" : "")
          + (report.ending > 0 ? ", of which \(report.ending) keys are still to end: the erasure goes on" : "")
      let head = "\(report.slug): \(report.entries) entries, \(report.rows) rows\(inside)"
      let findings = report.findings.map { finding in
        let place = [finding.table, finding.key, finding.index.map { "entry \($0)" }].compactMap { $0 }
        return "  \(place.joined(separator: " ")): \(finding.reason)"
      }
      return ([head] + findings).joined(separator: "\n")
    }
  }

  struct Rebuild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make the derived tables again from the rows on the record; while the server is stopped.",
      discussion: """
        Derived tables hold keyed hashes by which rows are found. Nothing on the record changes.

        steward audit rebuild --data /srv/steward
        """)

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        let app = try directory.open()
        var lines: [String] = []
        var tenants: [JSON] = []
        do {
          for tenant in app.ledger.tenants {
            let rebuilt = try await app.ledger.rebuildDerived(tenant.id)
            lines += rebuilt.map {
              "\(tenant.slug) \($0.table): \($0.rows) rows, \($0.added) added, \($0.removed) removed"
            }
            tenants.append(["slug": .string(tenant.slug), "tables": .array(rebuilt.map(json))])
          }
        } catch {
          await app.close()
          throw error
        }
        await app.close()
        output.print(["tenants": .array(tenants)], text: lines.joined(separator: "\n"))
      }
    }

    private func json(_ rebuilt: Rebuilt) -> JSON {
      [
        "table": .string(rebuilt.table), "rows": .integer(Int64(rebuilt.rows)),
        "added": .integer(Int64(rebuilt.added)), "removed": .integer(Int64(rebuilt.removed)),
      ]
    }
  }
}
