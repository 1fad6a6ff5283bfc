import Platform

/// What is known of a vendor, checked: every value of this type keeps the rules below.
package struct VendorDetails: Sendable, Equatable {
  package enum Relationship: String, Sendable { case active, ended }

  package var name: String
  /// The number of the vendor in an outside register, unique within a tenant.
  package var registryID: String?
  package var privacyURL: String?
  /// How long the vendor declares to keep data, in days; nil if it declares nothing.
  package var retentionDays: Int?
  package var dataCategories: [String]
  package var purposes: [String]
  package var relationship: Relationship
  /// Only an ended relationship has a day on which it ended.
  package var endedOn: Day?

  package enum Limit {
    /// Characters.
    package static let name = 300
    package static let registryID = 100
    package static let privacyURL = 2_048
    package static let listEntry = 300
    /// Entries of a list.
    package static let list = 64
    package static let retentionDays = 0...36_500
  }
}

/// What somebody says about a vendor, unchecked. `nil` members were not given; a member given as `.clear` is to be emptied.
package struct VendorDraft: Sendable, Equatable {
  package enum Change<T: Sendable & Equatable>: Sendable, Equatable {
    case keep, clear
    case set(T)
  }

  package var name: Change<String> = .keep
  package var registryID: Change<String> = .keep
  package var privacyURL: Change<String> = .keep
  package var retentionDays: Change<Int> = .keep
  package var dataCategories: Change<[String]> = .keep
  package var purposes: Change<[String]> = .keep
  package var relationship: Change<VendorDetails.Relationship> = .keep
  package var endedOn: Change<Day> = .keep

  package init() {}
}

extension VendorDraft {
  /// The draft applied to what is there (nothing, for a new vendor), or everything that is wrong with it.
  package func applied(to old: VendorDetails?) -> Result<VendorDetails, InvalidInput> {
    var new = old ?? VendorDetails(name: "", dataCategories: [], purposes: [], relationship: .active)
    new.name = name.applied(to: new.name) ?? ""
    new.registryID = registryID.applied(to: new.registryID)
    new.privacyURL = privacyURL.applied(to: new.privacyURL)
    new.retentionDays = retentionDays.applied(to: new.retentionDays)
    new.dataCategories = dataCategories.applied(to: new.dataCategories) ?? []
    new.purposes = purposes.applied(to: new.purposes) ?? []
    applyRelationship(to: &new)
    let errors = new.faults
    return errors.isEmpty ? .success(new) : .failure(InvalidInput(errors: errors))
  }

  /// A day of ending ends the relationship; a relationship taken up again has none.
  private func applyRelationship(to new: inout VendorDetails) {
    new.relationship = relationship.applied(to: new.relationship) ?? .active
    new.endedOn = endedOn.applied(to: new.endedOn)
    if case .set = endedOn, relationship == .keep { new.relationship = .ended }
    if new.relationship == .active, endedOn == .keep { new.endedOn = nil }
  }
}

extension VendorDraft.Change {
  package func applied(to old: T?) -> T? {
    switch self {
    case .keep: old
    case .clear: nil
    case .set(let value): value
    }
  }
}

/// Everything that is wrong with some input, field by field.
package struct InvalidInput: Error, Equatable {
  package let errors: [Problem.FieldError]

  package var problem: Problem {
    Problem(.invalid, errors.count == 1 ? errors[0].message : "Correct the fields named in errors.", errors: errors)
  }
}

// MARK: - Rules

extension VendorDetails {
  /// What breaks a rule, in the order of the fields.
  package var faults: [Problem.FieldError] {
    var faults: [Problem.FieldError] = []
    func check(_ field: String, _ message: String?) {
      if let message { faults.append(Problem.FieldError(field, message)) }
    }
    check("name", VendorDetails.fault(inName: name))
    check(
      "registry_id", registryID.flatMap { VendorDetails.fault(inLine: $0, limit: Limit.registryID, "A registry id") })
    check("privacy_url", privacyURL.flatMap(VendorDetails.fault(inURL:)))
    if let retentionDays, !Limit.retentionDays.contains(retentionDays) {
      check("retention_days", "Retention is a whole number of days from 0 to 36500.")
    }
    check("data_categories", VendorDetails.fault(inList: dataCategories, "data categories"))
    check("purposes", VendorDetails.fault(inList: purposes, "purposes"))
    if endedOn != nil, relationship == .active {
      check("ended_on", "Only an ended relationship has a day on which it ended.")
    }
    return faults
  }

  private static func fault(inName name: String) -> String? {
    if name.isEmpty { return "Give the vendor a name." }
    if Words.isBlank(name) { return "The name holds nothing that can be seen." }
    return fault(inLine: name, limit: Limit.name, "A name")
  }

  private static func fault(inLine text: String, limit: Int, _ what: String) -> String? {
    if Words.isBlank(text) { return "\(what) holds at least one visible character." }
    if text.unicodeScalars.count > limit { return "\(what) has at most \(limit) characters." }
    if Words.hasControlCharacters(text) { return "\(what) holds no control characters." }
    return nil
  }

  private static func fault(inURL text: String) -> String? {
    guard text.utf8.count <= Limit.privacyURL else { return "A URL has at most \(Limit.privacyURL) characters." }
    let lower = text.lowercased()
    guard let scheme = ["https://", "http://"].first(where: lower.hasPrefix) else {
      return "A URL begins with https:// or http://."
    }
    let host = lower.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
    let isClean = text.unicodeScalars.allSatisfy {
      !Words.isWhitespace($0) && !Words.isInvisible($0) && !"\"<>\\".unicodeScalars.contains($0)
    }
    guard isClean, !host.isEmpty, !host.contains("@"), host.first != ":" else {
      return "This is not a URL that a browser could open."
    }
    return nil
  }

  private static func fault(inList list: [String], _ what: String) -> String? {
    guard list.count <= Limit.list else { return "There are at most \(Limit.list) \(what)." }
    for entry in list {
      if let fault = fault(inLine: entry, limit: Limit.listEntry, "Each of the \(what)") { return fault }
    }
    return nil
  }
}

extension VendorDetails {
  /// By what the vendor would be recognised if it came back after an erasure.
  package var identity: VendorIdentity { VendorIdentity(name: name, registryID: registryID, url: privacyURL) }
}
