import Kernel
import TransparencyLog

/// What the verifiers of bundles and of erasures say in the same words.
extension Finding {
  static func judged(_ name: String, _ good: String, _ body: () throws -> Void) -> Finding {
    do {
      try body()
      return Finding(name, .ok, good)
    } catch {
      return Finding(name, .failed, BundleVerifier.sentence(error))
    }
  }

  /// Whether the pinned installation vouches for the log's key, since no later than the time of the last entry that is shown with it.
  static func signer(
    _ logKeyNote: [UInt8], origin: String, _ trust: InstallationTrust?, shownWith last: Instant?, late: String
  ) -> Finding {
    guard let trust else {
      return Finding(
        "signer", .limit,
        "No key was pinned, so nobody vouches that \(origin) is who it says. Use --key with the steward.vkey you trust."
      )
    }
    return judged("signer", "The installation \(trust.pin.name) vouches for the key of the log \(origin).") {
      let certificate = try trust.certificate(logKeyNote)
      guard let last, certificate.since <= last else { throw BundleError(late) }
    }
  }
}

extension InstallationTrust {
  /// Opens a log-key certificate. Whoever pinned a key alone is told what leads from it to the key that signed, where the installation has
  /// changed its key: both then bear its name.
  func certificate(_ note: [UInt8]) throws -> LogKeyCertificate {
    do { return try open(note) } catch let error as LogError {
      guard isWithoutChain, let other = try? LogKeyCertificate.unidentified(note),
        other.origin.utf8.starts(with: "\(pin.name)/".utf8)
      else { throw error }
      throw BundleError(
        "the log's key is not certified by this key of \(pin.name); name another with --key or, if it has changed its key, give --chain steward.chain"
      )
    }
  }
}
