import Glibc
import Kernel
import Ledger
import Logging
import Synchronization
import Web

/// Sees every request that comes over the network: gives it its name, counts it under its route and status, and writes one line.
///
/// What it writes names the route as declared (`GET /v1/vendors/{id}`), never the path that was asked for, the query, an address or a
/// person. The cost is a few atomic additions, and the line where the level asks for it.
package final class RequestObserver: Sendable {
  /// Seconds until the head of an answer is ready.
  static let bounds = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
  /// What no route answers to is counted under this name.
  static let noRoute = "(none)"

  private let names: [String]
  private let places: [String: Int]
  private let cells: [Cell]
  private let clock: any StewardClock
  private let logger: Logger

  private struct Cell: Sendable {
    /// 1xx to 5xx.
    let statuses = (1...5).map { _ in Counter() }
    let seconds = Histogram(bounds: RequestObserver.bounds)
  }

  package init(_ routes: [Route], clock: any StewardClock, logger: Logger) {
    names = [RequestObserver.noRoute] + routes.map(\.name)
    places = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    cells = names.map { _ in Cell() }
    self.clock = clock
    self.logger = logger
  }

  /// Runs `answer` under a mark of its own. It answers with the response and the route that matched, if one did.
  func observing(
    isFromWithin: Bool, _ answer: () async -> (Response, Route?)
  ) async -> Response {
    let mark = RequestMark(at: clock.now)
    let began = MonotonicTime.nanoseconds
    var (response, route) = await RequestMark.$current.withValue(mark, operation: answer)
    response.headers[RequestMark.header] = mark.id
    if !isFromWithin {
      note(mark, route?.name ?? RequestObserver.noRoute, response.status, MonotonicTime.nanoseconds - began)
    }
    return response
  }

  private func note(_ mark: RequestMark, _ name: String, _ status: Int, _ nanoseconds: UInt64) {
    let cell = cells[places[name] ?? 0]
    cell.statuses[min(max(status / 100, 1), 5) - 1].add()
    cell.seconds.observe(Double(nanoseconds) / 1e9)
    logger.info(
      "request",
      metadata: [
        "request": "\(mark.id)", "route": "\(name)", "status": "\(status)",
        "ms": "\(Double(nanoseconds / 10_000) / 100)",
      ])
  }

  // MARK: Figures

  package var figures: [Figure] {
    [
      Figure("steward_requests_total", .counter, help: "Requests answered, by route and class of status.") { [self] _ in
        counted.flatMap { name, cell in
          cell.statuses.enumerated().filter { $1.value > 0 }.map { place, counter in
            Figure.Sample(Double(counter.value), [.init("route", name), .init("status", "\(place + 1)xx")])
          }
        }
      },
      Figure(
        "steward_request_seconds", .histogram, help: "Time until the head of an answer was ready, by route."
      ) { [self] _ in counted.flatMap { name, cell in cell.seconds.samples([.init("route", name)]) } },
    ]
  }

  /// Routes that were asked for at least once.
  private var counted: [(String, Cell)] {
    zip(names, cells).filter { $1.statuses.contains { $0.value > 0 } }.map { ($0, $1) }
  }
}

/// Time that never goes back, for durations.
package enum MonotonicTime {
  package static var nanoseconds: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
