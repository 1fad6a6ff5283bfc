import Foundation

/// What `make bench` measures against, and what it measures in process. Driven by Tools/bench; prints one JSON object.
let usage = """
  usage: steward-bench baseline DIRECTORY PORT     a plain server: vendors in clear, one commit per request, no journal
         steward-bench server DIRECTORY PORT       Steward with sample data, and POST /v1/unrecorded/vendors beside it: the same path
                                                   without journal, tree and signature
         steward-bench ledger DIRECTORY SECONDS    the ledger alone with 512-byte entries, in process
         steward-bench growth DIRECTORY COUNT      what a write costs in logs of a thousand to COUNT entries; leaves the log there
         steward-bench erasure DIRECTORY COUNT     erases one of COUNT subjects, and one of a thousand, with two replicas of the keys
         steward-bench verify DIRECTORY            how long the whole record of such a log takes to verify
         steward-bench postgres URL                what one connection to PostgreSQL does, without the ledger
         steward-bench tenants DIRECTORY COUNT     makes so many tenants with an owner each; tokens go to DIRECTORY.tokens

  On PostgreSQL with --database URL --database-owner URL; growth needs a second database, --beside URL --beside-owner URL.

  """

let words = CommandLine.arguments.dropFirst()
do {
  if words.first == "postgres", words.count == 2, let url = words.last {
    try PostgresAlone.run(url: url)
    exit(0)
  }
  let arguments = try Arguments(CommandLine.arguments.dropFirst())
  let place = arguments.place
  switch arguments.verb {
  case "baseline": try await Baseline.serve(directory: place.directory, port: arguments.number())
  case "server": try await UnrecordedServer.serve(place, port: arguments.number())
  case "ledger": try await LedgerAlone.run(place, seconds: Double(arguments.number()))
  case "growth": try await Growth.run(place, beside: arguments.beside, count: arguments.number())
  case "erasure": try await ErasureAlone.run(place, count: arguments.number())
  case "verify": try LedgerAlone.verify(place)
  case "postgres": try PostgresAlone.run(url: place.directory)
  case "tenants": try await ManyTenants.make(place, count: arguments.number())
  default: throw WrongUsage()
  }
} catch is WrongUsage {
  FileHandle.standardError.write(Data(usage.utf8))
  exit(2)
}
