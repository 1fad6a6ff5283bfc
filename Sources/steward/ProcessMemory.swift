import CLinux
import Glibc

/// Keeps the process's memory, which holds keys while it runs, to itself.
enum ProcessMemory {
  /// No core dump, and no debugger of the same user (core(5), prctl(2)). Throws nothing: a kernel that refuses either is no worse than before.
  static func seal() {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    _ = steward_not_dumpable()
  }
}
