import ArgumentParser
import Platform
import Server

struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Check the configuration file.", subcommands: [Check.self, Example.self])

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what is wrong in a configuration file, line by line.",
      discussion: """
        Reads the secrets that it names as far as to see that they can be read. Changes nothing.
        Exit codes: 0 nothing is wrong; 1 something is; 2 there is no such file.

        steward config check \(Settings.ordinaryFile)
        """)

    @Argument(help: ArgumentHelp("The configuration file, if not \(Settings.ordinaryFile).", valueName: "FILE"))
    var named: String?
    @Option(help: ArgumentHelp("The same, as other commands name it.", valueName: "FILE")) var config: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
      if named != nil, config != nil { throw ValidationError("Name one configuration file only.") }
    }

    func run() throws {
      let file = named ?? config ?? Settings.ordinaryFile
      do {
        let settings = try Settings.load(file, withSecrets: true)
        output.print(
          ["file": .string(file), "findings": []],
          text:
            "\(file) can be used: data in \(settings.data), keys in \(settings.keys), listens on \(settings.listen).")
      } catch let refused as SettingsFile.Refused {
        output.print(
          [
            "file": .string(file),
            "findings": .array(
              refused.findings.map { ["line": .integer(Int64($0.line)), "message": .string($0.sentence)] }),
          ], text: refused.description)
        throw ExitCodes.refused
      } catch let problem as Problem {
        Terminal.say("steward: \(problem.message)")
        throw ExitCodes.unusable
      }
    }
  }

  struct Example: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print a configuration file in which every key is explained.",
      discussion: "steward config example > steward.yaml")

    func run() { Terminal.show(String(SettingsExample.text.dropLast())) }
  }
}
