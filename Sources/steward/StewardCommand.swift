import ArgumentParser
import Custody
import Glibc
import Server

/// The commands. Each has examples in its help; none takes a secret in a flag.
@main
struct StewardCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "steward",
    abstract: "Off-board vendors, and prove it.",
    discussion: """
      steward demo --data ./demo                            try it with sample data
      steward init --data /srv/steward --tenant Acme --owner ida@acme.example
      steward serve --data /srv/steward                     run it

      Keys lie in DIR.keys beside the data directory DIR, unless --keys names another place.
      Exit codes: 0 done; 1 refused, or not intact; 2 unusable input or directory; 64 wrong usage.
      """,
    version: StewardVersion.current,
    subcommands: [
      InitCommand.self, ServeCommand.self, DemoCommand.self, TenantCommand.self, TokenCommand.self,
      VendorsCommand.self, SubprocessorCommand.self, KeysCommand.self, AuditCommand.self, BackupCommand.self,
      BackupCommand.Restore.self, MigrateCommand.self, ProveCommand.self, ConfigCommand.self, DoctorCommand.self,
      VersionCommand.self,
    ])

  /// Ends the program where the first word is no command: the library would name the word and not the commands.
  private static func sayUnknownCommand() {
    let names = configuration.subcommands.map { $0._commandName }
    guard let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-"), word != "help",
      !names.contains(word)
    else { return }
    let shown = word.prefix(40).filter { $0.isLetter || $0.isNumber || $0 == "-" }
    Terminal.say("steward: There is no command “\(shown)”. There are: \(names.joined(separator: ", ")).")
    Glibc.exit(ExitCode.validationFailure.rawValue)
  }

  static func main() async {
    PassphraseAsking.set { isNew in
      isNew
        ? try Passphrase.askNew("New passphrase of the root key") : try Passphrase.ask("Passphrase of the root key")
    }
    sayUnknownCommand()
    await main(nil)
  }
}
