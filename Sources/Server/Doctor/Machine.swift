import CLinux
import Custody
import Glibc
import Platform

/// What the doctor asks the machine; tests answer in its place.
struct Machine: Sendable {
  var user: UInt32 = geteuid()
  /// Whether a time service keeps the clock; nil if nobody says.
  var isClockSynchronised: Bool? = Machine.clockState()
  var descriptorLimit: UInt64? = Machine.limit()
  var mounts: [Mount] = Machine.readMounts()
  /// Microseconds that each of some small writes took until the disk said that it is there.
  var syncMicroseconds: @Sendable (String) -> [Double] = { Machine.measure($0) }
  var volume: @Sendable (String) -> FileSystemFacts? = { FileSystemFacts(of: $0) }
  /// The uuid of a device-mapper volume by device number, and what lies under it.
  var mapping: @Sendable (String) -> String? = { Machine.read("/sys/dev/block/\($0)/dm/uuid") }
  var below: @Sendable (String) -> [String] = { Machine.devicesBelow($0) }

  struct Mount: Sendable, Equatable {
    /// "8:1"
    let device: String
    let place: String
    let kind: String
  }

  /// The mount that a path lies on: the longest place that leads to it.
  func mount(of path: String) -> Mount? {
    let real = DurableFile.resolved(path) ?? path
    return mounts.filter { $0.place == "/" || real == $0.place || real.hasPrefix($0.place + "/") }
      .max { $0.place.utf8.count < $1.place.utf8.count }
  }

  // MARK: Asking

  /// adjtimex(2): the kernel knows whether something corrects its clock.
  private static func clockState() -> Bool? {
    var state = timex()
    let answer = adjtimex(&state)
    guard answer >= 0 else { return nil }
    return state.status & Int32(STA_UNSYNC) == 0
  }

  private static func limit() -> UInt64? {
    var limit = rlimit()
    return getrlimit(__rlimit_resource_t(7), &limit) == 0 ? UInt64(limit.rlim_cur) : nil
  }

  /// proc(5), mountinfo: fields are separated by spaces, a lone hyphen ends the optional ones.
  static func mounts(parsing text: String) -> [Mount] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ").map(String.init)
      guard fields.count > 6, let hyphen = fields.firstIndex(of: "-"), hyphen + 1 < fields.count else { return nil }
      return Mount(device: fields[2], place: fields[4].replacing("\\040", with: " "), kind: fields[hyphen + 1])
    }
  }

  private static func readMounts() -> [Mount] { mounts(parsing: read("/proc/self/mountinfo") ?? "") }

  private static func read(_ path: String) -> String? {
    (try? DurableFile.read(path)).flatMap(\.self).map { String(decoding: $0, as: UTF8.self).trimmed }
  }

  /// The devices that a volume is made of, and the disk that a partition is part of.
  private static func devicesBelow(_ device: String) -> [String] {
    DirectoryList.names(in: "/sys/dev/block/\(device)/slaves").compactMap { read("/sys/class/block/\($0)/dev") }
  }

  /// Writes a block 40 times into a new file beside the data and waits each time for the disk.
  private static func measure(_ directory: String) -> [Double] {
    let path = directory + "/doctor.\(getpid())"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return [] }
    defer {
      close(descriptor)
      unlink(path)
    }
    var block = [UInt8](repeating: 0, count: 4_096)
    var times: [Double] = []
    for round in 0..<40 {
      block[0] = UInt8(round)
      let began = MonotonicTime.nanoseconds
      guard pwrite(descriptor, block, block.count, off_t(round * block.count)) == block.count,
        fdatasync(descriptor) == 0
      else { return [] }
      times.append(Double(MonotonicTime.nanoseconds - began) / 1_000)
    }
    return times
  }
}
