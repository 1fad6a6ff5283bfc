import ArgumentParser
import Platform

struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Check the record.", subcommands: [Verify.self])

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Re-verify every entry, row and signature of all tenants.",
      discussion: """
        Needs no keys, changes nothing, and runs beside a running server.
        Exit codes: 0 intact; 1 not intact; 2 the directory cannot be read.

        steward audit verify --data /srv/steward
        """)

    @Option(help: ArgumentHelp("The data directory.", valueName: "DIR")) var data: String
    @Option(help: ArgumentHelp("Accepted for uniformity; no key is needed.", valueName: "DIR")) var keys: String?
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
      do { return try Verification.run(dataDirectory: data) } catch {
        Terminal.say("steward: \((error as? Problem)?.message ?? "This directory cannot be read as an installation.")")
        throw ExitCodes.unusable
      }
    }

    private func json(_ report: Verification.Report) -> JSON {
      [
        "tenant": .string(report.tenant.text), "slug": .string(report.slug), "entries": .integer(report.entries),
        "rows": .integer(report.rows), "intact": .bool(report.isIntact), "checkpoint": JSON(report.checkpoint),
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
      let head = "\(report.slug): \(report.entries) entries, \(report.rows) rows"
      let findings = report.findings.map { finding in
        let place = [finding.table, finding.key, finding.index.map { "entry \($0)" }].compactMap { $0 }
        return "  \(place.joined(separator: " ")): \(finding.reason)"
      }
      return ([head] + findings).joined(separator: "\n")
    }
  }
}
