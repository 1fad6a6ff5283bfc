import Kernel
import Storage

/// What is done to key files only while the root key is changed.
protocol KeyRewriting {
  /// Brings a place of an earlier version so far that files can be replaced there.
  func prepareToRewrite() throws

  /// Replaces a file, or makes it; durable when it returns.
  func rewrite(_ bytes: [UInt8], as file: KeyFile) throws

  /// Removes a file, if it is there; durable when it returns.
  func drop(_ file: KeyFile) throws
}

extension KeyDirectory: KeyRewriting {
  func prepareToRewrite() throws {}

  /// What lay there is overwritten: it opens with the earlier root key, which the newer one seals, and whoever has the provider could still
  /// unwrap what was said about it. What ends later would otherwise lie on the disk under an earlier root key.
  func rewrite(_ bytes: [UInt8], as file: KeyFile) throws {
    let path = path(of: file)
    if let slash = path.lastIndex(of: "/"), case .terms = file { try disk.makeDirectory(String(path[..<slash])) }
    try DurableFile.replaceForGood(bytes, at: path) { try disk.write($0, path, true) }
  }

  func drop(_ file: KeyFile) throws {
    try DurableFile.destroy(path(of: file))
    try DurableFile.syncDirectory(of: path(of: file))
  }
}

extension KeyRows: KeyRewriting {
  func prepareToRewrite() throws {}

  private func allow() throws { _ = try link.query("SELECT set_config('steward_keys.change', 'root', true)") }

  func rewrite(_ bytes: [UInt8], as file: KeyFile) throws {
    if try read(file) == bytes { return }
    try allow()
    try link.queue(
      """
      INSERT INTO steward_keys.key_file (path, data) VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET data = excluded.data
      """, [.text(file.path), .bytes(bytes)])
  }

  func drop(_ file: KeyFile) throws {
    try allow()
    try link.queue("DELETE FROM steward_keys.key_file WHERE path = ?", [.text(file.path)])
  }
}

extension KeyDatabase: KeyRewriting {
  func rewrite(_ bytes: [UInt8], as file: KeyFile) throws { try transaction { try $0.rewrite(bytes, as: file) } }

  func drop(_ file: KeyFile) throws { try transaction { try $0.drop(file) } }
}
