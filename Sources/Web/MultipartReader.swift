import Kernel

/// Pulls the parts of a `multipart/form-data` body (RFC 7578, RFC 2046 §5.1.1) one after another, without holding a part.
///
/// `buffer` holds what has arrived and not been given out. Content is given out up to the last place where a delimiter could begin.
final class MultipartReader: @unchecked Sendable {
  // One reader at a time: `FormReader` hands it over to the file's chunks and never touches it again.

  struct Part {
    let name: String
    /// Present for a file, as the browser claims it; may be empty when no file was chosen.
    let filename: String?
    let mediaType: String
  }

  /// Bytes of the header block of one part.
  static let maximumHeaderBytes = 8_192

  private enum Place {
    case beforeFirst, atHeaders, inContent, afterContent, atEnd
  }

  private let delimiter: [UInt8]
  private let step: () async throws -> [UInt8]?
  private var buffer: [UInt8] = Array("\r\n".utf8)
  private var place = Place.beforeFirst

  /// Returns nil for a boundary that RFC 2046 does not allow.
  init?(boundary: String, body: Chunks) {
    guard (1...70).contains(boundary.utf8.count), boundary.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) else {
      return nil
    }
    delimiter = Array("\r\n--\(boundary)".utf8)
    let iterator = body.makeAsyncIterator()
    step = { try await iterator.pull() }
  }

  /// The next part's header, or nil after the last part.
  func nextPart() async throws -> Part? {
    if place == .beforeFirst || place == .inContent {
      while try await nextContent() != nil {}
    }
    guard try await takeDelimiter() else { return nil }
    let part = try parse(header: try await takeHeader())
    place = .inContent
    return part
  }

  /// The whole content of the part whose header was read last.
  func content(limit: Int) async throws -> [UInt8] {
    var all: [UInt8] = []
    while let piece = try await nextContent() {
      guard all.count + piece.count <= limit else { throw Chunks.tooLarge(FormReader.maximumFieldBytes) }
      all += piece
    }
    return all
  }

  /// The content of the current part as it arrives; afterwards the body must end.
  func lastContent() -> Chunks {
    Chunks { [self] in
      return { [self] in
        if place == .atEnd { return nil }
        if let piece = try await nextContent() { return piece }
        guard try await !takeDelimiter() else { throw Problem(.badRequest, "Put the file last in the form.") }
        return nil
      }
    }
  }

  /// Content before the next delimiter, piece by piece; nil when the delimiter stands at the front of the buffer.
  private func nextContent() async throws -> [UInt8]? {
    guard place != .afterContent, place != .atEnd else { return nil }
    while true {
      if let position = buffer.firstRange(of: delimiter)?.lowerBound {
        guard position > 0 else {
          place = .afterContent
          return nil
        }
        return give(position)
      }
      let safe = buffer.count - (delimiter.count - 1)
      if safe > 0 { return give(safe) }
      try await fill()
    }
  }

  private func give(_ count: Int) -> [UInt8] {
    let piece = Array(buffer.prefix(count))
    buffer.removeFirst(piece.count)
    return piece
  }

  /// Steps over a delimiter. False if it was the closing one.
  private func takeDelimiter() async throws -> Bool {
    guard place == .afterContent else { return false }
    buffer.removeFirst(min(delimiter.count, buffer.count))
    while buffer.count < 2 { try await fill() }
    let tail = Array(buffer.prefix(2))
    buffer.removeFirst(2)
    if tail == Array("--".utf8) {
      place = .atEnd
      return false
    }
    guard tail == Array("\r\n".utf8) else { throw MultipartReader.malformed }
    place = .atHeaders
    return true
  }

  private func takeHeader() async throws -> String {
    let blank = Array("\r\n\r\n".utf8)
    while true {
      if let end = buffer.firstRange(of: blank) {
        let header = buffer[..<end.lowerBound]
        guard header.count <= MultipartReader.maximumHeaderBytes,
          let text = String(validating: header, as: UTF8.self)
        else { throw MultipartReader.malformed }
        // The last two bytes stay: an empty content's delimiter begins with them.
        buffer.removeFirst(header.count + blank.count)
        return text
      }
      guard buffer.count <= MultipartReader.maximumHeaderBytes else { throw MultipartReader.malformed }
      try await fill()
    }
  }

  private func fill() async throws {
    guard let chunk = try await step() else { throw Problem(.badRequest, "The form ends too early.") }
    buffer += chunk
  }

  private func parse(header: String) throws -> Part {
    var name: String?
    var filename: String?
    var mediaType = "application/octet-stream"
    for line in header.split(separator: "\r\n") {
      let halves = line.pieces(at: ":", maxSplits: 1)
      guard halves.count == 2, let field = halves.first, let value = halves.last else {
        throw MultipartReader.malformed
      }
      switch field.trimmed.lowercased() {
      case "content-disposition": (name, filename) = try disposition(value.trimmed)
      case "content-type": mediaType = value.trimmed
      default: break
      }
    }
    guard let name else { throw MultipartReader.malformed }
    return Part(name: name, filename: filename, mediaType: mediaType)
  }

  private func disposition(_ value: String) throws -> (name: String?, filename: String?) {
    let pieces = HeaderText.split(value, at: ";")
    guard pieces.first?.trimmed.lowercased() == "form-data" else { throw MultipartReader.malformed }
    var parameters: [String: String] = [:]
    for piece in pieces.dropFirst() {
      guard let (name, value) = HeaderText.parameter(piece.trimmed) else { throw MultipartReader.malformed }
      // Browsers write %22, %0D and %0A for a quote and line ends in names (WHATWG HTML §4.10.21.8).
      parameters[name] = value.replacing("%22", with: "\"").replacing("%0D", with: "\r").replacing("%0A", with: "\n")
    }
    return (parameters["name"], parameters["filename"])
  }

  private static let malformed = Problem(.badRequest, "The multipart form is malformed.")
}
