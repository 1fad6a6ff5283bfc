import Platform

/// What makes the published list more than a claim: the head of the installation's log, and a proof that it only grew. The
/// receipt of each change stands at an address of its own.
struct ListProof: Sendable {
  let ledger: Ledger
  let home: TenantID

  /// The log as it is now: a signed checkpoint and the certificate of its key.
  func head() async throws -> JSON {
    guard let checkpoint = try await ledger.read(home, { try $0.latestCheckpoint() }) else { return .null }
    return [
      "origin": .string(try await ledger.logOrigin(home)), "size": .integer(checkpoint.size),
      "checkpoint": .string(String(decoding: checkpoint.note, as: UTF8.self)),
      "certificate": .string(
        String(decoding: try await ledger.logCertificate(home, of: checkpoint.note), as: UTF8.self)),
    ]
  }

  /// That the log of `size` entries is the beginning of the one of today (RFC 6962 §2.1.2).
  func consistency(from size: Int64) async throws -> JSON {
    try await ledger.read(home) { reader in
      guard let checkpoint = try reader.latestCheckpoint(), size > 0, size <= checkpoint.size else {
        throw Problem(.badRequest, "Give the size of an earlier list of this installation as from=.")
      }
      let hashes = try reader.consistencyProof(from: size, to: checkpoint.size)
      return [
        "from": .integer(size), "to": .integer(checkpoint.size),
        "hashes": .array(hashes.map { .string(Base64.encode($0.bytes)) }),
      ]
    }
  }
}
