import CPostgres

/// What the server says without being asked, of severity WARNING or worse.
///
/// One of them is about more than style: a COMMIT whose wait for a synchronous standby was cancelled succeeds, and a warning (01000, or
/// 57P01 if the server ends) says that the standby may not have it. Whoever commits looks at them.
package struct PostgresWarning: Sendable, Hashable {
  package let sqlState: String
  package let message: String
}

/// Where libpq's notice receiver puts them. It runs on the thread that reads from the connection, never on another.
final class PostgresNotices {
  private static let limit = 100
  private static let severities: Set<String> = ["WARNING", "ERROR", "FATAL", "PANIC"]

  var warnings: [PostgresWarning] = []

  /// `connection` must not outlive this object.
  func listen(to connection: OpaquePointer) {
    let receiver: PQnoticeReceiver = { context, result in
      guard let context, let result else { return }
      Unmanaged<PostgresNotices>.fromOpaque(context).takeUnretainedValue().note(result)
    }
    PQsetNoticeReceiver(connection, receiver, Unmanaged.passUnretained(self).toOpaque())
  }

  private func note(_ result: OpaquePointer) {
    guard warnings.count < Self.limit, let severity = PostgresField.severity.text(of: result),
      Self.severities.contains(severity)
    else { return }
    warnings.append(
      PostgresWarning(
        sqlState: PostgresField.sqlState.text(of: result) ?? "01000",
        message: PostgresField.message.text(of: result) ?? ""))
  }
}

/// The parts of an error or a notice (PostgreSQL, 55.8). Not its detail, which repeats what a row holds.
enum PostgresField: UInt8 {
  /// `PG_DIAG_SEVERITY_NONLOCALIZED`
  case severity = 86
  /// `PG_DIAG_SQLSTATE`
  case sqlState = 67
  /// `PG_DIAG_MESSAGE_PRIMARY`
  case message = 77

  func text(of result: OpaquePointer) -> String? {
    PQresultErrorField(result, Int32(rawValue)).map { String(cString: $0) }
  }
}
