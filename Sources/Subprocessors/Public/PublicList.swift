import Platform

/// The list as everybody may read it, at one moment: page, JSON and feed are three ways to write this value.
package struct PublicList: Sendable {
  /// Changes that are published, newest first.
  static let maximumChanges = 1_000

  struct Change: Sendable {
    let change: RegisterChange
    let name: String
  }

  let at: Instant
  let providers: [Provider]
  /// Newest first.
  let changes: [Change]

  init(at: Instant, providers: [Provider], changes: [RegisterChange]) {
    self.at = at
    let shown = Dictionary(
      providers.filter(\.isPublic).map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    self.providers = shown.values.sorted { PublicList.order($0) < PublicList.order($1) }
    self.changes = changes.sorted { $0.entry > $1.entry }.compactMap { change in
      guard change.kind != .added, let provider = shown[change.provider] else { return nil }
      return Change(change: change, name: provider.details.name)
    }.prefix(PublicList.maximumChanges).map(\.self)
  }

  static func read(_ registers: Registers, now: Instant) async throws -> PublicList {
    PublicList(
      at: now, providers: try await registers.providers(in: .customers),
      changes: try await registers.changes(in: .customers))
  }

  /// What is in force first, then what is to come, then what was.
  private static func order(_ provider: Provider) -> (Int, String, String) {
    let rank = [Provider.State.active: 0, .suspended: 1, .announced: 2, .draft: 3, .ended: 4][provider.state] ?? 4
    return (rank, provider.details.name.lowercased(), provider.id.text)
  }

  /// Where the gate lets something through now, as canonical JSON would have it.
  var configuration: JSON {
    .array(
      providers.filter { $0.refusal(at: at) == nil }.sorted { $0.id < $1.id }.map { provider in
        let details = provider.details
        return [
          "id": .string(provider.id.text), "hosts": JSON.texts(details.hosts),
          "region": JSON(details.region.description),
          "purposes": JSON.texts(details.purposes), "categories": JSON.texts(details.categories.map(\.rawValue)),
        ]
      })
  }

  /// SHA-256 of the configuration (RFC 8785).
  var digest: String { Digest(sha256: configuration.canonical).hex }
}

extension JSON {
  static func texts(_ values: [some CustomStringConvertible]) -> JSON { .array(values.map { .string($0.description) }) }
}

extension Provider {
  /// As published. The contract's reference stays with the operator.
  func json(at now: Instant) -> JSON {
    [
      "id": .string(id.text), "kind": .string(details.kind.rawValue), "name": .string(details.name),
      "entity": .string(details.entity), "address": .string(details.address), "contact": .string(details.contact),
      "description": .string(details.description), "purposes": JSON.texts(details.purposes),
      "categories": JSON.texts(details.categories.map(\.rawValue)), "region": .string(details.region.description),
      "hosts": JSON.texts(details.hosts), "state": .string(state.rawValue), "in_force": .bool(refusal(at: now) == nil),
      "ground": JSON(ground?.rawValue), "announced_at": JSON(announced?.at.description),
      "notified_at": JSON(notifiedAt?.description),
      "starts_from": JSON(notifiedAt.map { Lifecycle.endOfNotice($0).description }),
      "active_since": JSON(activeSince?.description), "entry": .integer(entry),
      "contract": contract.map { contract in
        [
          "dated": .string(contract.dated.description), "expires": .string(contract.expires.description),
          "clauses": JSON.texts(contract.clauses.map(\.rawValue).sorted()),
        ]
      } ?? .null,
    ]
  }
}
