import Kernel

/// Who acts. Random ids only: the link to a person lies in a sealed row.
package struct Actor: Hashable, Sendable, CustomStringConvertible {
  package let description: String
  package static func person(_ id: PersonID) -> Actor { Actor(description: "person:\(id)") }
  package static func system(_ part: StaticString) -> Actor { Actor(description: "system:\(part)") }
}

/// What a command is about: `case:01…`.
package struct ObjectRef: Hashable, Sendable, CustomStringConvertible {
  package let type: String
  package let id: String
  package var description: String { "\(type):\(id)" }

  package init(_ type: StaticString, _ id: some CustomStringConvertible) {
    self.type = "\(type)"
    self.id = id.description
  }

  /// As in an entry, `type:id`; nil for anything else.
  package init?(parsing text: String) {
    let halves = text.split(separator: ":", maxSplits: 1).map(String.init)
    guard halves.count == 2 else { return nil }
    (type, id) = (halves[0], halves[1])
  }
}

/// The header of a command: what is done, on what, by whom.
package struct Act: Sendable {
  package let action: String
  package let object: ObjectRef
  package let actor: Actor
  package let command: CommandID?
  package let instruction: String?

  package init(
    _ action: StaticString, on object: ObjectRef, by actor: Actor, command: CommandID? = nil, instruction: String? = nil
  ) {
    self.action = "\(action)"
    self.object = object
    self.actor = actor
    self.command = command
    self.instruction = instruction
  }
}
