import Kernel
import Synchronization

/// Wraps and unwraps 32 bytes with a key that never leaves it: a token, a key service, or a passphrase.
package protocol KeyWrapper: Sendable {
  /// Such as `vault`; stands in the key store.
  var kind: String { get }
  /// What the wrapper's own key is called there; bound.
  var keyName: String { get }

  /// Throws `Problem.unavailable` with a sentence that says what to do.
  func wrap(_ secret: SecretBytes, for head: RootFile.Head) throws -> [UInt8]
  func unwrap(_ bytes: [UInt8], for head: RootFile.Head) throws -> SecretBytes
}

/// A root key made by us, sealed under 32 random bytes that the wrapper wraps: what binds it to its installation does not depend on what a
/// wrapper can bind, and a wrapper that answers with something else is noticed.
package struct WrappingProvider: KeyProvider {
  package let wrapper: any KeyWrapper
  package var kind: String { wrapper.kind }
  package var keyName: String { wrapper.keyName }

  package init(_ wrapper: any KeyWrapper) { self.wrapper = wrapper }

  package func rootKey(_ file: RootFile?) throws -> SecretBytes {
    guard let file else {
      throw Problem(
        .unavailable,
        "There is no file `root` at the key store, which \(kind) would open; name the right place with --keys, or run `steward init`."
      )
    }
    try check(file)
    return try UnwrappedRoots.shared.root(file) { try unwrapped(file) }
  }

  private func check(_ file: RootFile) throws {
    guard file.head.provider == kind else {
      throw Problem(
        .conflict,
        "The root key is kept by \(file.head.provider), not by \(kind); name it with --root-key, or root_key in the configuration."
      )
    }
    guard file.head.key == keyName else {
      throw Problem(
        .conflict,
        "The root key is wrapped by the key \(file.head.key), not by \(keyName); name that one with --root-key, or root_key in the configuration."
      )
    }
  }

  /// Asks the wrapper, also where the root key is known.
  package func unwrapped(_ file: RootFile) throws -> SecretBytes {
    try check(file)
    guard let wrapped = file.wrapped, let box = file.box else {
      throw Problem(.unavailable, "The file `root` of the key store is damaged; restore it from a replica.")
    }
    let door = try wrapper.unwrap(wrapped, for: file.head)
    guard let root = try? Box.open(box, key: door, context: file.head.context), root.count == 32 else {
      throw Problem(
        .unavailable,
        "What \(kind) unwrapped does not open the root key: its key \(keyName) is another, or the file `root` was changed; restore it from a replica."
      )
    }
    return SecretBytes(root)
  }

  package func keep(_ root: SecretBytes, _ head: RootFile.Head, beside current: SecretBytes?) throws -> RootFile {
    let door = SecretBytes.random()
    let wrapped = try wrapper.wrap(door, for: head)
    guard wrapped.count <= RootFile.largestWrapped else {
      throw Problem(.unavailable, "\(kind) wraps into more than \(RootFile.largestWrapped) bytes; use another key.")
    }
    let box = try Box.seal(root.withBytes { Array($0) }, key: door, context: head.context)
    let file = RootFile(head, root: root, wrapped: wrapped, box: box)
    // What cannot be had back must never be relied upon.
    UnwrappedRoots.shared.note(file, try unwrapped(file))
    return file
  }

  /// Nothing: what was wrapped goes with the file `root`.
  package func settle(on root: SecretBytes) throws {}
  package func destroy(_ root: SecretBytes, after next: any KeyProvider) throws {}
}

/// Root keys that this process has unwrapped, so that a wrapper is asked once for each, and a person for their passphrase.
final class UnwrappedRoots: Sendable {
  static let shared = UnwrappedRoots()
  private let known = Mutex<[Digest: SecretBytes]>([:])

  func root(_ file: RootFile, _ unwrap: () throws -> SecretBytes) throws -> SecretBytes {
    let digest = Digest(sha256: file.bytes)
    if let root = known.withLock({ $0[digest] }) { return root }
    let root = try unwrap()
    known.withLock { $0[digest] = root }
    return root
  }

  func note(_ file: RootFile, _ root: SecretBytes) {
    known.withLock { $0[Digest(sha256: file.bytes)] = root }
  }
}
