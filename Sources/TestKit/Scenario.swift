import Platform

/// A story as text: who asks for what, and what must come back.
///
///     as anna
///     POST /v1/vendors
///     {"name": "Initech"}
///     201
///     header Steward-Receipt
///     has "Initech"
///     keep vendor = id
///
///     GET /v1/vendors/{vendor}
///     200
///     hasn't "Hooli"
///
/// Lines that begin with # are for the reader. `type text/csv` goes before a body.
package struct Scenario: Sendable {
  package struct Failure: Error, CustomStringConvertible {
    package let line: Int
    package let reason: String
    package var description: String { "line \(line): \(reason)" }
  }

  private let lines: [String]

  package init(_ text: String) {
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  /// Plays the story. Throws a `Failure` at the first line that is not so. `kept` may hold values beforehand.
  package func play(_ guests: [String: Guest], kept: [String: String] = [:]) async throws {
    var stage = Stage(guests: guests, kept: kept)
    for (offset, line) in lines.enumerated() {
      do { try await stage.read(line.trimmed) } catch let failure as StageError {
        throw Failure(line: offset + 1, reason: failure.reason)
      }
    }
  }
}

private struct StageError: Error {
  let reason: String
}

/// What has happened so far.
private struct Stage {
  let guests: [String: Guest]
  var kept: [String: String]
  private var guest: Guest?
  private var call: (method: Method, target: String)?
  private var body = ""
  private var type: String?
  private var answer: FrontDoor.Answer?

  init(guests: [String: Guest], kept: [String: String]) {
    self.guests = guests
    self.kept = kept
  }

  mutating func read(_ raw: String) async throws {
    guard !raw.isEmpty, !raw.hasPrefix("#") else { return }
    let line = filled(raw)
    let (word, rest) = halves(line)
    if word == "as" {
      guard let found = guests[rest] else { throw StageError(reason: "nobody is called \(rest)") }
      guest = found
    } else if let method = Method(rawValue: word) {
      call = (method, rest)
      (body, type, answer) = ("", nil, nil)
    } else if word == "type" {
      type = rest
    } else if let status = Int(word), rest.isEmpty {
      try await perform(expecting: status)
    } else if answer == nil, call != nil {
      body += (body.isEmpty ? "" : "\n") + line
    } else {
      try check(word, rest)
    }
  }

  private mutating func perform(expecting status: Int) async throws {
    guard let guest, let call else { throw StageError(reason: "say who asks for what before the status") }
    var headers: Headers = [:]
    if !body.isEmpty { headers["Content-Type"] = type ?? "application/json" }
    let answer = try await guest.send(call.method, call.target, headers: headers, body: Array(body.utf8))
    self.answer = answer
    guard answer.status == status else {
      throw StageError(reason: "expected \(status), got \(answer.status): \(answer.text.prefix(500))")
    }
  }

  private mutating func check(_ word: String, _ rest: String) throws {
    guard let answer else { throw StageError(reason: "“\(word)” is not understood here") }
    switch word {
    case "has":
      guard answer.text.contains(unquoted(rest)) else {
        throw StageError(reason: "\(rest) is not in \(answer.text.prefix(500))")
      }
    case "hasn't":
      guard !answer.text.contains(unquoted(rest)) else { throw StageError(reason: "\(rest) is in the answer") }
    case "header":
      let (name, value) = halves(rest)
      guard let found = answer.headers[name], value.isEmpty || found.contains(value) else {
        throw StageError(reason: "the header \(rest) is missing")
      }
    case "keep":
      let pieces = rest.split(separator: "=", maxSplits: 1).map(\.trimmed)
      guard pieces.count == 2, let value = member(pieces[1], of: try? answer.json()) else {
        throw StageError(reason: "there is no \(rest) to keep in \(answer.text.prefix(500))")
      }
      kept[pieces[0]] = value
    default: throw StageError(reason: "“\(word)” is not understood")
    }
  }

  /// "items.0.id" in a JSON value.
  private func member(_ path: String, of json: JSON?) -> String? {
    var value = json
    for piece in path.split(separator: ".") {
      if let index = Int(piece) {
        let items = value?.array ?? []
        value = items.indices.contains(index) ? items[index] : nil
      } else {
        value = value?[String(piece)]
      }
    }
    return value?.string ?? value?.integer.map(String.init)
  }

  private func filled(_ line: String) -> String {
    kept.reduce(line) { $0.replacing("{\($1.key)}", with: $1.value) }
  }

  private func halves(_ line: String) -> (String, String) {
    let pieces = line.split(separator: " ", maxSplits: 1)
    return (pieces.first.map(String.init) ?? "", pieces.dropFirst().first?.trimmed ?? "")
  }

  private func unquoted(_ text: String) -> String {
    text.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"") ? String(text.dropFirst().dropLast()) : text
  }
}
