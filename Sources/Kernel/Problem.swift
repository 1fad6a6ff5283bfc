/// What went wrong, in two voices: a sentence for the person, a detail for the operator's log.
///
/// Written for RFC 9457 (`application/problem+json`); `Web` renders it. Anything thrown that is not a `Problem` becomes `internal`.
package struct Problem: Error, Sendable, Equatable {
  /// The closed list of kinds. The raw value is the last part of the problem's `type`.
  package enum Code: String, Sendable, CaseIterable {
    case badRequest = "bad-request"
    case unauthenticated = "unauthenticated"
    case forbidden = "forbidden"
    case notFound = "not-found"
    case methodNotAllowed = "method-not-allowed"
    case notAcceptable = "not-acceptable"
    case conflict = "conflict"
    /// It was there and was erased; the message says when.
    case gone = "gone"
    case tooLarge = "too-large"
    case unsupportedMediaType = "unsupported-media-type"
    case invalid = "invalid"
    /// The tenant is frozen (RFC 4918 §11.3: locked).
    case frozen = "frozen"
    case tooManyRequests = "too-many-requests"
    case unavailable = "unavailable"
    case `internal` = "internal"

    package var status: Int {
      switch self {
      case .badRequest: 400
      case .unauthenticated: 401
      case .forbidden: 403
      case .notFound: 404
      case .methodNotAllowed: 405
      case .notAcceptable: 406
      case .conflict: 409
      case .gone: 410
      case .tooLarge: 413
      case .unsupportedMediaType: 415
      case .invalid: 422
      case .frozen: 423
      case .tooManyRequests: 429
      case .internal: 500
      case .unavailable: 503
      }
    }
  }

  /// One place in the input and what to do about it.
  package struct FieldError: Sendable, Equatable {
    package let field: String
    package let message: String
    package init(_ field: String, _ message: String) {
      self.field = field
      self.message = message
    }
  }

  package let code: Code
  /// One sentence that says what to do. Holds no secret and nothing a stranger must not learn.
  package let message: String
  package let errors: [FieldError]
  /// For the operator's log only; never content or personal data.
  package let detail: String?

  package init(_ code: Code, _ message: String, errors: [FieldError] = [], detail: String? = nil) {
    self.code = code
    self.message = message
    self.errors = errors
    self.detail = detail
  }

  package static let notFound = Problem(.notFound, "There is nothing here that you can see.")

  package static func invalid(_ field: String, _ message: String) -> Problem {
    Problem(.invalid, message, errors: [FieldError(field, message)])
  }
}
