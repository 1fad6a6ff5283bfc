import Certificate
import Platform

/// What lies in the trash of one tenant, the latest first.
struct TrashList: Sendable {
  /// Of each kind; what is older shows once these have gone.
  static let limit = 200

  enum Kind: String, Sendable { case vendor, `case`, evidence }

  struct Item: Sendable {
    let kind: Kind
    let id: String
    let title: String
    /// What it belonged to; nil for a vendor.
    let of: String?
    let trashed: Trashed
    let by: String
    /// API path of the object; its `restore` lies below.
    let path: String
    /// Where its page is.
    let page: String
    let erase: ErasureTarget
  }

  let items: [Item]

  static func read(_ request: Request, _ desks: Desks) async throws -> TrashList {
    let tenant = try request.principal.tenant
    var items: [Item] = []
    let names = Dictionary(
      try await request.services.people.people(in: tenant).map { ($0.id, $0.name) },
      uniquingKeysWith: { first, _ in first })
    let cases = try desks.cases(request)
    for vendor in try await desks.vendors(request).trashed(limit: limit) {
      guard let trashed = vendor.trashed else { continue }
      items.append(
        Item(
          kind: .vendor, id: vendor.id.text, title: Words.shown(vendor.details.name), of: nil, trashed: trashed,
          by: names[trashed.by] ?? "", path: "/vendors/\(vendor.id)", page: "/vendors/\(vendor.id)",
          erase: ErasureTarget(.vendor, vendor.id.text)))
    }
    for file in try await cases.trashedCases(limit: limit) {
      guard let trashed = file.trashed else { continue }
      items.append(
        Item(
          kind: .case, id: file.id.text, title: file.template.name, of: Words.shown(file.vendorName), trashed: trashed,
          by: names[trashed.by] ?? "", path: "/cases/\(file.id)", page: "/cases/\(file.id)",
          erase: ErasureTarget(.case, file.id.text)))
    }
    for (piece, file) in try await cases.trashedEvidence(limit: limit) {
      guard let trashed = piece.trashed else { continue }
      items.append(
        Item(
          kind: .evidence, id: piece.id.text, title: piece.name, of: Words.shown(file.vendorName), trashed: trashed,
          by: names[trashed.by] ?? "", path: "/cases/\(file.id)/steps/\(piece.step)/evidence/\(piece.id)",
          page: "/cases/\(file.id)#step-\(piece.step)", erase: ErasureTarget(.row, "case_evidence/\(piece.id)")))
    }
    return TrashList(items: items.sorted { ($1.trashed.at, $1.id) < ($0.trashed.at, $0.id) })
  }
}

extension TrashList.Item {
  var json: JSON {
    [
      "object": ["type": .string(kind.rawValue), "id": .string(id)], "title": .string(title), "of": JSON(of),
      "trashed": trashed.json, "restore": .string("/v1\(path)/restore"),
    ]
  }
}
