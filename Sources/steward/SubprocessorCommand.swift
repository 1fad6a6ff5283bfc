import ArgumentParser
import Platform
import Server

/// Keeps the register of sub-processors, through the running server or beside a stopped one.
struct SubprocessorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "subprocessor", abstract: "Keep the register of sub-processors: who may be called, and since when.",
    discussion: """
      Nothing leaves but to an active entry. An entry starts as a draft; announcing it writes to every owner of every tenant, and \
      30 days after the last of these notices was sent it can be activated. Before the first customer uses the installation a \
      draft can be activated at once. A system of your own (kind: own) needs neither contract nor notice.

      steward subprocessor add mail.json --data /srv/steward
      steward subprocessor list --data /srv/steward
      """,
    subcommands: [Add.self, List.self, Announce.self, Activate.self, Suspend.self, End.self])

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write an entry down as a draft, or renew the contract of a known one (with its id in the file).",
      discussion: """
        FILE holds a JSON object; - reads it from standard input. All of it is published later, except the contract's reference:

        {"kind": "subprocessor", "name": "Example Mail", "entity": "Example Mail GmbH", "address": "Musterweg 1, 10115 Berlin, DE",
         "contact": "privacy@mail.example", "description": "Delivers e-mail: invitations, reminders, notices.",
         "purposes": ["invitation", "reminder", "notice"], "categories": ["personal", "content"], "region": "EU", "hosts": ["smtp.mail.example:587"],
         "contract": {"dated": "2026-01-01", "expires": "2027-12-31", "reference": "file 12/2026",
                      "clauses": ["security", "confidentiality", "data-protection", "sub-processing", "audit", "deletion", "breach-notice"]}}
        """)

    /// Bytes of the file.
    private static let largestFile = 1 << 15

    @Argument(help: ArgumentHelp("The JSON file.", valueName: "FILE")) var file: String
    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        let path = file == "-" ? "/dev/stdin" : file
        guard let bytes = FileBytes.read(path, limit: Add.largestFile), bytes.count < Add.largestFile else {
          throw Problem.invalid("file", "The file cannot be read, or is larger than \(Add.largestFile) bytes.")
        }
        let entry: JSON
        do { entry = try JSON.parse(bytes) } catch {
          throw Problem.invalid("file", "The file is not JSON: \(error).")
        }
        let made = try await directory.ask(["verb": "subprocessor.add", "entry": entry])
        output.print(made, text: SubprocessorText.line(made))
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show every entry, and which owners have not been told yet.",
      discussion: "steward subprocessor list --data /srv/steward --json")

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        let answer = try await directory.ask(["verb": "subprocessor.list"])
        let items = answer["subprocessors"]?.array ?? []
        let text =
          items.isEmpty
          ? "The register is empty: nothing may leave." : items.map(SubprocessorText.line).joined(separator: "\n")
        output.print(answer, text: text)
      }
    }
  }

  struct Announce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write to every owner of every tenant; again, to those whom no notice reached.",
      discussion: "steward subprocessor announce 01m7… --data /srv/steward")

    @Argument(help: "The entry's id.") var id: String
    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        let answer = try await directory.ask(["verb": "subprocessor.announce", "id": .string(id)])
        let posted = answer["posted"]?.integer ?? 0
        output.print(answer, text: "\(posted) notices written.\n" + SubprocessorText.line(answer))
      }
    }
  }

  struct Activate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let data go there: 30 days after the last notice, or at once where there was nobody to tell.",
      discussion: "steward subprocessor activate 01m7… --data /srv/steward")

    @Argument(help: "The entry's id.") var id: String
    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        let answer = try await directory.ask(["verb": "subprocessor.activate", "id": .string(id)])
        output.print(answer, text: SubprocessorText.line(answer))
      }
    }
  }

  struct Suspend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Turn an entry off until it is activated again.",
      discussion: "steward subprocessor suspend 01m7… --reason 'Incident at the provider' --data /srv/steward")

    @Argument(help: "The entry's id.") var id: String
    @Option(help: "Why; it is published.") var reason: String
    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        let answer = try await directory.ask([
          "verb": "subprocessor.suspend", "id": .string(id), "reason": .string(reason),
        ])
        output.print(answer, text: SubprocessorText.line(answer))
      }
    }
  }

  struct End: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Turn an entry off for good; it stays in the history.",
      discussion: "steward subprocessor end 01m7… --reason 'Replaced by Other Mail' --data /srv/steward")

    @Argument(help: "The entry's id.") var id: String
    @Option(help: "Why; it is published.") var reason: String
    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        let answer = try await directory.ask(["verb": "subprocessor.end", "id": .string(id), "reason": .string(reason)])
        output.print(answer, text: SubprocessorText.line(answer))
      }
    }
  }
}

/// An entry on the command line.
private enum SubprocessorText {
  static func line(_ entry: JSON) -> String {
    func text(_ name: String) -> String { entry[name]?.string ?? "" }
    var lines = ["\(text("id"))  \(text("state"))  \(text("name")) (\(text("entity")))"]
    if entry["in_force"]?.bool == false, text("state") == "active" { lines.append("  off: its contract has lapsed") }
    if let from = entry["starts_from"]?.string, text("state") == "announced" {
      lines.append("  can be activated from \(from) on")
    }
    guard let notices = entry["notices"] else { return lines.joined(separator: "\n") }
    let missing = notices["missing_total"]?.integer ?? 0
    lines.append("  notices: \(notices["sent"]?.integer ?? 0) sent, \(missing) missing")
    for item in notices["missing"]?.array ?? [] {
      let person = item["person"]?.string.map { ", person \($0)" } ?? ""
      lines.append("    /t/\(item["tenant"]?.string ?? "")\(person): \(item["reason"]?.string ?? "")")
    }
    return lines.joined(separator: "\n")
  }
}
