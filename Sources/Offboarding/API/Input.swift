import Certificate
import Platform

/// What a body says, checked for the verbs of a case. Everything that is wrong is told at once.
enum CaseInput {
  static func note(_ text: String?) throws(Problem) -> String {
    let note = Words.trimmed(text ?? "")
    guard note.unicodeScalars.count <= CaseLimit.note else {
      throw Problem.invalid("note", "A note has at most \(CaseLimit.note) characters.")
    }
    guard !Words.hasControlCharactersBesidesLineEnds(note) else {
      throw Problem.invalid("note", "A note holds no control characters.")
    }
    return note
  }

  static func note(_ json: JSON) throws(Problem) -> String {
    guard let value = json["note"], !value.isNull else { return "" }
    guard let text = value.string else { throw Problem.invalid("note", "A note is a text.") }
    return try note(text)
  }

  static func remains(_ json: JSON) throws(Problem) -> [Remainder] {
    guard let value = json["remains"], !value.isNull else { return [] }
    guard let items = value.array, items.count <= Remainder.Limit.count else {
      throw Problem.invalid("remains", "What remains is a list of at most \(Remainder.Limit.count) items.")
    }
    var faults: [Problem.FieldError] = []
    let remains = items.enumerated().compactMap { position, item in
      remainder(
        what: item["what"]?.string, place: item["where"]?.string,
        until: item["until"].flatMap { $0.isNull ? nil : ($0.string ?? "?") },
        field: "remains[\(position)]", &faults)
    }
    guard faults.isEmpty else { throw InvalidInput(errors: faults).problem }
    return remains
  }

  static func remainder(
    what: String?, place: String?, until: String?, field: String, _ faults: inout [Problem.FieldError]
  ) -> Remainder? {
    let before = faults.count
    for (name, text) in [("what", what), ("where", place)] {
      let text = Words.trimmed(text ?? "")
      let fits =
        !Words.isBlank(text) && text.unicodeScalars.count <= Remainder.Limit.text && !Words.hasControlCharacters(text)
      if !fits {
        faults.append(.init("\(field).\(name)", "Say \(name) in a line of 1 to \(Remainder.Limit.text) characters."))
      }
    }
    let day = until.flatMap { Day(Words.trimmed($0)) }
    if until != nil, day == nil { faults.append(.init("\(field).until", "A day is written like 2026-11-21.")) }
    guard faults.count == before else { return nil }
    return Remainder(what: Words.trimmed(what ?? ""), place: Words.trimmed(place ?? ""), until: day)
  }

  /// Vendor, template and day of termination of a case to be opened.
  static func opening(
    vendor: String?, template: String?, version: Int?, terminatedOn: String?, _ templates: TemplateCatalogue
  )
    throws(Problem) -> (vendor: VendorID, template: CaseTemplate, terminatedOn: Day)
  {
    var faults: [Problem.FieldError] = []
    let vendorID = vendor.flatMap { VendorID($0) }
    if vendorID == nil { faults.append(.init("vendor", "Name the vendor by its id.")) }
    let shape = templates.template(template ?? "", version: version)
    if shape == nil { faults.append(.init("template", "Name a template by its id; GET /v1/templates lists them.")) }
    let day = terminatedOn.flatMap { Day($0) }
    if day == nil {
      faults.append(.init("terminated_on", "Give the day on which the contract ended or ends, like 2026-11-21."))
    }
    guard let vendorID, let shape, let day else { throw InvalidInput(errors: faults).problem }
    return (vendorID, shape, day)
  }

  /// A person of this tenant who could do a step.
  static func assignee(_ id: String?, _ request: Request) async throws -> NamedPerson {
    guard let personID = id.flatMap({ PersonID($0) }),
      let person = try await request.services.people.person(personID, in: request.principal.tenant)
    else { throw Problem.invalid("person", "Name a person of this organisation by their id.") }
    guard person.isActive else { throw Problem.invalid("person", "This person is disabled; choose another.") }
    guard !person.roles.isDisjoint(with: [.owner, .manager, .member]) else {
      throw Problem.invalid("person", "This person has no role in which they could do a step.")
    }
    return NamedPerson(id: person.id, name: person.name)
  }
}
