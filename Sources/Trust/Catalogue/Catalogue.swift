/// All promises: 72 of the statement about vendor offboarding, 58 of the statement about the operating platform.
package enum Catalogue {
  package static let promises: [Promise] = [
    processing, access, encryption, hosting, evidence, development, identity, privacy, control, law, providers,
    incidents,
    research, continuity, statement,
  ].flatMap(\.self)

  private static let byID = Dictionary(promises.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })

  package static func promise(_ id: String) -> Promise? { byID[id] }

  /// F1…F72, then A1…A58: the order of the specification, for lists that machines read.
  package static let inOrder: [Promise] = promises.sorted { order($0.id) < order($1.id) }

  private static func order(_ id: String) -> Int {
    (id.hasPrefix("F") ? 0 : 1_000) + (Int(id.dropFirst()) ?? 999)
  }
}
