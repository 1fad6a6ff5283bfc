import CLinux
import Glibc
import Kernel

/// The time of the machine, which services compare with their own.
enum WallClock {
  static let now: @Sendable () -> Instant = {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Instant(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
  }
}

/// Waits on the thread it is called on: before anything else runs there is nothing to give it to.
enum Pause {
  static func milliseconds(_ count: UInt32) { usleep(count * 1_000) }
}
