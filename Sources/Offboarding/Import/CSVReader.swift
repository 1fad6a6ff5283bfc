import Kernel

/// Reads CSV as RFC 4180 defines it, piece by piece, and gives records as soon as they are complete.
///
/// Strict where a lenient reader would guess: a quote inside an unquoted field, text after a closing quote, a bare carriage return,
/// a quote that never closes and bytes that are not UTF-8 all end the reading with the line at which they stand. A byte order
/// mark at the start is skipped (spreadsheets write one); lines may end in CRLF or LF; empty lines are skipped.
package struct CSVReader {
  package struct Limits: Sendable {
    /// Fields of one record.
    package var columns = 64
    /// Bytes of one record without its line end.
    package var recordBytes = 65_536
    package init() {}
  }

  /// Fields of one line (or more, if quoted fields hold line ends).
  package struct Record: Equatable {
    /// The physical line on which it begins, counted from 1.
    package let line: Int
    package let fields: [String]
  }

  /// Why the text is not CSV, and on which line.
  package struct SyntaxError: Error, Equatable {
    package let line: Int
    package let reason: String
  }

  private enum State { case fieldStart, unquoted, quoted, quoteInQuoted, carriageReturn }

  private let limits: Limits
  private var state = State.fieldStart
  private var line = 1
  private var recordLine = 1
  private var quoteLine = 1
  private var recordBytes = 0
  private var field: [UInt8] = []
  private var fieldWasQuoted = false
  private var fields: [String] = []
  private var markLeft: [UInt8] = [0xef, 0xbb, 0xbf]

  package init(limits: Limits = Limits()) { self.limits = limits }

  /// Takes the next piece and hands each completed record to `body`.
  package mutating func read(_ piece: [UInt8], _ body: (Record) throws -> Void) throws {
    var rest = piece[...]
    while !markLeft.isEmpty, let byte = rest.first {
      guard byte == markLeft[0] else { break }
      markLeft.removeFirst()
      rest = rest.dropFirst()
    }
    if !rest.isEmpty, !markLeft.isEmpty {
      guard markLeft.count == 3 else { throw notUTF8() }
      markLeft = []
    }
    for byte in rest { try take(byte, body) }
  }

  /// The text has ended: gives the last record if it had no line end.
  package mutating func finish(_ body: (Record) throws -> Void) throws {
    switch state {
    case .quoted: throw SyntaxError(line: quoteLine, reason: "a quote opens here and never closes")
    case .carriageReturn: throw bareCarriageReturn()
    case .fieldStart where fields.isEmpty && !fieldWasQuoted: return
    case .fieldStart, .unquoted, .quoteInQuoted: try endRecord(body)
    }
  }
}

extension CSVReader {
  private mutating func take(_ byte: UInt8, _ body: (Record) throws -> Void) throws {
    if byte != 0x0a || state == .quoted { try count() }
    switch state {
    case .fieldStart, .unquoted: try takePlain(byte, body)
    case .quoted: takeQuoted(byte)
    case .quoteInQuoted: try takeAfterQuote(byte, body)
    case .carriageReturn:
      guard byte == 0x0a else { throw bareCarriageReturn() }
      try endLine(body)
    }
  }

  private mutating func takePlain(_ byte: UInt8, _ body: (Record) throws -> Void) throws {
    switch byte {
    case UInt8(ascii: ","): try endField()
    case 0x0a: try endLine(body)
    case 0x0d: state = .carriageReturn
    case UInt8(ascii: "\""):
      guard state == .fieldStart else {
        throw SyntaxError(line: line, reason: "a quote stands inside a field that does not begin with one")
      }
      quoteLine = line
      fieldWasQuoted = true
      state = .quoted
    default:
      state = .unquoted
      field.append(byte)
    }
  }

  private mutating func takeQuoted(_ byte: UInt8) {
    if byte == UInt8(ascii: "\"") {
      state = .quoteInQuoted
    } else {
      if byte == 0x0a { line += 1 }
      field.append(byte)
    }
  }

  private mutating func takeAfterQuote(_ byte: UInt8, _ body: (Record) throws -> Void) throws {
    switch byte {
    case UInt8(ascii: "\""):
      field.append(byte)
      state = .quoted
    case UInt8(ascii: ","): try endField()
    case 0x0a: try endLine(body)
    case 0x0d: state = .carriageReturn
    default: throw SyntaxError(line: line, reason: "text follows a closing quote")
    }
  }

  private mutating func endField() throws {
    guard fields.count < limits.columns else {
      throw SyntaxError(line: recordLine, reason: "there are more than \(limits.columns) columns")
    }
    guard let text = String(validating: field, as: UTF8.self) else { throw notUTF8() }
    fields.append(text)
    field.removeAll(keepingCapacity: true)
    fieldWasQuoted = false
    state = .fieldStart
  }

  private mutating func endLine(_ body: (Record) throws -> Void) throws {
    if !fields.isEmpty || !field.isEmpty || fieldWasQuoted {
      try endRecord(body)
    }
    state = .fieldStart
    recordBytes = 0
    line += 1
    recordLine = line
  }

  private mutating func endRecord(_ body: (Record) throws -> Void) throws {
    try endField()
    let record = Record(line: recordLine, fields: fields)
    fields.removeAll(keepingCapacity: true)
    try body(record)
  }

  private mutating func count() throws {
    recordBytes += 1
    guard recordBytes <= limits.recordBytes else {
      throw SyntaxError(line: recordLine, reason: "the line is longer than \(limits.recordBytes) bytes")
    }
  }

  private func notUTF8() -> SyntaxError {
    SyntaxError(line: recordLine, reason: "the text is not UTF-8; save the file as UTF-8 and send it again")
  }

  private func bareCarriageReturn() -> SyntaxError {
    SyntaxError(line: line, reason: "a carriage return stands without a line feed")
  }
}
