import Custody
import Glibc
import Platform

/// What the kernel and the write path say of this process, for the operator's monitoring.
struct ProcessFigures: Sendable {
  let dataDirectory: String
  let startedAt: Instant

  var all: [Figure] { process + ledger + disk }

  private var process: [Figure] {
    [
      Figure("process_start_time_seconds", .gauge, help: "When the server began, in seconds since 1970.") { _ in
        [.init(Double(startedAt.milliseconds) / 1_000)]
      },
      Figure("process_resident_memory_bytes", .gauge, help: "Memory that the process holds.") { _ in
        ProcessFigures.residentPages.map { [.init(Double($0 * sysconf(Int32(_SC_PAGESIZE))))] } ?? []
      },
      Figure("process_open_fds", .gauge, help: "Open files and connections.") { _ in
        ProcessFigures.openDescriptors.map { [.init(Double($0))] } ?? []
      },
      Figure("process_cpu_seconds_total", .counter, help: "Time spent on processors.") { _ in
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return [.init(Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)]
      },
      Figure("steward_info", .gauge, help: "The version that runs.") { services in
        [.init(1, [.init("version", services.installation.version)])]
      },
    ]
  }

  private var ledger: [Figure] {
    [
      Figure("steward_writes_total", .counter, help: "Commands that were put on the record, or refused.") { services in
        let counts = services.ledger.meter.value
        return [
          .init(Double(counts.commands), [.init("outcome", "written")]),
          .init(Double(counts.refused), [.init("outcome", "refused")]),
        ]
      },
      Figure("steward_write_failures_total", .counter, help: "Batches that the disk did not take.") { services in
        [.init(Double(services.ledger.meter.value.failures))]
      },
      Figure("steward_write_batch_size", .histogram, help: "Commands that became durable together.") { services in
        ProcessFigures.batches(services.ledger.meter.value)
      },
      Figure("steward_tenants_open", .gauge, help: "Tenants whose database is open.") { services in
        [.init(Double(services.ledger.openTenants))]
      },
    ]
  }

  private static func batches(_ counts: LedgerMeter.Counts) -> [Figure.Sample] {
    var sum: UInt64 = 0
    let buckets = zip(LedgerMeter.sizes, counts.sizes).map { bound, count in
      sum += count
      return Figure.Sample(Double(sum), [.init("le", "\(bound)")], suffix: "_bucket")
    }
    return buckets + [
      Figure.Sample(Double(sum), [.init("le", "+Inf")], suffix: "_bucket"),
      Figure.Sample(Double(counts.commands), suffix: "_sum"), Figure.Sample(Double(sum), suffix: "_count"),
    ]
  }

  private var disk: [Figure] {
    [
      Figure("steward_disk_free_bytes", .gauge, help: "Space that is left for the data directory.") { _ in
        FileSystemFacts(of: dataDirectory).map { [.init(Double($0.freeBytes))] } ?? []
      },
      Figure("steward_disk_size_bytes", .gauge, help: "Space of the volume of the data directory.") { _ in
        FileSystemFacts(of: dataDirectory).map { [.init(Double($0.sizeBytes))] } ?? []
      },
    ]
  }

  /// proc(5): the second number of statm.
  private static var residentPages: Int? {
    guard let bytes = try? DurableFile.read("/proc/self/statm") else { return nil }
    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    return words.count > 1 ? Int(words[1]) : nil
  }

  private static var openDescriptors: Int? {
    guard let directory = opendir("/proc/self/fd") else { return nil }
    defer { closedir(directory) }
    var count = -3
    while readdir(directory) != nil { count += 1 }
    return count
  }
}
