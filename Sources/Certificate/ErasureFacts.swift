import Kernel

/// Counts of what one command took away.
package struct ErasedCounts: Sendable, Equatable {
  package var rows: Int64
  package var files: Int64
  /// Before images in the journal.
  package var images: Int64
  /// Keys that what it took away was sealed under, and that are to be destroyed.
  package var subjects: Int64

  package init(rows: Int64 = 0, files: Int64 = 0, images: Int64 = 0, subjects: Int64 = 0) {
    self.rows = rows
    self.files = files
    self.images = images
    self.subjects = subjects
  }

  /// Both together. A file that somebody else made may say any numbers, so their sum may be none.
  package func adding(_ other: ErasedCounts) throws(BundleError) -> ErasedCounts {
    ErasedCounts(
      rows: try ErasedCounts.sum(rows, other.rows), files: try ErasedCounts.sum(files, other.files),
      images: try ErasedCounts.sum(images, other.images), subjects: try ErasedCounts.sum(subjects, other.subjects))
  }

  static func sum(_ a: Int64, _ b: Int64) throws(BundleError) -> Int64 {
    let (sum, overflows) = a.addingReportingOverflow(b)
    guard !overflows else { throw BundleError("what was erased adds up to more than there can be") }
    return sum
  }
}

/// One copy of a key and its end (docs/format.md §9.2); nil while the place could not be reached.
package struct KeyCopyEnd: Sendable, Equatable {
  package let place: String
  package let isLive: Bool
  package let endedAt: Instant?

  package init(place: String, isLive: Bool, endedAt: Instant?) {
    self.place = place
    self.isLive = isLive
    self.endedAt = endedAt
  }

  init(strict json: JSON, ended: Bool) throws {
    let object = try StrictObject(json, ["place", "live", "ended_at"], "a copy of a key")
    place = try object.text("place")
    isLive = try object.bool("live")
    endedAt = try object.json("ended_at").isNull && !ended ? nil : ErasureFact.instant(object, "ended_at")
  }

  package var json: JSON {
    ["place": .string(place), "live": .bool(isLive), "ended_at": JSON(endedAt?.description)]
  }
}

/// What an erasure is of.
package struct ErasedObject: Sendable, Equatable {
  package let type: String
  package let id: String

  package init(type: String, id: String) {
    self.type = type
    self.id = id
  }

  init(strict json: JSON) throws(BundleError) {
    let object = try StrictObject(json, ["type", "id"], "the object")
    self.init(type: try object.text("type"), id: try object.text("id"))
  }

  package var json: JSON { ["type": .string(type), "id": .string(id)] }
  /// How many confirmations it takes.
  package var confirmations: Int64 { type == "tenant" ? 2 : 1 }
}

/// A disclosed fact of an erasure (docs/format.md §9.1), read strictly.
enum ErasureFact {
  case proposal(Proposal)
  case confirmation(Confirmation)
  case start(ErasedCounts)
  case part(ErasedCounts)
  case destruction(Destruction)
  case statement(JSON)

  struct Proposal {
    let object: ErasedObject
    let person: PersonRef
    let suppress: Bool
  }

  struct Confirmation {
    let person: PersonRef
    let number: Int64
    let of: Int64
  }

  struct Destruction {
    let subjects: Int64
    let epochBefore: Int64
    let epochAfter: Int64
    let copies: [KeyCopyEnd]
  }

  init(_ fact: JSON) throws {
    switch fact["type"]?.string {
    case "proposal": self = .proposal(try Proposal(fact))
    case "confirmation": self = .confirmation(try Confirmation(fact))
    case "start": self = .start(try ErasureFact.counts(fact))
    case "part": self = .part(try ErasureFact.counts(fact))
    case "destruction": self = .destruction(try Destruction(fact))
    case "erasure": self = .statement(fact)
    default: throw BundleError("a fact has an unknown type")
    }
  }

  func belongs(to action: String) -> Bool {
    switch self {
    case .proposal: action == "erasure.propose"
    case .confirmation: action == "erasure.confirm"
    case .start: action == "erasure.start"
    case .part: action == "erasure.part"
    case .destruction: action == "erasure.destroy"
    case .statement: action == "erasure.final"
    }
  }

  /// Who ends what has been in the trash for its time; the facts name who put it there.
  static let trash = "system:trash"

  /// Whether the entry was made by whom it must have been made by.
  func mayBe(by actor: String) -> Bool {
    switch self {
    case .proposal(let fact): actor == "person:\(fact.person.id)" || actor == ErasureFact.trash
    case .confirmation(let fact): actor == "person:\(fact.person.id)" || actor == ErasureFact.trash
    case .start, .part, .destruction, .statement: actor == "system:erasure"
    }
  }

  private static func counts(_ fact: JSON) throws -> ErasedCounts {
    let object = try StrictObject(
      fact, ["type", "rows", "files", "images", "subjects"], "a fact of what was taken away")
    return ErasedCounts(
      rows: try object.integer("rows"), files: try object.integer("files"), images: try object.integer("images"),
      subjects: try object.integer("subjects"))
  }

  static func instant(_ object: StrictObject, _ name: String) throws -> Instant {
    guard let instant = Instant(try object.text(name)) else { throw BundleError("\(name) is not a time") }
    return instant
  }
}

extension ErasureFact.Proposal {
  fileprivate init(_ fact: JSON) throws {
    let members = ["type", "object", "person", "suppress", "rows", "files"]
    let fact = try StrictObject(fact, members, "the fact of the proposal")
    object = try ErasedObject(strict: fact.json("object"))
    person = try PersonRef(strict: fact.json("person"), "the person of the proposal")
    suppress = try fact.bool("suppress")
    _ = (try fact.integer("rows"), try fact.integer("files"))
  }
}

extension ErasureFact.Confirmation {
  fileprivate init(_ fact: JSON) throws {
    let fact = try StrictObject(fact, ["type", "person", "number", "of"], "the fact of a confirmation")
    person = try PersonRef(strict: fact.json("person"), "the person of a confirmation")
    number = try fact.integer("number")
    of = try fact.integer("of")
  }
}

extension ErasureFact.Destruction {
  fileprivate init(_ fact: JSON) throws {
    let fact = try StrictObject(
      fact, ["type", "subjects", "epoch_before", "epoch_after", "copies"], "the fact of a destruction of keys")
    subjects = try fact.integer("subjects")
    epochBefore = try fact.integer("epoch_before")
    epochAfter = try fact.integer("epoch_after")
    copies = try fact.list("copies").map { try KeyCopyEnd(strict: $0, ended: false) }
  }
}
