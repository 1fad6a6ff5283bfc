import ArgumentParser
import Glibc
import Platform

/// How commands speak: results on standard output (for people, or as JSON), everything else on standard error.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print the result as JSON.")
  var json = false

  func print(_ value: JSON, text: String) {
    Terminal.show(json ? value.text : text)
  }
}

enum ExitCodes {
  static let refused = ExitCode(1)
  static let unusable = ExitCode(2)
}

enum Terminal {
  /// On standard error.
  static func say(_ text: String) { write(text, to: 2) }

  /// On standard output, at once even into a pipe.
  static func show(_ text: String) { write(text, to: 1) }

  private static func write(_ text: String, to descriptor: Int32) {
    var rest = Array((text + "\n").utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }
}

/// Runs a command's body and turns a problem into a sentence and an exit code.
func speaking(_ body: () async throws -> Void) async throws {
  do {
    try await body()
  } catch let problem as Problem {
    Terminal.say("steward: \(problem.message)")
    // Whoever sits at the machine may know what the database or the disk said.
    if problem.code == .unavailable, let detail = problem.detail { Terminal.say("  (\(detail))") }
    for error in problem.errors where error.message != problem.message {
      Terminal.say("  \(error.field): \(error.message)")
    }
    let isUnusable = [.unavailable, .badRequest, .invalid].contains(problem.code)
    throw isUnusable ? ExitCodes.unusable : ExitCodes.refused
  } catch let error where DiskProblem.isOfDisk(error) {
    Terminal.say("steward: The files cannot be read or written (\(error)); look at the disk, then try again.")
    throw ExitCodes.unusable
  }
}
