/// Key material: shows nothing when printed, and is overwritten when the last reference goes.
///
/// The overwriting is best effort: the runtime may have copied the bytes while they were being made.
package final class SecretBytes: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  // Written only in init and deinit, when no other reference exists.
  nonisolated(unsafe) private let storage: UnsafeMutableRawBufferPointer

  package init(_ bytes: some Collection<UInt8>) {
    storage = .allocate(byteCount: bytes.count, alignment: 8)
    storage.copyBytes(from: bytes)
  }

  package static func random(count: Int = 32) -> SecretBytes {
    let secret = SecretBytes([UInt8](repeating: 0, count: count))
    Entropy.fill(secret.storage)
    return secret
  }

  deinit {
    for position in storage.indices { storage[position] = 0 }
    storage.deallocate()
  }

  package var count: Int { storage.count }

  package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try body(UnsafeRawBufferPointer(storage))
  }

  package var description: String { "SecretBytes(\(count))" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
