import ArgumentParser
import Platform
import Server

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Look at the machine, the files and the keys, and say what to do.",
    discussion: """
      Changes nothing but a small file that it writes and removes to measure the disk; runs beside a running server.
      Run it as the user that Steward runs as.
      Exit codes: 0 all is well; 1 something needs attention; 2 something is bad, or the configuration cannot be used.

      sudo -u steward steward doctor
      steward doctor --data /srv/steward
      """)

  @OptionGroup var directory: DirectoryOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let settings: Settings
    do { settings = try directory.settings() } catch let problem as Problem {
      Terminal.say("steward: \(problem.message)")
      for error in problem.errors { Terminal.say("  \(error.field): \(error.message)") }
      throw ExitCodes.unusable
    }
    let found = Doctor(settings).examine()
    let worst = found.map(\.grade).max() ?? .good
    output.print(
      ["worst": .string(worst.rawValue), "findings": .array(found.map(\.json))],
      text: found.map(line).joined(separator: "\n"))
    if worst == .bad { throw ExitCodes.unusable }
    if worst == .warning { throw ExitCodes.refused }
  }

  private func line(_ diagnosis: Diagnosis) -> String {
    let mark = ["good": "ok  ", "unknown": "?   ", "warning": "WARN", "bad": "BAD "][diagnosis.grade.rawValue] ?? ""
    let topic = diagnosis.topic + String(repeating: " ", count: max(0, 11 - diagnosis.topic.count))
    return "\(mark) \(topic) \(diagnosis.sentence)"
  }
}
