import Logging

/// What is written to standard error, and how.
package struct LogSettings: Sendable, Equatable {
  package enum Format: String, Sendable {
    case logfmt, json
  }

  package let level: Logger.Level
  package let format: Format

  package init(level: Logger.Level = .notice, format: Format = .logfmt) {
    self.level = level
    self.format = format
  }

  init(level: String, format: String) {
    self.init(level: Logger.Level(rawValue: level) ?? .info, format: Format(rawValue: format) ?? .logfmt)
  }
}
