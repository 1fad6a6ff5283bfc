import Foundation

/// What `make bench` measures against, and what it measures in process. Driven by Tools/bench.py.
let usage = """
  usage: steward-bench baseline DIRECTORY PORT    a plain server: POST /v1/vendors, one commit per request, no journal
         steward-bench ledger DIRECTORY           the ledger alone with 512-byte entries, in process
         steward-bench fill DIRECTORY COUNT       a ledger with so many entries, for `verify`
         steward-bench verify DIRECTORY           how long the whole record of such a ledger takes to verify, on one core

  """

let arguments = CommandLine.arguments.dropFirst()
switch (arguments.first, arguments.count) {
case ("baseline", 3):
  guard let port = arguments.last.flatMap({ Int($0) }) else { stop() }
  try await Baseline.serve(directory: arguments[arguments.startIndex + 1], port: port)
case ("ledger", 2):
  try await LedgerAlone.run(directory: arguments[arguments.startIndex + 1])
case ("fill", 3):
  guard let count = arguments.last.flatMap({ Int($0) }) else { stop() }
  try await LedgerAlone.fill(directory: arguments[arguments.startIndex + 1], count: count)
case ("verify", 2):
  try LedgerAlone.verify(directory: arguments[arguments.startIndex + 1])
default:
  stop()
}

func stop() -> Never {
  FileHandle.standardError.write(Data(usage.utf8))
  exit(2)
}
