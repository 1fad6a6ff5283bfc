import Custody
import Platform
import Yams

/// The configuration file as it was read: a checked value and a line for each key that stands in it.
package struct SettingsFile: Sendable {
  package let path: String
  package let values: [String: SettingValue]
  package let lines: [String: Int]

  /// Something in the file that cannot stay, and what to do about it.
  package struct Finding: Sendable, Equatable, CustomStringConvertible {
    package let file: String
    package let line: Int
    package let sentence: String
    package var description: String { "\(file):\(line): \(sentence)" }
  }

  /// All that is wrong, at once: nobody wants to start a server five times to find five mistakes.
  package struct Refused: Error, Sendable, CustomStringConvertible {
    package let findings: [Finding]
    package var description: String { findings.map(\.description).joined(separator: "\n") }
  }

  /// Reads and checks the file. Throws `Refused`, or a `Problem` if there is none.
  package init(reading path: String) throws {
    guard let bytes = try SettingsFile.bytes(of: path) else {
      throw Problem(
        .unavailable, "There is no configuration file \(path); copy the example there, or name another with --config.")
    }
    try self.init(path: path, text: String(decoding: bytes, as: UTF8.self))
  }

  package init(path: String, text: String) throws {
    var reading = Reading(path: path)
    reading.read(text)
    guard reading.findings.isEmpty else {
      throw Refused(findings: reading.findings.sorted { ($0.line, $0.sentence) < ($1.line, $1.sentence) })
    }
    (self.path, values, lines) = (path, reading.values, reading.lines)
  }

  func finding(_ key: String, _ sentence: String) -> Finding {
    Finding(file: path, line: lines[key] ?? 1, sentence: sentence)
  }

  /// Nil if there is none. Whoever may write this file decides where the keys lie: it must be ours.
  private static func bytes(of path: String) throws -> [UInt8]? {
    guard let facts = FileFacts(of: path) else { return nil }
    guard facts.mode & 0o022 == 0 else {
      throw Refused(findings: [
        Finding(file: path, line: 1, sentence: "Others may change this file; run chmod go-w \(path).")
      ])
    }
    guard facts.size <= SettingLimits.largestFile else {
      throw Refused(findings: [
        Finding(file: path, line: 1, sentence: "Keep it below \(SettingLimits.largestFile) bytes.")
      ])
    }
    return try DurableFile.read(path)
  }
}

extension SettingsFile.Refused {
  /// The same for commands: one sentence, then a line for each finding.
  package var problem: Problem {
    Problem(
      .unavailable, "Correct the configuration file, then try again.",
      errors: findings.map { Problem.FieldError("\($0.file):\($0.line)", $0.sentence) })
  }
}

/// A walk through the file's nodes.
private struct Reading {
  let path: String
  var values: [String: SettingValue] = [:]
  var lines: [String: Int] = [:]
  var findings: [SettingsFile.Finding] = []

  mutating func find(_ line: Int, _ sentence: String) {
    findings.append(SettingsFile.Finding(file: path, line: line, sentence: sentence))
  }

  mutating func read(_ text: String) {
    let root: Node?
    do {
      root = try Parser(yaml: text, encoding: .utf8).singleRoot()
    } catch {
      return findSyntax(error)
    }
    guard let root, !root.isNothing else { return }
    guard case .mapping(let mapping) = root else {
      return find(root.line, "Write keys and values, such as data: /var/lib/steward/data.")
    }
    for (key, node) in mapping {
      let name = key.scalar?.string ?? ""
      if SettingsSchema.sections.contains(where: { $0.name == name }) {
        readSection(name, node, line: key.line)
      } else {
        readKey(name, node, line: key.line, among: SettingsSchema.keys.filter { $0.section == nil })
      }
    }
  }

  private mutating func readSection(_ section: String, _ node: Node, line: Int) {
    if node.isNothing { return }
    guard case .mapping(let mapping) = node else {
      return find(line, "\(section) is a section: write its keys below it, indented.")
    }
    for (key, node) in mapping {
      readKey(
        "\(section).\(key.scalar?.string ?? "")", node, line: key.line,
        among: SettingsSchema.keys.filter { $0.section == section })
    }
  }

  private mutating func readKey(_ path: String, _ node: Node, line: Int, among keys: [SettingKey]) {
    guard let key = keys.first(where: { $0.path == path }) else {
      return find(line, unknown(path, among: keys))
    }
    lines[path] = line
    if node.isNothing { return }
    if case .items(let members) = key.kind {
      guard let items = items(of: node, members, path, line) else { return }
      values[path] = .items(items)
    } else if let value = key.kind.value(of: node) {
      values[path] = value
    } else {
      find(line, "Write \(key.kind.words) for \(path).")
    }
  }

  private mutating func items(
    of node: Node, _ members: [SettingKey], _ path: String, _ line: Int
  ) -> [[String: SettingValue]]? {
    guard case .sequence(let sequence) = node, sequence.count <= SettingLimits.longestList else {
      find(line, "Write \(SettingKey.Kind.items(members).words) for \(path).")
      return nil
    }
    return sequence.map { item in
      var inner = Reading(path: self.path)
      inner.readItem(item, members, of: path)
      findings += inner.findings
      return inner.values
    }
  }

  private mutating func readItem(_ item: Node, _ members: [SettingKey], of path: String) {
    guard case .mapping(let mapping) = item else {
      return find(item.line, "Write \(SettingKey.Kind.items(members).words) for \(path).")
    }
    for (key, node) in mapping { readKey(key.scalar?.string ?? "", node, line: key.line, among: members) }
    for member in members where values[member.path] == nil && lines[member.path] == nil {
      find(item.line, "Say \(member.name) for this entry of \(path).")
    }
  }

  // MARK: Refusals

  /// A key that nobody knows: a secret in the wrong place, a slip of the keyboard, or something that does not exist.
  private func unknown(_ path: String, among keys: [SettingKey]) -> String {
    let name = path.split(separator: ".").last.map(String.init) ?? path
    if let file = keys.first(where: { $0.name == name + "_file" }) {
      return "No secret stands in this file: write it to a file of its own and name that with \(file.path)."
    }
    let shown = String(path.filter { $0.isASCII && !$0.isWhitespace }.prefix(60))
    if let near = keys.map(\.name).min(by: { distance($0, name) < distance($1, name) }), distance(near, name) <= 2 {
      return "There is no key \(shown); did you mean \(near)?"
    }
    let names = keys.map(\.name).joined(separator: ", ")
    return "There is no key \(shown); take it out, or use one of \(names)."
  }

  private mutating func findSyntax(_ error: any Error) {
    switch error as? YamlError {
    case .duplicatedKeysInMapping(let names, let context)?:
      find(context.mark.line, "\(names.sorted().joined(separator: ", ")) stands here twice; keep one of them.")
    case .scanner(_, let problem, let mark, _)?, .parser(_, let problem, let mark, _)?,
      .composer(_, let problem, let mark, _)?:
      find(mark.line, "This is not YAML (\(problem)); look at the indentation and the quotes.")
    case .reader?: find(1, "This is not text in UTF-8; save it as such.")
    default: find(1, "This cannot be read as YAML; compare it with the example.")
    }
  }

  /// Levenshtein's distance, for words of a few letters.
  private func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.utf8.prefix(40)), Array(b.utf8.prefix(40)))
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let next = min(row[j + 1] + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
        diagonal = row[j + 1]
        row[j + 1] = next
      }
    }
    return row[b.count]
  }
}

extension Node {
  fileprivate var line: Int { mark?.line ?? 1 }

  /// An empty value counts as if the key were not there.
  fileprivate var isNothing: Bool {
    guard case .scalar(let scalar) = self else { return false }
    return scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
  }
}
