import Kernel

/// Which column of a vendor register says what, found from its header line.
///
///     registry_id,name,privacy_url,standard_retention_days,data_categories,purposes,deleted_on
package struct VendorColumns: Sendable, Equatable {
  package enum Column: String, Sendable, CaseIterable {
    case registryID = "registry_id"
    case name
    case privacyURL = "privacy_url"
    case retentionDays = "standard_retention_days"
    case dataCategories = "data_categories"
    case purposes
    case deletedOn = "deleted_on"
  }

  package let columns: [Column]

  /// Columns may come in any order; `registry_id` and `name` must be there, each at most once.
  package init(header: [String]) throws(InvalidInput) {
    var columns: [Column] = []
    for title in header {
      let word = Words.trimmed(title).lowercased()
      let alias = word == "retention_days" ? Column.retentionDays : Column(rawValue: word)
      guard let column = alias else {
        throw VendorColumns.fault(
          "The column “\(Words.excerpt(title))” is not known. Known are \(VendorColumns.known).")
      }
      guard !columns.contains(column) else { throw VendorColumns.fault("The column \(column.rawValue) occurs twice.") }
      columns.append(column)
    }
    for needed in [Column.registryID, .name] where !columns.contains(needed) {
      throw VendorColumns.fault("The first line must name the columns, and \(needed.rawValue) is missing.")
    }
    self.columns = columns
  }

  private static var known: String { Column.allCases.map(\.rawValue).joined(separator: ", ") }

  private static func fault(_ message: String) -> InvalidInput {
    InvalidInput(errors: [Problem.FieldError("line 1", message)])
  }
}

extension Words {
  /// The visible beginning of a text, for repeating it in a message.
  package static func excerpt(_ text: String, limit: Int = 40) -> String {
    let seen = searchable(text)
    return seen.count <= limit ? seen : String(seen.prefix(limit)) + "…"
  }
}

/// A line that was left out of an import, and why.
package struct RejectedLine: Sendable, Equatable {
  package let line: Int
  package let field: String
  package let reason: String
}

/// A line that passed: what it says about the vendor with this registry id.
package struct ImportedLine: Sendable, Equatable {
  package let line: Int
  package let registryID: String
  package let draft: VendorDraft
  /// The vendor as a new one would be.
  package let details: VendorDetails
}

extension VendorColumns {
  /// A line, checked by itself. An empty field says that nothing is declared; an absent column says nothing at all.
  package func line(_ record: CSVReader.Record) -> Result<ImportedLine, Rejection> {
    guard record.fields.count == columns.count else {
      return reject(
        record, "line", "The line has \(record.fields.count) fields, the first line has \(columns.count).")
    }
    var draft = VendorDraft()
    for (column, text) in zip(columns, record.fields) {
      if let reason = VendorColumns.set(column, to: text, in: &draft) { return reject(record, column.rawValue, reason) }
    }
    guard case .set(let registryID) = draft.registryID else {
      return reject(record, Column.registryID.rawValue, "The registry id is missing.")
    }
    switch draft.applied(to: nil) {
    case .success(let details):
      return .success(ImportedLine(line: record.line, registryID: registryID, draft: draft, details: details))
    case .failure(let invalid):
      let first = invalid.errors.first
      return reject(
        record, first.map { VendorColumns.columnName($0.field) } ?? "line", first?.message ?? "The line is not valid.")
    }
  }

  package struct Rejection: Error, Equatable {
    package let rejected: RejectedLine
  }

  private func reject(_ record: CSVReader.Record, _ field: String, _ reason: String) -> Result<ImportedLine, Rejection>
  {
    .failure(Rejection(rejected: RejectedLine(line: record.line, field: field, reason: reason)))
  }

  private static func columnName(_ field: String) -> String {
    field == "retention_days" ? Column.retentionDays.rawValue : field
  }

  /// Nil, or why the text does not fit the column.
  private static func set(_ column: Column, to text: String, in draft: inout VendorDraft) -> String? {
    let trimmed = Words.trimmed(text)
    switch column {
    case .registryID: draft.registryID = trimmed.isEmpty ? .clear : .set(trimmed)
    case .name: draft.name = .set(trimmed.isEmpty ? "" : text)
    case .privacyURL: draft.privacyURL = trimmed.isEmpty ? .clear : .set(trimmed)
    case .dataCategories: draft.dataCategories = .set(Words.list(text))
    case .purposes: draft.purposes = .set(Words.list(text))
    case .retentionDays:
      guard !trimmed.isEmpty else {
        draft.retentionDays = .clear
        return nil
      }
      guard trimmed.utf8.count <= 9, trimmed.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let days = Int(trimmed)
      else { return "Retention is a whole number of days from 0 to 36500." }
      draft.retentionDays = .set(days)
    case .deletedOn:
      guard !trimmed.isEmpty else { return nil }
      guard let day = VendorColumns.day(trimmed) else {
        return "This is not a day such as 2026-11-21, or a time such as 2026-11-21T08:00:00Z."
      }
      draft.endedOn = .set(day)
      draft.relationship = .set(.ended)
    }
    return nil
  }

  /// A day, or the day of an RFC 3339 time in UTC.
  private static func day(_ text: String) -> Day? {
    if let day = Day(text) { return day }
    let parts = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let time = parts.last, time.hasSuffix("Z") else { return nil }
    let seconds = time.dropLast().prefix(8)
    let fraction = time.dropLast().dropFirst(8)
    guard
      fraction.isEmpty
        || (fraction.first == "." && (2...10).contains(fraction.count)
          && fraction.dropFirst().allSatisfy(\.isASCIIDigit)),
      Instant("\(parts[0])T\(seconds).000Z") != nil || (Day(parts[0]).map { $0.daysSince1970 < 0 } ?? false)
    else { return nil }
    return Day(parts[0])
  }
}

extension Character {
  fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) && isASCII }
}
