import Platform

/// A provider as an operator writes it down, in JSON. Everything that is wrong is told at once.
package struct ProviderInput: Sendable, Equatable {
  /// Set: the contract of a known provider is replaced, or a draft as a whole.
  package let id: SubprocessorID?
  package let details: ProviderDetails
  package let contract: Contract?

  private static let members: Set<String> = [
    "id", "kind", "name", "entity", "address", "contact", "description", "purposes", "categories", "region", "hosts",
    "contract",
  ]

  package init(_ json: JSON) throws {
    guard let object = json.object else { throw Problem(.invalid, "Describe the provider as a JSON object.") }
    var reader = InputReader(json)
    for name in object.keys.filter({ !ProviderInput.members.contains($0) }).sorted().prefix(10) {
      reader.fault(String(name.prefix(64)), "This member is not known here.")
    }
    let kind = reader.value("kind", "The kind is subprocessor or own.", isRequired: false) {
      $0.string.flatMap(Provider.Kind.init(rawValue:))
    }
    id = reader.value("id", "The id is that of a known provider.", isRequired: false) {
      $0.string.flatMap { SubprocessorID($0) }
    }
    let (name, entity) = (reader.line("name"), reader.line("entity"))
    let (address, contact) = (reader.line("address"), reader.line("contact"))
    let description = reader.line("description", limit: ProviderDetails.Limit.description)
    let purposes = reader.list("purposes", "Purposes are words such as mail.") { Purpose.isOne($0) ? $0 : nil }
    let categories = reader.list(
      "categories", "Categories are operational, content, personal or special.", DataCategory.init(rawValue:))
    let region = reader.value("region", "The region is a short name such as EU.") { $0.string.flatMap { Region($0) } }
    let hosts = reader.list("hosts", "Hosts are written like smtp.example.net:587.") { Endpoint($0) }
    contract = ProviderInput.contract(json["contract"], of: kind ?? .subprocessor, &reader)
    try reader.finish()
    guard let region else { throw Problem.invalid("region", "The region is a short name such as EU.") }
    details = ProviderDetails(
      kind: kind ?? .subprocessor, name: name, entity: entity, address: address, contact: contact,
      description: description, purposes: purposes, categories: categories, region: region, hosts: hosts.sorted())
  }

  private static func contract(_ json: JSON?, of kind: Provider.Kind, _ reader: inout InputReader) -> Contract? {
    guard let json, !json.isNull else { return nil }
    guard kind == .subprocessor else {
      reader.fault("contract", "The operator's own system has no contract.")
      return nil
    }
    var inner = InputReader(json, prefix: "contract.")
    let dated = inner.value("dated", "A day is written like 2026-11-21.") { $0.string.flatMap { Day($0) } }
    let expires = inner.value("expires", "A day is written like 2026-11-21.") { $0.string.flatMap { Day($0) } }
    let clauses = inner.list(
      "clauses", "Clauses are \(Contract.Clause.allCases.map(\.rawValue).joined(separator: ", ")).", isRequired: false,
      Contract.Clause.init(rawValue:))
    let reference = inner.line("reference")
    if let dated, let expires, expires < dated { inner.fault("expires", "A contract ends after it begins.") }
    reader.take(inner)
    guard let dated, let expires else { return nil }
    return Contract(dated: dated, expires: expires, clauses: Set(clauses), reference: reference)
  }
}
