import Kernel
import Logging
import Web

/// From the wire to a handler and back: route, credential, access, form token, handler, headers. Never throws: whatever goes
/// wrong becomes an answer.
package struct Dispatcher: Sendable {
  private let catalogue: Catalogue
  private let services: Services
  private let authenticator: any Authenticator
  private let renderer: PageRenderer
  private let logger: Logger

  package init(
    catalogue: Catalogue, services: Services, authenticator: any Authenticator, assets: Assets, logger: Logger
  ) throws {
    self.catalogue = catalogue
    self.services = services
    self.authenticator = authenticator
    self.logger = logger
    renderer = try PageRenderer(templates: catalogue.templates, texts: catalogue.texts, assets: assets)
  }

  package func answer(_ incoming: Incoming) async -> Response {
    var response = await resolve(incoming)
    SecurityHeaders.apply(to: &response, isTLS: services.installation.isTLS)
    if incoming.method == "HEAD" { response = response.withoutBody }
    return response
  }

  private func resolve(_ incoming: Incoming) async -> Response {
    var visitor: Visitor?
    do {
      let (route, parameters) = try match(incoming)
      visitor = try await self.visitor(incoming, route)
      try admit(visitor, to: route)
      let request = try await request(incoming, route, parameters, visitor)
      var response = try await route.handler(request)
      if response.isPage, request.frame.flashKey != nil { response.clearFlash() }
      return response
    } catch {
      var response = refusal(error, incoming, visitor)
      if response.status == Problem.Code.methodNotAllowed.status { response.headers["Allow"] = allow(incoming) }
      return response
    }
  }

  /// RFC 9110 §15.5.6: who asks in the wrong way is told the right ones.
  private func allow(_ incoming: Incoming) -> String? {
    guard let segments = incoming.segments, case .otherMethods(let methods) = catalogue.table.match(nil, segments)
    else {
      return nil
    }
    return (methods.map(\.rawValue) + (methods.contains(.get) ? ["HEAD"] : [])).joined(separator: ", ")
  }

  private func match(_ incoming: Incoming) throws -> (Route, [String: String]) {
    guard incoming.target.utf8.count <= Incoming.maximumTargetBytes else {
      throw Problem(.badRequest, "The address is too long.")
    }
    guard let segments = incoming.segments else { throw Problem.notFound }
    let method = incoming.method == "HEAD" ? Method.get : Method(rawValue: incoming.method)
    switch catalogue.table.match(method, segments) {
    case .route(let route, let parameters): return (route, parameters)
    case .otherMethods(let methods):
      let names = methods.map(\.rawValue).joined(separator: " or ")
      throw Problem(.methodNotAllowed, "This address takes \(names), not \(incoming.methodForText).")
    case .nothing: throw Problem.notFound
    }
  }

  /// Nobody, if the credential is not good: then an open route still answers, and every other one says 401.
  private func visitor(_ incoming: Incoming, _ route: Route) async throws -> Visitor? {
    let cookieName = SessionCookie.name(isTLS: services.installation.isTLS)
    guard let credential = PresentedCredential.find(in: incoming.headers, cookieName: cookieName) else { return nil }
    return try await authenticator.visitor(credential, now: services.now)
  }

  private func admit(_ visitor: Visitor?, to route: Route) throws {
    if route.access == .open { return }
    guard let visitor else { throw Problem.signInFirst }
    guard route.access.admits(visitor.principal) else { throw Problem.notFound }
  }

  private func request(
    _ incoming: Incoming, _ route: Route, _ parameters: [String: String], _ visitor: Visitor?
  ) async throws -> Request {
    let body = incoming.body.limited(to: route.bodyLimit, seconds: route.timeoutSeconds)
    let form = try await FormGuard(stamps: services.stamps).check(incoming, route, visitor, body: body)
    let flash = Cookie.value(Cookie.flashName, in: incoming.headers)
    return Request(
      services: services, catalogue: catalogue, route: route, method: route.method,
      path: String(incoming.target.prefix { $0 != "?" }),
      parameters: Request.Parameters(parameters), query: try Query(parsing: incoming.rawQuery),
      headers: incoming.headers, visitor: visitor, remoteAddress: incoming.remoteAddress, now: services.now,
      body: body, checkedForm: form, frame: frame(visitor, flash: flash))
  }

  private func frame(_ visitor: Visitor?, flash: String?) -> PageFrame {
    PageFrame(
      renderer: renderer, services: services, navigation: catalogue.navigation, visitor: visitor, flashKey: flash)
  }

  private func refusal(_ error: any Error, _ incoming: Incoming, _ visitor: Visitor?) -> Response {
    let problem = error as? Problem ?? Problem(.internal, "Try again; if it stays, tell us the reference.")
    let reference = problem.code == .internal ? log(error) : nil
    guard Accept.prefersHTML(incoming.headers["Accept"]) else { return .problem(problem, reference: reference) }
    let page = ErrorPage(problem, reference: reference, isSignedIn: visitor != nil)
    guard let document = try? renderer.render(page, in: frame(visitor, flash: nil).shell) else {
      return .problem(problem, reference: reference)
    }
    return .html(document, status: problem.code.status).challenged(problem)
  }

  /// The operator's voice: what happened, under a number that the person can quote. Errors of ours hold no content.
  private func log(_ error: any Error) -> String {
    let reference = String(CommandID.make(at: services.now).text.suffix(10))
    let detail = (error as? Problem)?.detail ?? String(reflecting: type(of: error))
    logger.error("internal error", metadata: ["reference": .string(reference), "detail": .string(detail)])
    return reference
  }
}

extension Incoming {
  /// The method as it can stand in a sentence.
  fileprivate var methodForText: String { HeaderText.isToken(method) && method.count <= 16 ? method : "this method" }
}

extension Response {
  fileprivate var isPage: Bool { status == 200 && headers["Content-Type"]?.hasPrefix("text/html") == true }

  fileprivate var withoutBody: Response { Response(status: status, headers: headers) }
}
