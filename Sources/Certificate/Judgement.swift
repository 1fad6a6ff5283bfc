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
      let certificate = try trust.open(logKeyNote)
      guard let last, certificate.since <= last else { throw BundleError(late) }
    }
  }
}
