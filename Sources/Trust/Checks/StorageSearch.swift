import Custody
import Platform

/// Looks through everything that was stored since it began: files of the data directory, the key store, the stored files of the probe tenants
/// wherever they lie, and, where the data lies in a database that may be on another machine, every column of their rows.
///
/// What PostgreSQL writes to its own files, its log of transactions and its temporary files is what it was handed: there is no other way for content
/// to come there than through a row. Rows of all three tenants are looked at to which a check's words could have come.
struct StorageSearch: Sendable {
  private let probe: Probe
  private let sizes: [TenantID: Int64]

  /// To be called before anything is planted.
  static func begin(_ probe: Probe) async throws -> StorageSearch {
    let tenants = [probe.first.id, probe.second.id, try await probe.services.tenants.system()]
    var sizes: [TenantID: Int64] = [:]
    for tenant in tenants { sizes[tenant] = try await probe.services.ledger.read(tenant) { try $0.logSize } }
    return StorageSearch(probe: probe, sizes: sizes)
  }

  func words(_ words: [String], control: String) async throws -> FileScan {
    try await look(FileScan(since: probe.startedAt, words: words, control: control))
  }

  func pieces(_ pieces: [[UInt8]]) async throws -> FileScan {
    try await look(FileScan(since: probe.startedAt, pieces: pieces))
  }

  private func look(_ start: FileScan) async throws -> FileScan {
    var scan = start
    let ledger = probe.services.ledger
    try scan.directory(ledger.installation.directory)
    try scan.keys(ledger.installation.keyStore, of: probe.first.id)
    for (tenant, size) in sizes {
      try await look(at: tenant, &scan)
      guard ledger.installation.isShared else { continue }
      scan = try await ledger.stored(of: tenant, from: size, into: scan) { scan, table, row in scan.row(table, row) }
    }
    return scan
  }

  /// Files may lie in an object store. Those of the probe tenants are small.
  private func look(at tenant: TenantID, _ scan: inout FileScan) async throws {
    let files = probe.services.ledger.files
    for listed in try await files.list(tenant) where listed.id.madeAt >= probe.startedAt.adding(seconds: -2) {
      guard let source = try await files.open(tenant, listed.id), source.size <= StorageSearch.largestFile else {
        continue
      }
      scan.look(at: try await source.read(Int(source.size)), in: "file \(listed.id)")
    }
  }

  private static let largestFile: Int64 = 1 << 20
}

extension FileScan {
  /// "12 files", or "3 files and 214 rows of the database".
  var places: String { rows == 0 ? "\(files) files" : "\(files) files and \(rows) rows of the database" }
}
