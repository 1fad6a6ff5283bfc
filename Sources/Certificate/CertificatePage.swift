import Kernel

/// The statement for people: one self-contained page without script, that prints well. Not authoritative: statement.json is.
package enum CertificatePage {
  /// `statement` is the fact of §6.1, `evidence` the list of §6.3; origin and index say where it is recorded.
  package static func html(statement: JSON, evidence: JSON, origin: String, index: Int64) -> String {
    let vendor = text(statement["vendor"]?["name"])
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <title>Certificate of offboarding: \(vendor)</title>
      <style>
      \(CertificateStyle.css)
      </style>
      </head>
      <body>
      <main>
      \(head(statement, vendor: vendor))
      \(steps(statement))
      \(evidenceTable(statement, evidence))
      \(remains(statement))
      \(limits(statement))
      \(record(statement, origin: origin, index: index))
      </main>
      </body>
      </html>

      """
  }

  private static func head(_ statement: JSON, vendor: String) -> String {
    let registry = statement["vendor"]?["registry_id"]?.string.map { " (register no. \(escape($0)))" } ?? ""
    let categories = list(statement["data_categories"]).map { text($0) }
    let named = categories.isEmpty ? "none named" : categories.joined(separator: ", ")
    let template = statement["template"]
    let version = template?["version"]?.integer.map(String.init) ?? ""
    return """
      <header>
      <p class="kind">Certificate of offboarding</p>
      <h1>\(vendor)</h1>
      <p class="lead">\(text(statement["tenant"]?["name"])) ended its relationship with \(vendor)\(registry). All steps of the
      template were completed, as stated below.</p>
      </header>
      <dl>
      <dt>Relationship ended</dt><dd>\(day(statement["case"]?["terminated_on"]))</dd>
      <dt>Case opened</dt><dd>\(time(statement["case"]?["opened_at"]))</dd>
      <dt>Certificate issued</dt><dd>\(time(statement["issued_at"])) by \(text(statement["issued_by"]?["name"]))</dd>
      <dt>Data concerned</dt><dd>\(named)</dd>
      <dt>Template</dt><dd>\(text(template?["name"])), version \(version)</dd>
      </dl>
      """
  }

  private static func steps(_ statement: JSON) -> String {
    let grades = gradesByID(statement)
    let items = list(statement["steps"]).map { step in
      let evidence = list(step["evidence"]).compactMap(\.string).compactMap { grades[$0] }
      let shown = evidence.isEmpty ? "no evidence" : "evidence: " + evidence.sorted().map(badge).joined(separator: " ")
      let approval = step["approved_by"]?["name"].map {
        "<p>Approved by \(text($0)) on \(time(step["approved_at"]))</p>"
      }
      let note = step["note"]?.string.flatMap { $0.isEmpty ? nil : "<p class=\"note\">\(escape($0))</p>" }
      return """
        <li>
        <h3>\(text(step["title"]))</h3>
        <p>Completed by \(text(step["completed_by"]?["name"])) on \(time(step["completed_at"])), \(shown)</p>
        \([approval, note].compactMap { $0 }.joined(separator: "\n"))
        </li>
        """
    }
    return "<section><h2>What was done</h2>\n<ol class=\"steps\">\n\(items.joined(separator: "\n"))\n</ol></section>"
  }

  private static func evidenceTable(_ statement: JSON, _ evidence: JSON) -> String {
    let titles = stepTitles(statement)
    let rows = list(evidence).map { piece in
      let step = piece["step"]?.string ?? ""
      let size = piece["size"]?.integer.map(String.init) ?? ""
      return """
        <tr><td>\(badge(piece["grade"]?.string ?? ""))</td><td>\(escape(titles[step] ?? step))</td>
        <td>\(text(piece["name"]))<br><span class="small">\(text(piece["kind"])), \(text(piece["media_type"])), \(size) bytes</span><br>
        <code>\(text(piece["sha256"]))</code></td></tr>
        """
    }
    let meanings = Grade.allCases.map { "<li>\(badge($0.rawValue)) \(escape($0.meaning))</li>" }.joined(separator: "\n")
    let table =
      rows.isEmpty
      ? "<p>No evidence was attached.</p>"
      : """
      <table>
      <thead><tr><th scope="col">Grade</th><th scope="col">Step</th><th scope="col">File and SHA-256</th></tr></thead>
      <tbody>
      \(rows.joined(separator: "\n"))
      </tbody>
      </table>
      """
    return """
      <section><h2>Evidence</h2>
      \(table)
      <h3>What the grades mean</h3>
      <ul class="grades">
      \(meanings)
      </ul></section>
      """
  }

  private static func remains(_ statement: JSON) -> String {
    let titles = stepTitles(statement)
    let items = list(statement["remains"]).map { rest in
      let until = rest["until"]?.string.map { "until \(escape($0))" } ?? "no end is known"
      let step = rest["step"]?.string ?? ""
      return
        "<li>\(text(rest["what"])), at \(text(rest["where"])), \(until) <span class=\"small\">(\(escape(titles[step] ?? step)))</span></li>"
    }
    let body = items.isEmpty ? "<p>Nothing that was declared.</p>" : "<ul>\n\(items.joined(separator: "\n"))\n</ul>"
    return "<section><h2>What remains</h2>\n\(body)</section>"
  }

  private static func limits(_ statement: JSON) -> String {
    let items = list(statement["limits"]).map { "<li>\(text($0))</li>" }.joined(separator: "\n")
    return "<section><h2>What is not claimed</h2>\n<ul>\n\(items)\n</ul></section>"
  }

  private static func record(_ statement: JSON, origin: String, index: Int64) -> String {
    """
    <footer><h2>How to check this</h2>
    <p>This page is a reading aid. What counts is <code>statement.json</code> in the same bundle, recorded in the log
    <code>\(escape(origin))</code> as entry \(index). Check it without network:
    <code>steward-verify --key steward.vkey certificate.zip</code></p>
    <p class="small">Case <code>\(text(statement["case"]?["id"]))</code>, tenant <code>\(text(statement["tenant"]?["id"]))</code>,
    vendor <code>\(text(statement["vendor"]?["id"]))</code>, template <code>\(text(statement["template"]?["hash"]))</code></p>
    </footer>
    """
  }
}

// MARK: - Pieces

extension CertificatePage {
  private static func list(_ json: JSON?) -> [JSON] { json?.array ?? [] }
  private static func text(_ json: JSON?) -> String { escape(json?.string ?? "") }
  private static func badge(_ grade: String) -> String { "<span class=\"grade\">\(escape(grade))</span>" }
  private static func day(_ json: JSON?) -> String { "<time>\(text(json))</time>" }

  /// `2026-11-21 08:00 UTC` from a time of ours; anything else as it is.
  private static func time(_ json: JSON?) -> String {
    guard let written = json?.string, let instant = Instant(written) else { return text(json) }
    let clock = instant.description.utf8.dropFirst(11).prefix(5)
    return "<time datetime=\"\(instant)\">\(instant.day) \(String(decoding: Array(clock), as: UTF8.self)) UTC</time>"
  }

  private static func gradesByID(_ statement: JSON) -> [String: String] {
    var grades: [String: String] = [:]
    for piece in list(statement["evidence"]) {
      if let id = piece["id"]?.string { grades[id] = piece["grade"]?.string ?? "" }
    }
    return grades
  }

  private static func stepTitles(_ statement: JSON) -> [String: String] {
    var titles: [String: String] = [:]
    for step in list(statement["steps"]) {
      if let id = step["id"]?.string { titles[id] = step["title"]?.string ?? "" }
    }
    return titles
  }

  private static func escape(_ text: String) -> String {
    var out: [UInt8] = []
    out.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "&"): out += "&amp;".utf8
      case UInt8(ascii: "<"): out += "&lt;".utf8
      case UInt8(ascii: ">"): out += "&gt;".utf8
      case UInt8(ascii: "\""): out += "&quot;".utf8
      case UInt8(ascii: "'"): out += "&#39;".utf8
      case 0..<0x20 where byte != 0x0a && byte != 0x09: out += "\u{fffd}".utf8
      default: out.append(byte)
      }
    }
    return String(decoding: out, as: UTF8.self)
  }
}
