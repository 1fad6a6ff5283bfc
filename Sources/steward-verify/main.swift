import Certificate

/// The offline verifier an auditor runs. It reads files, prints findings and says the outcome by its exit code.
let status = VerifierCommand(arguments: Array(CommandLine.arguments.dropFirst())).run()
exitProcess(status)
