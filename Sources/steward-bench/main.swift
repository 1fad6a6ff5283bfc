import Foundation

/// What `make bench` measures against, and what it measures in process. Driven by Tools/bench.py.
let usage = """
  usage: steward-bench baseline DIRECTORY PORT    a plain server: POST /v1/vendors, one commit per request, no journal
         steward-bench ledger DIRECTORY           the ledger alone with 512-byte entries, in process

  """

let arguments = CommandLine.arguments.dropFirst()
switch (arguments.first, arguments.count) {
case ("baseline", 3):
  guard let port = arguments.last.flatMap({ Int($0) }) else { stop() }
  try await Baseline.serve(directory: arguments[arguments.startIndex + 1], port: port)
case ("ledger", 2):
  try await LedgerAlone.run(directory: arguments[arguments.startIndex + 1])
default:
  stop()
}

func stop() -> Never {
  FileHandle.standardError.write(Data(usage.utf8))
  exit(2)
}
