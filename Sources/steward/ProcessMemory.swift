import CLinux
import Glibc

/// Keeps the process's memory, which holds keys while it runs, to itself, and small.
enum ProcessMemory {
  /// Pieces of at least this size are mapped each for itself, and go back to the kernel when they are freed.
  private static let mappedBytes: Int32 = 512 << 10
  /// The heaps that threads share: more of them would hold more that is free and of no use to anybody else.
  private static let heaps: Int32 = 2

  /// No core dump, and no debugger of the same user (core(5), prctl(2)). Throws nothing: a kernel that refuses either is no worse than before.
  static func seal() {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    _ = steward_not_dumpable()
  }

  /// Before the first thread is started. Left to itself, glibc keeps what was freed once: after the first password the 19 MiB that
  /// Argon2 takes would stay for ever, in the heap of every thread that hashed one (mallopt(3)).
  static func keepSmall() {
    mallopt(M_MMAP_THRESHOLD, mappedBytes)
    mallopt(M_TRIM_THRESHOLD, mappedBytes)
    mallopt(M_ARENA_MAX, heaps)
  }
}
