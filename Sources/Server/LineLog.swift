import Kernel
import Logging
import Platform

/// Writes each event as one line on standard error, whole: `time=… level=… event="…" key=value`, or the same as a JSON object.
///
/// Who logs decides what goes in: routes by name, references, codes, counts; never people, addresses, paths or secrets.
struct LineLog: LogHandler {
  private let format: LogSettings.Format
  private let write: @Sendable (_ line: [UInt8], _ isUrgent: Bool) -> Void
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  init(_ settings: LogSettings) {
    self.init(settings) { LineSink.standardError.write($0, isUrgent: $1) }
  }

  /// What is at least a notice is urgent: it is to stand in the log before anything else happens.
  init(_ settings: LogSettings, write: @escaping @Sendable (_ line: [UInt8], _ isUrgent: Bool) -> Void) {
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
    let extra = metadata.isEmpty ? event.metadata ?? [:] : metadata.merging(event.metadata ?? [:]) { $1 }
    pairs += extra.map { ($0.key, $0.value.description) }.sorted { $0.0 < $1.0 }
    var line = LineLog.bytes(pairs, format)
    line.append(UInt8(ascii: "\n"))
    write(line, event.level >= .notice)
  }

  static func line(_ pairs: [(String, String)], _ format: LogSettings.Format) -> String {
    String(decoding: bytes(pairs, format), as: UTF8.self)
  }

  private static func bytes(_ pairs: [(String, String)], _ format: LogSettings.Format) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(256)
    if format == .json { out.append(UInt8(ascii: "{")) }
    for (position, pair) in pairs.enumerated() {
      switch format {
      case .json:
        if position > 0 { out.append(UInt8(ascii: ",")) }
        JSON.write(string: pair.0, to: &out)
        out.append(UInt8(ascii: ":"))
        JSON.write(string: pair.1, to: &out)
      case .logfmt:
        if position > 0 { out.append(UInt8(ascii: " ")) }
        out += pair.0.utf8
        out.append(UInt8(ascii: "="))
        write(quoted: pair.1, to: &out)
      }
    }
    if format == .json { out.append(UInt8(ascii: "}")) }
    return out
  }

  /// Bare if it can be read bare; else in quotes as JSON has them, so that no value can begin a line of its own.
  private static func write(quoted value: String, to out: inout [UInt8]) {
    let isBare =
      !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x3d && $0 != 0x5c }
    if isBare { out += value.utf8 } else { JSON.write(string: value, to: &out) }
  }
}
