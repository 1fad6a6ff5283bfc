import CLinux
import Custody
import Dispatch
import Glibc
import Platform
import Trust

/// Hands to the checks of promises what can be said of the root key.
enum RootKeyDesk {
  static func facts(_ app: ServerConfiguration, _ ledger: Ledger, _ tenants: [TenantID]) async throws -> RootKeyFacts {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(with: Result { try read(app, ledger.installation, tenants) })
      }
    }
  }

  private static func read(
    _ configuration: ServerConfiguration, _ installation: OpenInstallation, _ tenants: [TenantID]
  ) throws -> RootKeyFacts {
    let store = installation.keyStore
    let form = try configuration.keys.root
    guard store.rootFile != nil, form.file == nil, form.kind != "passphrase" else {
      return RootKeyFacts(kind: form.kind)
    }
    let isGiven = (try? RootQuestion.ask(store)) == .same
    let wanted = try RootQuestion.spellings(store, installation: installation.id.text, tenants: tenants)
    var texts = try RootQuestion.files(store, tenants: tenants)
    for name in ["control.db", "control.db-wal", "steward.vkey"]
      + tenants.flatMap({ ["tenants/\($0).db", "tenants/\($0).db-wal"] })
    {
      if let bytes = bytes(of: "\(installation.directory)/\(name)") { texts.append(bytes) }
    }
    let found = texts.count { text in wanted.contains { RootKeyDesk.contains(text, $0) } }
    return RootKeyFacts(
      kind: form.kind, isGiven: isGiven, opensElsewhere: try RootQuestion.opensElsewhere(store),
      isElsewhere: form.isElsewhere, hasSecretOnDisk: form.files.contains { steward_is_in_memory($0) == 0 },
      searched: texts.count,
      found: found)
  }

  /// Up to 64 MiB: probe tenants are small.
  private static func bytes(of path: String) -> [UInt8]? {
    guard let facts = FileFacts(of: path), facts.size <= 64 << 20 else { return nil }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var (bytes, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 1 << 16))
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      guard count > 0 else { return bytes }
      bytes += buffer[0..<count]
    }
  }

  private static func contains(_ text: [UInt8], _ word: [UInt8]) -> Bool {
    text.withUnsafeBytes { text in
      word.withUnsafeBytes { word in
        steward_contains(text.baseAddress, UInt(text.count), word.baseAddress, UInt(word.count)) != 0
      }
    }
  }
}
