import Certificate
import Kernel
import TransparencyLog

/// Reads what the options name, verifies it, prints the verdict.
struct VerifierCommand {
  static let version = "0.1.0"
  private static let keyFileBytes = 4_096
  private static let receiptFileBytes = 1_048_576
  private static let chainFileBytes = LogLimit.noteBytes
  private static let entryFileBytes = LogLimit.leafBytes + 2

  private static let isErasure =
    "This is no certificate, which is a zip. The record of an erasure is verified with: steward-verify erasure --key steward.vkey FILE"
  private static let isCertificate =
    "This is a zip and no record of an erasure. A certificate is verified with: steward-verify --key steward.vkey FILE"

  let arguments: [String]

  /// Returns the exit code.
  func run() -> Int32 {
    let options: Options
    do { options = try Options(arguments) } catch let error as Options.UsageError {
      Files.writeError("steward-verify: \(Words.line(error.reason))\nSee steward-verify --help.\n")
      return 2
    } catch { return 2 }
    switch options.mode {
    case .help: Files.write(Options.help)
    case .version: Files.write("steward-verify \(VerifierCommand.version)\n")
    case .bundle, .receipt, .erasure:
      let verdict = verify(options)
      Files.write(options.json ? verdict.json.text + "\n" : Report.text(verdict, colour: Files.wantsColour))
      return verdict.outcome.exitCode
    }
    return 0
  }

  private func verify(_ options: Options) -> Verdict {
    do {
      let trust = try options.keyFile.map { try readTrust($0, chain: options.chainFile) }
      let file = options.file ?? "-"
      switch options.mode {
      case .receipt: break
      case .erasure:
        let bytes = try Files.read(file, limit: ErasureRecord.maximumBytes)
        guard !bytes.starts(with: [0x50, 0x4b]) else { return .unusable(VerifierCommand.isCertificate) }
        return ErasureVerifier.verify(bytes, trust: trust)
      default:
        let bytes = try Files.read(file, limit: BundleLimit.bytes)
        guard bytes.first != UInt8(ascii: "{") else { return .unusable(VerifierCommand.isErasure) }
        return BundleVerifier.verify(zip: bytes, trust: trust)
      }
      let entry = try options.entryFile.map { try Files.read($0, limit: VerifierCommand.entryFileBytes) }
      return ReceiptVerifier.verify(
        try Files.read(file, limit: VerifierCommand.receiptFileBytes), entry: entry, trust: trust)
    } catch let error as Files.Unreadable {
      return .unusable(error.reason)
    } catch {
      return .unusable("\(error)")
    }
  }

  private func readTrust(_ file: String, chain: String?) throws -> InstallationTrust {
    let key = try readKey(file)
    guard let chain else { return InstallationTrust(pin: key) }
    let bytes = try Files.read(chain, limit: VerifierCommand.chainFileBytes)
    do { return try InstallationTrust(pin: key, chain: bytes) } catch {
      throw Files.Unreadable(reason: "\(chain) does not lead to the key in \(file): \(error).")
    }
  }

  private func readKey(_ file: String) throws -> VerifierKey {
    let bytes = try Files.read(file, limit: VerifierCommand.keyFileBytes)
    do { return try VerifierKey(parsing: String(decoding: bytes, as: UTF8.self)) } catch {
      throw Files.Unreadable(reason: "\(file) is not a verifier key: \(error).")
    }
  }
}

/// The verdict for a person: one line per finding, the outcome last.
enum Report {
  static func text(_ verdict: Verdict, colour: Bool) -> String {
    let lines = verdict.findings.map { finding in
      "\(mark(finding.result, colour)) \(Words.line(finding.check)): \(Words.line(finding.reason))\n"
    }
    return lines.joined() + "\n" + outcome(verdict.outcome, colour) + "\n"
  }

  private static func mark(_ result: Finding.Result, _ colour: Bool) -> String {
    switch result {
    case .ok: paint("✓", "32", colour)
    case .failed: paint("✗", "31", colour)
    case .limit: paint("–", "33", colour)
    }
  }

  private static func outcome(_ outcome: Verdict.Outcome, _ colour: Bool) -> String {
    switch outcome {
    case .verified: paint("VERIFIED", "1;32", colour) + " with the pinned key."
    case .notVerified: paint("NOT VERIFIED", "1;31", colour) + ". See the lines marked ✗."
    case .unusable: paint("NOT USABLE", "1;31", colour) + ". Nothing was verified."
    case .unidentified:
      paint("INTACT, SIGNER NOT IDENTIFIED", "1;33", colour) + ". Pin the installation's key with --key."
    }
  }

  private static func paint(_ text: String, _ code: String, _ colour: Bool) -> String {
    colour ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
  }
}
