import Kernel

extension Response {
  /// A problem as `application/problem+json` (RFC 9457). `reference` finds the log line of an internal error.
  package static func problem(_ problem: Problem, reference: String? = nil) -> Response {
    var members: [String: JSON] = [
      "type": .string("urn:steward:problem:\(problem.code.rawValue)"),
      "title": .string(problem.code.title),
      "status": .integer(Int64(problem.code.status)),
      "detail": .string(problem.message),
    ]
    if let mark = RequestMark.current { members["instance"] = .string(mark.urn) }
    if !problem.errors.isEmpty {
      members["errors"] = .array(
        problem.errors.map { ["field": .string($0.field), "message": .string($0.message)] })
    }
    if let reference { members["reference"] = .string(reference) }
    return bytes(JSON.object(members).canonical, type: "application/problem+json", status: problem.code.status)
      .challenged(problem)
  }

  /// The headers that belong to a status, on JSON and HTML alike.
  package func challenged(_ problem: Problem) -> Response {
    switch problem.code {
    case .unauthenticated: header("WWW-Authenticate", "Bearer realm=\"steward\"")
    case .tooManyRequests: headers["Retry-After"] == nil ? header("Retry-After", "60") : self
    case .unavailable: header("Retry-After", "5")
    default: self
    }
  }
}

extension Problem.Code {
  /// The name of the kind, the same for every problem of it (RFC 9457 §3.1.3).
  package var title: String {
    switch self {
    case .badRequest: "The request is malformed"
    case .unauthenticated: "Nobody is signed in"
    case .forbidden: "This is not for you to do"
    case .notFound: "Not found"
    case .methodNotAllowed: "The method is not allowed here"
    case .notAcceptable: "No such form of this exists"
    case .conflict: "The present state does not allow it"
    case .gone: "Erased"
    case .tooLarge: "Too large"
    case .unsupportedMediaType: "The media type is not supported"
    case .invalid: "The input is not valid"
    case .frozen: "Frozen"
    case .tooManyRequests: "Too many requests"
    case .unavailable: "Not available for the moment"
    case .internal: "Something went wrong on our side"
    }
  }
}
