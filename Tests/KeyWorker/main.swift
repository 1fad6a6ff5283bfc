import Custody
import Glibc
import Kernel
import Synchronization

/// A process that works on one tenant's keys as a server does, for tests with several of them:
///
///     key-worker PLACE ROOT-KEY TENANT OUT COUNT
///     key-worker PLACE ROOT-KEY TENANT destroy STEP SUBJECT…
///
/// The first appends a line `slot sha256(key)` to OUT for each slot once it has it. What it takes and cannot write is nobody's. The second
/// destroys the keys of subjects, and kills itself before step STEP of what it writes in directories, if it comes so far.
let arguments = CommandLine.arguments
guard arguments.count >= 6, let tenant = TenantID(arguments[3]), let count = Int(arguments[5]) else { exit(64) }

/// Dies before a step, without a word, as in a power cut.
func deadly(_ last: Int) -> KeyDisk {
  let steps = Mutex(0)
  let step: @Sendable () -> Void = {
    let isOver = steps.withLock { steps in
      steps += 1
      return steps > last
    }
    if isOver { kill(getpid(), SIGKILL) }
  }
  return KeyDisk(
    write: { bytes, path, replacing in
      step()
      try KeyDisk.real.write(bytes, path, replacing)
    }, before: { _ in step() })
}

do {
  let location = KeyLocation(arguments[1], rootKey: arguments[2])
  let provider = try location.provider(dataDirectory: "/nowhere")
  if arguments[4] == "destroy" {
    let keys = try KeyStore(at: try location.place, provider: provider, disk: deadly(count)).openTenant(tenant)
    let subjects = arguments[6...].compactMap { Int64($0) }.map { SubjectRef($0) }
    let destruction = try keys.destroy(subjects, erasure: "worker", now: Instant(milliseconds: 1))
    _exit(destruction.isComplete ? 0 : 2)
  }
  let store = try KeyStore(at: try location.place, provider: provider)
  try store.createTenant(tenant)
  let keys = try store.openTenant(tenant)
  let out = open(arguments[4], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
  for _ in 0..<count {
    let slot = try keys.takeSlot()
    let digest = try keys.key(of: slot).withBytes { Digest(sha256: Array($0)) }
    // One write for each line: it is there as a whole or not at all.
    try DurableFile.writeAll(Array("\(slot.number) \(digest.hex)\n".utf8), to: out, path: arguments[4])
  }
  // What libraries do on the way out races with threads that wait for a database.
  _exit(0)
} catch {
  try? DurableFile.writeAll(Array("key-worker: \(error)\n".utf8), to: 2, path: "stderr")
  exit(1)
}
