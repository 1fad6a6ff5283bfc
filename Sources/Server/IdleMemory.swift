import CLinux
import Custody
import Glibc
import Ledger
import ServiceLifecycle

/// Gives memory back once the server has come to rest: after its start, after a round of checks, after a busy hour. Once a minute it has
/// those tenants closed that nobody has used for some.
///
/// Nothing is lost with it but time: connections that only read are opened again, pages of the program come again from the file.
struct IdleMemory: Service {
  static let inspectionSeconds = 10
  /// Share of one processor below which the process counts as at rest.
  static let restingShare = 0.05
  /// Processor time since the last time, below which nothing has come together that would be worth it.
  static let leastSeconds = 1.0
  private static let inspectionsPerRound = Ledger.idleRoundSeconds / inspectionSeconds
  /// So many closed tenants leave enough behind.
  private static let manyTenants = 16

  let ledger: Ledger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var rest = Rest(at: IdleMemory.processorSeconds)
      var closed = 0
      for inspection in 1... {
        try? await Task.sleep(for: .seconds(IdleMemory.inspectionSeconds))
        if inspection % IdleMemory.inspectionsPerRound == 0 { closed += await ledger.closeIdleTenants() }
        guard !Task.isCancelled else { return }
        if rest.isDue(at: IdleMemory.processorSeconds, anyway: closed >= IdleMemory.manyTenants) {
          closed = 0
          await release()
        }
      }
    }
  }

  /// When it is worth it; processor time of the process is handed in, in seconds.
  struct Rest {
    private var seen: Double
    private var released: Double?

    init(at seconds: Double) { seen = seconds }

    /// `anyway`: however little was done since the last time.
    mutating func isDue(at seconds: Double, anyway: Bool = false) -> Bool {
      defer { seen = seconds }
      let isResting = seconds - seen < IdleMemory.restingShare * Double(IdleMemory.inspectionSeconds)
      let isWorthIt = anyway || seconds - (released ?? -IdleMemory.leastSeconds) >= IdleMemory.leastSeconds
      guard isResting, isWorthIt else { return false }
      released = seconds
      return true
    }
  }

  private func release() async {
    await ledger.releaseMemory()
    malloc_trim(0)
    IdleMemory.dropCode()
  }

  private static var processorSeconds: Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  /// Takes the pages of programs and libraries out of this process: half of them were needed for the start alone. What is needed comes
  /// back page by page from the kernel's cache of the files. Executable mappings of files are never written, so nothing is lost.
  private static func dropCode() {
    guard let maps = try? DurableFile.read("/proc/self/maps") else { return }
    for range in code(in: String(decoding: maps, as: UTF8.self)) {
      madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
    }
  }

  /// The executable mappings of files in the text of `/proc/self/maps` (proc(5)).
  static func code(in maps: String) -> [Range<UInt>] {
    maps.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ", maxSplits: 5)
      guard words.count == 6, words[1] == "r-xp", words[5].contains("/") else { return nil }
      let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      guard ends.count == 2, ends[0] < ends[1] else { return nil }
      return ends[0]..<ends[1]
    }
  }
}
