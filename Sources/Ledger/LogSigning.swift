import Kernel
import TransparencyLog

/// With what a bundle about one entry is proven and signed: a checkpoint that holds the entry, and the key that signed it, which signs the
/// manifest too (docs/format.md §6).
package struct LogSigning: Sendable {
  /// The log-key certificate, a whole note.
  package let certificate: [UInt8]
  package let size: Int64
  /// The signed checkpoint of this size.
  package let checkpoint: [UInt8]
  private let identity: LogIdentity

  fileprivate init(_ checkpoint: (size: Int64, note: [UInt8]), _ certificate: [UInt8], _ identity: LogIdentity) {
    self.certificate = certificate
    size = checkpoint.size
    self.checkpoint = checkpoint.note
    self.identity = identity
  }

  /// Signs the manifest of a bundle, and nothing else.
  package func sign(manifest text: String) throws -> [UInt8] { try identity.sign(manifest: text) }
}

extension Ledger {
  /// For a bundle about the entry `index`: the checkpoint of its batch, as long as the key that signed that one is there.
  ///
  /// After a change of the key the latest checkpoint takes its place, which holds the entry as well; its key is then certified from the
  /// beginning of the log on, since it is shown with an entry from before its time.
  package func signing(_ tenant: TenantID, showing index: Int64) async throws -> LogSigning {
    let (log, installation) = (try await using(tenant) { $0.log }, installation)
    return try await read(tenant) { reader in
      guard let covering = try reader.checkpoint(covering: index), let latest = try reader.latestCheckpoint() else {
        throw Problem.notFound
      }
      let identity = try log.current(reader.connection)
      func isOwn(_ note: [UInt8]) -> Bool { (try? Checkpoint.open(note, key: identity.verifierKey)) != nil }
      if isOwn(covering.note) { return LogSigning(covering, identity.certificate, identity) }
      guard isOwn(latest.note), let first = try log.certificates(reader.connection).items.first else {
        throw Problem(.unavailable, "The key of this record is being changed at this moment. Try again.")
      }
      let since = try LogKeyCertificate.unidentified(first.note).since
      return LogSigning(latest, try installation.certify(identity.verifierKey, since: since), identity)
    }
  }
}
