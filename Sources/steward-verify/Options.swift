/// What was asked for on the command line. Read by hand: six options do not need a library in a verifier.
struct Options {
  enum Mode { case bundle, receipt, erasure, help, version }

  var mode = Mode.bundle
  var keyFile: String?
  var chainFile: String?
  var entryFile: String?
  var json = false
  var file: String?

  struct UsageError: Error { let reason: String }

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    var isLiteral = false
    if rest.first == "receipt" {
      mode = .receipt
      rest.removeFirst()
    } else if rest.first == "erasure" {
      mode = .erasure
      rest.removeFirst()
    }
    while let argument = rest.popFirst() {
      switch argument {
      case "--" where !isLiteral: isLiteral = true
      case "--help" where !isLiteral, "-h" where !isLiteral: mode = .help
      case "--version" where !isLiteral: mode = .version
      case "--json" where !isLiteral: json = true
      case "--key" where !isLiteral: keyFile = try Options.value(argument, &rest, keyFile)
      case "--chain" where !isLiteral: chainFile = try Options.value(argument, &rest, chainFile)
      case "--entry" where !isLiteral && mode == .receipt: entryFile = try Options.value(argument, &rest, entryFile)
      default: try take(file: argument, isLiteral)
      }
    }
    if chainFile != nil, keyFile == nil { throw UsageError(reason: "--chain says nothing without --key.") }
    if file == nil, let missing = mode.missingFile { throw UsageError(reason: missing) }
  }

  private static func value(_ name: String, _ rest: inout ArraySlice<String>, _ before: String?) throws -> String {
    guard before == nil else { throw UsageError(reason: "\(name) is given twice.") }
    guard let value = rest.popFirst(), !value.isEmpty else {
      throw UsageError(reason: "\(name) needs the name of a file.")
    }
    return value
  }

  private mutating func take(file name: String, _ isLiteral: Bool) throws {
    guard isLiteral || name == "-" || !name.hasPrefix("-") else {
      throw UsageError(reason: "There is no option \(name).")
    }
    guard file == nil, !name.isEmpty else { throw UsageError(reason: "Name one file only.") }
    file = name
  }

  static let help = """
    steward-verify: checks certificates, receipts and records of erasures of Steward, offline.

    USAGE
      steward-verify [--key FILE [--chain FILE]] [--json] certificate.zip
      steward-verify receipt [--key FILE [--chain FILE]] [--entry FILE] [--json] RECEIPT|-
      steward-verify erasure [--key FILE [--chain FILE]] [--json] RECORD|-

    OPTIONS
      --key FILE    the installation's verifier key (steward.vkey), got in another way than with the certificate.
                    Without it nothing is ever "verified": the best outcome is "intact, signer not identified".
      --chain FILE  steward.chain, where the installation has changed its key since or before: the statements that lead from the
                    key you have to the one that signed. It need not be trusted; it is at /.well-known/steward.chain
      --entry FILE  the entry a receipt is for, if the receipt does not hold it: its line from /v1/audit/export
      --json        every finding as JSON
      --help, --version

    A receipt is the value of the header Steward-Receipt, or the proof it encodes. The record of an erasure is what
    GET /v1/erasures/ID/record gives.

    EXIT CODES
      0  verified, with the pinned key
      1  not verified
      2  the input or the call is not usable
      3  intact, but the signer is not identified (no --key)

    EXAMPLES
      steward-verify --key steward.vkey certificate.zip
      steward-verify erasure --key steward.vkey erasure.json
      curl -si … | sed -n 's/^steward-receipt: //Ip' | steward-verify receipt --key steward.vkey -

    """
}

extension Options.Mode {
  /// What to say to somebody who named no file.
  fileprivate var missingFile: String? {
    switch self {
    case .bundle: "Name the certificate to verify."
    case .receipt: "Name the file with the receipt, or - for standard input."
    case .erasure: "Name the file with the record of the erasure, or - for standard input."
    case .help, .version: nil
    }
  }
}
