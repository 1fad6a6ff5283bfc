import Custody
import Glibc
import Kernel

/// A process that takes slots of one tenant's keys as a server does, for tests with several of them:
///
///     key-worker PLACE ROOT-KEY TENANT OUT COUNT
///
/// Appends a line `slot sha256(key)` to OUT for each slot once it has it. What it takes and cannot write is nobody's.
let arguments = CommandLine.arguments
guard arguments.count == 6, let tenant = TenantID(arguments[3]), let count = Int(arguments[5]) else { exit(64) }

do {
  let location = KeyLocation(arguments[1], rootKey: arguments[2])
  let store = try KeyStore(at: try location.place, provider: try location.provider(dataDirectory: "/nowhere"))
  try store.createTenant(tenant)
  let keys = try store.openTenant(tenant)
  let out = open(arguments[4], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
  for _ in 0..<count {
    let slot = try keys.takeSlot()
    let digest = try keys.key(of: slot).withBytes { Digest(sha256: Array($0)) }
    // One write for each line: it is there as a whole or not at all.
    try DurableFile.writeAll(Array("\(slot.number) \(digest.hex)\n".utf8), to: out, path: arguments[4])
  }
} catch {
  try? DurableFile.writeAll(Array("key-worker: \(error)\n".utf8), to: 2, path: "stderr")
  exit(1)
}
