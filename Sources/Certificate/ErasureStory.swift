import Kernel
import TransparencyLog

/// The facts of an erasure, each checked against the commitment and the actor of its entry, and what they have to add up to.
struct ErasureStory {
  let statement: ErasureStatement
  let limits: [String]
  private let events: [(entry: LeafEntry, fact: ErasureFact)]
  private let proposal: ErasureFact.Proposal
  private let erased: ErasedCounts

  init(_ lines: [BundleContents.Line]) throws {
    let events = try lines.enumerated().map { ordinal, line in
      (entry: line.entry, fact: try ErasureStory.fact(ordinal, line))
    }
    guard case .proposal(let proposal)? = events.first?.fact else {
      throw BundleError("the erasure does not begin with its proposal")
    }
    guard case .statement(let json)? = events.last?.fact else {
      throw BundleError("the erasure does not end with its statement")
    }
    for event in events where proposal.object.type != "tenant" {
      switch event.fact {
      case .start(let counts), .part(let counts): try ErasureStory.check(counts, event.entry)
      default: continue
      }
    }
    self.events = events
    self.proposal = proposal
    statement = try ErasureStatement(strict: json)
    limits = json["limits"]?.array?.compactMap(\.string) ?? []
    erased = try events.reduce(ErasedCounts()) { sum, event in
      switch event.fact {
      case .start(let counts), .part(let counts): try sum.adding(counts)
      default: sum
      }
    }
  }

  private static func fact(_ ordinal: Int, _ line: BundleContents.Line) throws -> ErasureFact {
    guard line.entry.commitments.count == 1, line.disclosed.count == 1, let disclosed = line.disclosed.first else {
      throw BundleError("entry \(ordinal) does not have exactly one fact")
    }
    guard line.entry.commitments == [disclosed.commitment] else {
      throw BundleError("the fact of entry \(ordinal) is not the one it commits to")
    }
    let fact = try ErasureFact(disclosed.fact)
    guard fact.belongs(to: line.entry.action) else {
      throw BundleError("the fact of entry \(ordinal) does not belong to its action")
    }
    guard fact.mayBe(by: line.entry.actor) else {
      throw BundleError("entry \(ordinal) was made by someone else than its fact names")
    }
    return fact
  }

  private static func check(_ counts: ErasedCounts, _ entry: LeafEntry) throws {
    guard counts.rows <= Int64(entry.changeCount) else {
      throw BundleError("entry \(entry.ordinal) says that more rows went than it changed")
    }
  }

  // MARK: The checks

  private var confirmations: [(entry: LeafEntry, fact: ErasureFact.Confirmation)] {
    events.compactMap { event in
      guard case .confirmation(let fact) = event.fact else { return nil }
      return (event.entry, fact)
    }
  }

  /// Its time in the trash ended; nobody asked for it by hand.
  private var isOfTrash: Bool { events.first?.entry.actor == ErasureFact.trash }

  func checkInstruction() throws {
    for confirmation in confirmations where (confirmation.entry.actor == ErasureFact.trash) != isOfTrash {
      throw BundleError("the erasure was proposed by a person and confirmed by none, or the other way round")
    }
    guard !isOfTrash || proposal.object.type != "tenant" else {
      throw BundleError("an organisation does not lie in the trash")
    }
    let needed = proposal.object.confirmations
    let given = confirmations
    guard Int64(given.count) == needed else {
      throw BundleError("the erasure of a \(proposal.object.type) takes \(needed) confirmations, not \(given.count)")
    }
    for (number, confirmation) in given.enumerated()
    where confirmation.fact.number != Int64(number + 1) || confirmation.fact.of != needed {
      throw BundleError("the confirmations are not numbered as they were given")
    }
  }

  func checkStatement() throws {
    guard let first = events.first?.entry, let last = events.last?.entry,
      let start = events.first(where: { $0.entry.action == "erasure.start" })?.entry
    else { throw BundleError("the erasure has no history") }
    func require(_ holds: Bool, _ what: String) throws {
      if !holds { throw BundleError("the statement says another \(what) than the entries") }
    }
    try require(first.object == "erasure:\(statement.id)", "erasure")
    try require(statement.object == proposal.object, "object")
    try require(
      statement.proposedAt == first.time && statement.startedAt == start.time && statement.finalAt == last.time, "time")
    try require(statement.proposedBy == ErasureStatement.Person(proposal.person), "person")
    try require(
      statement.confirmedBy
        == confirmations.map {
          ErasureStatement.Confirmation(person: ErasureStatement.Person($0.fact.person), at: $0.entry.time)
        }, "confirmation")
    try require(statement.isSuppressed == proposal.suppress, "wish to suppress")
    try require(statement.erased == erased, "number of what was erased")
    let rows = try statement.tables.reduce(0) { try ErasedCounts.sum($0, $1.rows) }
    try require(rows == erased.rows, "number of rows")
    guard ID<ErasedTenant>(statement.tenant) != nil else { throw BundleError("the tenant is not an id") }
    try require(proposal.object.type != "tenant" || proposal.object.id == statement.tenant, "tenant")
  }

  private enum ErasedTenant {}

  func checkKeys() throws {
    let tries = events.compactMap { event -> ErasureFact.Destruction? in
      guard case .destruction(let fact) = event.fact else { return nil }
      return fact
    }
    guard let first = tries.first, let last = tries.last, statement.epochBefore == first.epochBefore,
      statement.epochAfter == last.epochAfter, statement.copies == last.copies
    else { throw BundleError("the statement says something else of the keys than the entries") }
    try checkPlaces(tries)
    let isTenant = statement.object.type == "tenant"
    guard statement.epochBefore >= 1, statement.epochAfter >= statement.epochBefore + (isTenant ? 0 : 1) else {
      throw BundleError("the epoch of the keys did not turn, so the one that is said to have ended is in use")
    }
    guard statement.erased.subjects >= 1, tries.allSatisfy({ $0.subjects == statement.erased.subjects }) else {
      throw BundleError("other keys were destroyed than those of what was taken away, or none")
    }
    guard statement.copies.count(where: \.isLive) == 1 else {
      throw BundleError("the copies of the key do not name the live one")
    }
    for copy in statement.copies {
      guard let end = copy.endedAt, end <= statement.finalAt else {
        throw BundleError("the copy of the key at \(copy.place) had not ended when the erasure was called final")
      }
    }
  }

  /// No place that was named once is left out later, and an end that was said stays.
  private func checkPlaces(_ tries: [ErasureFact.Destruction]) throws {
    var known: [String: Instant?] = [:]
    var before: ErasureFact.Destruction?
    for fact in tries {
      let places = Dictionary(fact.copies.map { ($0.place, $0.endedAt) }, uniquingKeysWith: { first, _ in first })
      guard places.count == fact.copies.count else { throw BundleError("a place of the keys is named twice") }
      for (place, end) in known {
        guard let now = places[place], end == nil || now == end else {
          throw BundleError("the copy of the key at \(place) was named before, and then left out or told otherwise")
        }
      }
      guard before.map({ $0.epochBefore == fact.epochBefore && $0.epochAfter <= fact.epochAfter }) ?? true else {
        throw BundleError("the epoch of the keys changed between two tries, or turned back")
      }
      (known, before) = (places, fact)
    }
  }

  func checkBackups() throws {
    for backup in statement.backups {
      guard backup.madeAt <= statement.finalAt, backup.goneBy.map({ $0 > backup.madeAt }) ?? true else {
        throw BundleError("the backup \(backup.id) is gone before it was made, or was made after the end")
      }
    }
  }
}

// MARK: - Sentences

extension ErasureStory {
  var instruction: String {
    if isOfTrash {
      return
        "Put into the trash by \(statement.proposedBy.name) and not brought back; its time there had ended on \(statement.proposedAt)."
    }
    let people = statement.confirmedBy.map { "\($0.person.name) on \($0.at)" }.joined(separator: ", ")
    return "Proposed by \(statement.proposedBy.name) on \(statement.proposedAt), confirmed by \(people)."
  }

  var sentence: String {
    "\(statement.object.type):\(statement.object.id) was erased: \(statement.erased.rows) rows, \(statement.erased.files) files and \(statement.erased.images) images in the journal, under \(statement.erased.subjects) keys; final on \(statement.finalAt)."
  }

  var keys: String {
    let copies = statement.copies.map { "\($0.place) on \($0.endedAt?.description ?? "–")" }
    return "Every copy of the key of epoch \(statement.epochBefore) has an end: \(copies.joined(separator: ", "))."
  }

  private var held: String {
    statement.backups.count == 1 ? "1 backup holds" : "\(statement.backups.count) backups hold"
  }

  var backups: String {
    guard let last = statement.backups.compactMap(\.goneBy).max() else {
      return statement.backups.isEmpty
        ? "No backup holds ciphertext of what was erased."
        : "\(held) ciphertext that nothing opens; when that ends is not said."
    }
    return "\(held) ciphertext that nothing opens, until \(last) at the latest."
  }
}

extension ErasureStatement.Person {
  fileprivate init(_ person: PersonRef) { self.init(id: person.id, name: person.name) }
}
