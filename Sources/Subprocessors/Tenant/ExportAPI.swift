import Platform

/// A part of a tenant's data that can be taken along: a list of the API, walked to its end. `Server` says which there are.
package struct ExportPart: Sendable {
  /// The file's name without its ending.
  package let name: String
  package let titleKey: String
  /// A list of the API: `/v1/vendors`. Or, with `isFile`, what gives the whole at once.
  package let path: String
  package let isFile: Bool

  package init(_ name: String, titleKey: String, path: String, isFile: Bool = false) {
    self.name = name
    self.titleKey = titleKey
    self.path = path
    self.isFile = isFile
  }
}

/// `/v1/export/vendors.jsonl`, `/v1/export/vendors.csv`: everything of one kind as one file.
///
/// Each page of the list is asked for through the front door with the caller's own credential, so a file never holds more than
/// its reader could see anyway.
struct ExportAPI: Sendable {
  static let timeoutSeconds = 900
  /// Items asked for at a time.
  static let pageSize = 200

  let parts: [ExportPart]

  var routes: [Route] {
    parts.filter { !$0.isFile }.flatMap { part in
      [
        Route(
          .get, "/v1/export/\(part.name).jsonl", access: .permission(.dataExport),
          summary: "Export all \(part.name) as JSON Lines.", timeoutSeconds: ExportAPI.timeoutSeconds
        ) { try await ExportAPI.lines(part, $0) },
        Route(
          .get, "/v1/export/\(part.name).csv", access: .permission(.dataExport),
          summary: "Export all \(part.name) as CSV.", timeoutSeconds: ExportAPI.timeoutSeconds
        ) { try await ExportAPI.table(part, $0) },
      ]
    }
  }

  private static func lines(_ part: ExportPart, _ request: Request) async throws -> Response {
    let walk = ListWalk(part, request)
    let first = try await walk.page(after: nil)
    let chunks = Chunks {
      var next: ListWalk.Piece? = first
      return {
        guard let piece = next else { return nil }
        next = try await piece.next.asyncMap { try await walk.page(after: $0) }
        // An empty piece would end the stream.
        return piece.items.isEmpty ? nil : piece.items.flatMap { $0.canonical + [0x0a] }
      }
    }
    return .stream(type: "application/jsonl", length: nil, chunks).attachment("\(part.name).jsonl")
  }

  /// The columns are the members of the first item; every item of a list has the same.
  private static func table(_ part: ExportPart, _ request: Request) async throws -> Response {
    let walk = ListWalk(part, request)
    let first = try await walk.page(after: nil)
    let columns = (first.items.first?.object ?? [:]).keys.sorted()
    let chunks = Chunks {
      var next: ListWalk.Piece? = first
      var isHead = true
      return {
        guard let piece = next else { return nil }
        next = try await piece.next.asyncMap { try await walk.page(after: $0) }
        defer { isHead = false }
        let lines = (isHead ? [columns] : []) + piece.items.map { item in columns.map { CSVCell.text(item[$0]) } }
        return piece.items.isEmpty && !isHead ? nil : Array(lines.map(CSVCell.line).joined().utf8)
      }
    }
    return .stream(type: "text/csv; charset=utf-8", length: nil, chunks).attachment("\(part.name).csv")
  }
}

/// Asks for a list page by page.
struct ListWalk: Sendable {
  struct Piece: Sendable {
    let items: [JSON]
    let next: String?
  }

  private let frontDoor: FrontDoor
  private let path: String
  private let headers: Headers

  init(_ part: ExportPart, _ request: Request) {
    frontDoor = request.services.frontDoor
    path = part.path
    var headers: Headers = ["Accept": "application/json"]
    for name in ["Authorization", "Cookie"] { headers[name] = request.headers[name] }
    self.headers = headers
  }

  func page(after cursor: String?) async throws -> Piece {
    let query = Query(
      pairs: [("limit", String(ExportAPI.pageSize))] + (cursor.map { [(name: "cursor", value: $0)] } ?? []))
    let answer = try await frontDoor.send(FrontDoor.Call(.get, "\(path)?\(query.text)", headers: headers))
    guard answer.status == 200, let json = try? answer.json(), let items = json["items"]?.array else {
      throw Problem(
        .unavailable, "The export broke off; ask for it again.", detail: "\(path) answered \(answer.status)")
    }
    return Piece(items: items, next: json["next"]?.string)
  }
}

/// Cells as spreadsheets read them (RFC 4180).
enum CSVCell {
  static func text(_ value: JSON?) -> String {
    switch value {
    case nil, .null?: ""
    case .bool(let value)?: value ? "true" : "false"
    case .integer(let value)?: String(value)
    case .string(let value)?: guarded(value)
    case .array(let values)?: guarded(values.map { $0.string ?? $0.text }.joined(separator: "; "))
    case .object?: guarded(value?.text ?? "")
    }
  }

  static func line(_ cells: [String]) -> String { cells.map(quoted).joined(separator: ",") + "\r\n" }

  /// What a spreadsheet would take for a formula begins with an apostrophe.
  private static func guarded(_ text: String) -> String {
    guard let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) else { return text }
    return "'" + text
  }

  private static func quoted(_ cell: String) -> String {
    guard cell.utf8.contains(where: { [0x22, 0x2c, 0x0a, 0x0d].contains($0) }) else { return cell }
    return "\"" + cell.replacing("\"", with: "\"\"") + "\""
  }
}

extension Optional {
  fileprivate func asyncMap<T>(_ transform: (Wrapped) async throws -> T) async rethrows -> T? {
    guard let self else { return nil }
    return try await transform(self)
  }
}

extension Response {
  fileprivate func attachment(_ name: String) -> Response {
    header("Content-Disposition", "attachment; filename=\"\(name)\"")
  }
}
