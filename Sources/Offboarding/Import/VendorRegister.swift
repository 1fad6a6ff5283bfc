import Kernel

/// A whole vendor register, read and checked before anything of it is written.
///
/// The lines that passed are kept encoded, one buffer for each thousand, so that 100,000 lines take little more memory than the
/// file has bytes; nothing is written to disk in clear.
package struct VendorRegister: Sendable {
  package enum Limit {
    /// Bytes of one file.
    package static let bytes = 64 << 20
    /// Lines after the header.
    package static let lines = 250_000
    /// Rejected lines that are told one by one; the total is always told.
    package static let rejectedShown = 1_000
    /// Lines of one piece, and rows written by one command.
    package static let piece = 1_000
  }

  package private(set) var columns: VendorColumns?
  package private(set) var rejected: [RejectedLine] = []
  package private(set) var rejectedTotal = 0
  package private(set) var accepted = 0
  private var pieces: [[UInt8]] = []
  private var lineOf: [String: Int] = [:]

  package init() {}

  /// Reads `chunks` to the end; `invalid` with the line if they are not CSV, and nothing has happened then.
  package static func read<Bytes: AsyncSequence>(
    _ chunks: Bytes, limits: CSVReader.Limits = CSVReader.Limits()
  ) async throws -> VendorRegister where Bytes.Element == [UInt8] {
    var register = VendorRegister()
    var reader = CSVReader(limits: limits)
    do {
      for try await chunk in chunks { try reader.read(chunk) { try register.take($0) } }
      try reader.finish { try register.take($0) }
    } catch let error as CSVReader.SyntaxError {
      throw Problem.invalid(
        "line \(error.line)", "The file is not CSV as RFC 4180 has it: on line \(error.line) \(error.reason).")
    } catch let error as InvalidInput {
      throw error.problem
    }
    guard register.columns != nil else {
      throw Problem.invalid("line 1", "The file is empty; send a CSV file with a header line.")
    }
    register.lineOf = [:]
    return register
  }

  private mutating func take(_ record: CSVReader.Record) throws {
    guard let columns else {
      self.columns = try VendorColumns(header: record.fields)
      return
    }
    guard accepted + rejectedTotal < Limit.lines else {
      throw Problem.invalid("line \(record.line)", "A register has at most \(Limit.lines) lines; send it in parts.")
    }
    switch columns.line(record) {
    case .failure(let rejection): reject(rejection.rejected)
    case .success(let line):
      if let earlier = lineOf[line.registryID] {
        reject(
          RejectedLine(line: line.line, field: "registry_id", reason: "The same registry id stands on line \(earlier).")
        )
      } else {
        lineOf[line.registryID] = line.line
        keep(record)
      }
    }
  }

  private mutating func reject(_ line: RejectedLine) {
    rejectedTotal += 1
    if rejected.count < Limit.rejectedShown { rejected.append(line) }
  }
}

// MARK: - The kept lines

extension VendorRegister {
  private mutating func keep(_ record: CSVReader.Record) {
    if accepted % Limit.piece == 0 { pieces.append([]) }
    accepted += 1
    let encoded = CBOR.array([.integer(Int64(record.line))] + record.fields.map(CBOR.text)).encoded
    let count = UInt32(clamping: encoded.count)
    for shift in [24, 16, 8, 0] { pieces[pieces.count - 1].append(UInt8(truncatingIfNeeded: count >> UInt32(shift))) }
    pieces[pieces.count - 1] += encoded
  }

  package var pieceCount: Int { pieces.count }

  /// The lines of one piece, at most a thousand, in the order of the file.
  package func piece(_ number: Int) -> [ImportedLine] {
    guard let columns, pieces.indices.contains(number) else { return [] }
    let bytes = pieces[number]
    var lines: [ImportedLine] = []
    var position = 0
    while position + 4 <= bytes.count {
      let count = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      let end = position + 4 + count
      guard end <= bytes.count, let record = VendorRegister.record(Array(bytes[position + 4..<end])),
        case .success(let line) = columns.line(record)
      else { return lines }
      lines.append(line)
      position = end
    }
    return lines
  }

  private static func record(_ encoded: [UInt8]) -> CSVReader.Record? {
    guard let parts = try? CBOR.decode(encoded).array, let line = parts.first?.integer else { return nil }
    return CSVReader.Record(line: Int(line), fields: parts.dropFirst().compactMap(\.text))
  }
}
