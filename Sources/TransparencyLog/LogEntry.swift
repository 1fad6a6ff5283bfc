import Kernel

/// What one command did, as it stands in the log (docs/format.md §3.1). Holds no content: ids, counts, hashes.
package struct LeafEntry: Sendable, Equatable {
  package var time: Instant
  package var command: CommandID
  /// `person:<id>`, `operator:<id>` or `system:<name>`.
  package var actor: String
  /// Dotted lower-case verb.
  package var action: String
  /// `<type>:<id>`.
  package var object: String
  /// How many entries of this log have the same object and come before.
  package var ordinal: Int64
  /// Index of the last of those.
  package var previous: Int64?
  package var instruction: String?
  package var changeCount: Int
  package var changeRoot: Digest
  package var commitments: [Digest]

  package init(
    time: Instant, command: CommandID, actor: String, action: String, object: String, ordinal: Int64, previous: Int64?,
    instruction: String?, changeCount: Int, changeRoot: Digest, commitments: [Digest]
  ) {
    self.time = time
    self.command = command
    self.actor = actor
    self.action = action
    self.object = object
    self.ordinal = ordinal
    self.previous = previous
    self.instruction = instruction
    self.changeCount = changeCount
    self.changeRoot = changeRoot
    self.commitments = commitments
  }
}

// MARK: - Writing

extension LeafEntry {
  /// The leaf data. Throws if it would not be read back: a limit, or a text outside the format.
  package func encoded() throws -> [UInt8] {
    try check()
    var out: [UInt8] = []
    out.reserveCapacity(480 + commitments.count * 47)
    out += #"{"action":"#.utf8
    LeafWriter.append(token: action, to: &out)
    out += #","actor":"#.utf8
    LeafWriter.append(token: actor, to: &out)
    out += #","changes":{"count":"#.utf8
    out += String(changeCount).utf8
    out += #","root":"#.utf8
    LeafWriter.append(changeRoot, to: &out)
    out += #"},"command":"#.utf8
    LeafWriter.append(token: command.text, to: &out)
    out += #","commitments":["#.utf8
    for (position, commitment) in commitments.enumerated() {
      if position > 0 { out.append(UInt8(ascii: ",")) }
      LeafWriter.append(commitment, to: &out)
    }
    out += #"],"instruction":"#.utf8
    LeafWriter.append(token: instruction, to: &out)
    out += #","kind":"command","object":"#.utf8
    LeafWriter.append(token: object, to: &out)
    out += #","ordinal":"#.utf8
    out += String(ordinal).utf8
    out += #","previous":"#.utf8
    if let previous { out += String(previous).utf8 } else { out += "null".utf8 }
    out += #","time":"#.utf8
    LeafWriter.append(token: time.description, to: &out)
    out += #","v":1}"#.utf8
    guard out.count <= LogLimit.leafBytes else {
      throw LogError("the entry is larger than \(LogLimit.leafBytes) bytes")
    }
    return out
  }

  private func check() throws {
    guard (0...LogLimit.changesPerCommand).contains(changeCount) else {
      throw LogError("a command writes at most \(LogLimit.changesPerCommand) rows")
    }
    guard commitments.count <= LogLimit.commitmentsPerCommand else {
      throw LogError("a command commits to at most \(LogLimit.commitmentsPerCommand) facts")
    }
    guard (0...LogLimit.treeSize).contains(ordinal), (0...LogLimit.treeSize).contains(previous ?? 0),
      (ordinal == 0) == (previous == nil)
    else { throw LogError("the first entry of an object has ordinal 0 and no previous one, all others have both") }
    guard LeafEntry.isAction(action) else { throw LogError("the action must be a dotted lower-case verb") }
    guard LeafEntry.isActor(actor) else {
      throw LogError("the actor must be a person, an operator or a part of the system")
    }
    guard LeafEntry.isObject(object) else { throw LogError("the object must be a type and an id") }
    guard instruction.map(LeafScanner.isToken) ?? true else { throw LogError("the instruction must be an id") }
  }

  static func isAction(_ text: String) -> Bool {
    guard (1...128).contains(text.utf8.count) else { return false }
    var isInside = false
    for byte in text.utf8 {
      switch byte {
      case 0x61...0x7a, 0x30...0x39, 0x5f, 0x2d: isInside = true
      case UInt8(ascii: ".") where isInside: isInside = false
      default: return false
      }
    }
    return isInside
  }

  static func isActor(_ text: String) -> Bool {
    guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return false }
    let name = text[text.index(after: colon)...]
    switch text[..<colon] {
    case "person", "operator": return PersonID(name) != nil
    case "system": return LeafScanner.isToken(String(name))
    default: return false
    }
  }

  static func isObject(_ text: String) -> Bool {
    guard LeafScanner.isToken(text), let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return false }
    return colon > text.startIndex && text.utf8.index(after: colon) < text.endIndex
  }
}

// MARK: - Reading

extension LeafEntry {
  /// Reads leaf data of a command; refuses every other spelling, member, version and kind.
  package init(parsing bytes: [UInt8]) throws {
    guard bytes.count <= LogLimit.leafBytes else {
      throw LogError("the entry is larger than \(LogLimit.leafBytes) bytes")
    }
    var scanner = LeafScanner(bytes)
    try scanner.expect(#"{"action":"#)
    action = try scanner.token()
    try scanner.expect(#","actor":"#)
    actor = try scanner.token()
    try scanner.expect(#","changes":{"count":"#)
    changeCount = Int(try scanner.integer())
    try scanner.expect(#","root":"#)
    changeRoot = try scanner.digest()
    try scanner.expect(#"},"command":"#)
    guard let command = CommandID(try scanner.token()) else { throw LogError("the entry's command is not an id") }
    self.command = command
    try scanner.expect(#","commitments":["#)
    commitments = try LeafEntry.commitments(&scanner)
    try scanner.expect(#"],"instruction":"#)
    instruction = try scanner.optionalToken()
    try scanner.expect(#","kind":"command","object":"#)
    object = try scanner.token()
    try scanner.expect(#","ordinal":"#)
    ordinal = try scanner.integer()
    try scanner.expect(#","previous":"#)
    previous = try scanner.optionalInteger()
    try scanner.expect(#","time":"#)
    time = try scanner.instant()
    try scanner.expect(#","v":1}"#)
    guard scanner.isAtEnd else { throw LogError("there is something behind the entry") }
    try check()
  }

  private static func commitments(_ scanner: inout LeafScanner) throws -> [Digest] {
    var commitments: [Digest] = []
    guard scanner.isAt(UInt8(ascii: "\"")) else { return commitments }
    repeat {
      guard commitments.count < LogLimit.commitmentsPerCommand else {
        throw LogError("a command commits to at most \(LogLimit.commitmentsPerCommand) facts")
      }
      commitments.append(try scanner.digest())
    } while scanner.takes(",")
    return commitments
  }
}
