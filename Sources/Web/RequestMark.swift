import Kernel

/// What one request is called, from its first line in the log to the number on an error page: made here, never taken from the client,
/// so that nothing of theirs can stand in a log.
package final class RequestMark: Sendable {
  /// 26 characters, as every id (docs/format.md §1.3).
  package let id: String

  package init(at now: Instant) { id = ID<RequestMark>.make(at: now).text }

  /// The request that the running task answers.
  @TaskLocal package static var current: RequestMark?

  package static let header = "Request-Id"

  /// RFC 9457 §3.1.5: names this occurrence of the problem.
  package var urn: String { "urn:steward:request:\(id)" }
}
