import Kernel
import Web

extension Request {
  /// How many items a list gives when nobody says.
  package static let ordinaryLimit = 50
  package static let largestLimit = 200

  /// What part of a list is wanted. The cursor is what an earlier answer of the same list to the same tenant gave out
  /// (see `list(items:next:)`), in the module's own words; one from elsewhere is a 400.
  package func listing() throws -> (limit: Int, cursor: String?) {
    (try limit(), try cursor())
  }

  /// A page of a list. `next` is the module's own mark of where to go on; it is stamped for this list and tenant.
  package func list(items: [JSON], next: String?) throws -> Response {
    try .list(items: items, next: nextCursor(next))
  }

  /// The stamped cursor for a mark, for pages that build their own links.
  package func nextCursor(_ mark: String?) throws -> String? {
    guard let mark else { return nil }
    return services.stamps.stamped(mark, for: try cursorPurpose)
  }

  private func limit() throws -> Int {
    guard let text = query["limit"] else { return Request.ordinaryLimit }
    guard let limit = Int(text), (1...Request.largestLimit).contains(limit) else {
      throw Problem(
        .badRequest, "Ask for 1 to \(Request.largestLimit) items.",
        errors: [Problem.FieldError("limit", "A whole number from 1 to \(Request.largestLimit).")])
    }
    return limit
  }

  private func cursor() throws -> String? {
    guard let text = query["cursor"], !text.isEmpty else { return nil }
    guard let mark = services.stamps.open(text, for: try cursorPurpose) else {
      throw Problem(
        .badRequest, "Start the list again without a cursor.",
        errors: [Problem.FieldError("cursor", "This cursor does not belong to this list.")])
    }
    return mark
  }

  private var cursorPurpose: [String] {
    get throws { ["cursor", try principal.tenant.text, route.path] }
  }
}
