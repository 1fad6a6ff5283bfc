import Glibc
import Kernel
import Logging
import Platform

/// Writes each event as one line on standard error, whole: `time=… level=… event="…" key=value`, or the same as a JSON object.
///
/// Who logs decides what goes in: routes by name, references, codes, counts; never people, addresses, paths or secrets.
struct LineLog: LogHandler {
  private let format: LogSettings.Format
  private let write: @Sendable ([UInt8]) -> Void
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  init(_ settings: LogSettings, write: @escaping @Sendable ([UInt8]) -> Void = LineLog.toStandardError) {
    format = settings.format
    logLevel = settings.level
    self.write = write
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var pairs = [
      ("time", SystemClock().now.description), ("level", event.level.rawValue), ("event", event.message.description),
    ]
    let extra = metadata.merging(event.metadata ?? [:]) { $1 }
    pairs += extra.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
    write(Array((LineLog.line(pairs, format) + "\n").utf8))
  }

  static func line(_ pairs: [(String, String)], _ format: LogSettings.Format) -> String {
    switch format {
    case .json:
      "{" + pairs.map { "\(JSON.string($0).text):\(JSON.string($1).text)" }.joined(separator: ",") + "}"
    case .logfmt: pairs.map { "\($0)=\(quoted($1))" }.joined(separator: " ")
    }
  }

  /// Bare if it can be read bare; else in quotes as JSON has them, so that no value can begin a line of its own.
  private static func quoted(_ value: String) -> String {
    let isBare =
      !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x3d && $0 != 0x5c }
    return isBare ? value : JSON.string(value).text
  }

  private static let toStandardError: @Sendable ([UInt8]) -> Void = { line in
    line.withUnsafeBytes { bytes in
      // One call for one line: lines of several threads do not mix. A reader that is gone must not stop the server.
      _ = Glibc.write(2, bytes.baseAddress, bytes.count)
    }
  }
}
