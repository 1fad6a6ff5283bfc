import Platform

/// The pages of the module. Forms go to the same desks as the API; what they refuse is shown where it was typed.
struct OffboardingPages: Sendable {
  static let templates: [Template] = [
    HomePage.template, VendorListPage.template, VendorDetailPage.template, VendorFormPage.template, ImportPage.template,
    CaseListPage.template, CaseFormPage.template, CasePage.template, CertificateView.template, TrashPage.template,
  ]

  let desks: Desks

  var routes: [Route] {
    VendorPages(desks: desks).routes + CasePages(desks: desks).routes + StepPages(desks: desks).routes
      + TrashPages(desks: desks).routes
  }

  /// Items on one page of a list.
  static let pageSize = 50

  /// The address of the next part of a list, with the words that were searched for.
  static func next(_ request: Request, _ mark: String?, keeping names: [String]) throws -> String? {
    guard let cursor = try request.nextCursor(mark) else { return nil }
    let kept = names.compactMap { name in request.query[name].map { (name: name, value: $0) } }
    return request.path + "?" + Query(pairs: kept + [(name: "cursor", value: cursor)]).text
  }
}
