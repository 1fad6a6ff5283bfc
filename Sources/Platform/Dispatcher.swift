import Kernel
import Ledger
import Logging
import Storage
import Web

/// From the wire to a handler and back: route, credential, access, form token, handler, headers. Never throws: whatever goes
/// wrong becomes an answer.
package struct Dispatcher: Sendable {
  private let catalogue: Catalogue
  private let services: Services
  private let authenticator: any Authenticator
  private let renderer: PageRenderer
  private let admission: Admission
  private let observer: RequestObserver
  private let logger: Logger

  package init(
    catalogue: Catalogue, services: Services, authenticator: any Authenticator, assets: Assets, admission: Admission,
    observer: RequestObserver, logger: Logger
  ) throws {
    self.admission = admission
    self.observer = observer
    self.catalogue = catalogue
    self.services = services
    self.authenticator = authenticator
    self.logger = logger
    renderer = try PageRenderer(templates: catalogue.templates, texts: catalogue.texts, assets: assets)
  }

  package func answer(_ incoming: Incoming) async -> Response {
    var response = await observer.observing(isFromWithin: incoming.isFromWithin) {
      var route: Route?
      let response = await resolve(incoming, &route)
      return (response, route)
    }
    SecurityHeaders.apply(to: &response, isTLS: services.installation.isTLS)
    if incoming.method == "HEAD" { response = response.withLengthOnly }
    return response
  }

  /// `matched` is told the route as soon as it is known.
  private func resolve(_ incoming: Incoming, _ matched: inout Route?) async -> Response {
    var visitor: Visitor?
    var freeze: FreezeRecord?
    var rate: RateStanding?
    do {
      if let refusal = incoming.refusal {
        // A wrong host or a proxy that says nothing of HTTPS counts too, against the address: no credential is looked at.
        if incoming.isMetered { rate = try await admission.take(incoming, nil, nil) }
        throw refusal
      }
      let found = Result { try match(incoming) }
      matched = (try? found.get())?.0
      visitor = try await self.visitor(incoming)
      // Whoever asks for what is not there is counted too: that is what a scanner does most.
      if incoming.isMetered { rate = try await admission.take(incoming, visitor, matched) }
      let (route, parameters) = try found.get()
      freeze = try await self.freeze(incoming, visitor)
      try admit(visitor, to: route)
      let response = try await inTurn(incoming, visitor) { body in
        let request = try await request(incoming, route, parameters, visitor, freeze, body)
        return try await handled(request)
      }
      return rate?.told(on: response, of: incoming) ?? response
    } catch {
      if let refused = error as? RateRefusal { rate = refused.standing }
      var response = refusal(error, incoming, visitor, freeze)
      if response.status == Problem.Code.methodNotAllowed.status { response.headers["Allow"] = allow(incoming) }
      return rate?.told(on: response, of: incoming) ?? response
    }
  }

  private func handled(_ request: Request) async throws -> Response {
    let handler = request.route.handler
    var response =
      request.route.isBrief
      ? try await handler(request)
      : try await withTaskExecutorPreference(globalConcurrentExecutor) { try await handler(request) }
    if response.isPage, request.frame.flashKey != nil { response.clearFlash() }
    return response
  }

  /// Runs the handler when it is the turn of the tenant, or of the address where nobody is signed in. While it waits for its body,
  /// others have its place.
  private func inTurn(
    _ incoming: Incoming, _ visitor: Visitor?, _ body: (Chunks) async throws -> Response
  ) async throws -> Response {
    guard incoming.isMetered else { return try await body(incoming.body) }
    return try await admission.inTurn(incoming, visitor) { turn in
      try await body(incoming.body.waiting { try await turn.paused($0) })
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
  private func visitor(_ incoming: Incoming) async throws -> Visitor? {
    let cookieName = SessionCookie.name(isTLS: services.installation.isTLS)
    guard let credential = PresentedCredential.find(in: incoming.headers, cookieName: cookieName) else { return nil }
    return try await authenticator.visitor(credential, now: services.now)
  }

  /// Only pages show it.
  private func freeze(_ incoming: Incoming, _ visitor: Visitor?) async throws -> FreezeRecord? {
    guard let visitor, Accept.prefersHTML(incoming.headers["Accept"]) else { return nil }
    return try await services.freezes.find(visitor.principal.tenant)
  }

  private func admit(_ visitor: Visitor?, to route: Route) throws {
    if route.access == .open { return }
    guard let visitor else { throw Problem.signInFirst }
    guard route.access.admits(visitor.principal) else { throw Problem.notFound }
  }

  private func request(
    _ incoming: Incoming, _ route: Route, _ parameters: [String: String], _ visitor: Visitor?, _ freeze: FreezeRecord?,
    _ body: Chunks
  ) async throws -> Request {
    let body = body.limited(to: route.bodyLimit, seconds: route.timeoutSeconds)
    let form = try await FormGuard(stamps: services.stamps).check(incoming, route, visitor, body: body)
    let flash = Cookie.value(Cookie.flashName, in: incoming.headers)
    return Request(
      services: services, catalogue: catalogue, route: route, method: route.method,
      path: String(incoming.target.prefix { $0 != "?" }),
      parameters: Request.Parameters(parameters), query: try Query(parsing: incoming.rawQuery),
      headers: incoming.headers, visitor: visitor, remoteAddress: incoming.remoteAddress, now: services.now,
      body: body, checkedForm: form, frame: frame(visitor, flash: flash, freeze))
  }

  private func frame(_ visitor: Visitor?, flash: String?, _ freeze: FreezeRecord?) -> PageFrame {
    PageFrame(
      renderer: renderer, services: services, navigation: catalogue.navigation, visitor: visitor, flashKey: flash,
      freeze: freeze)
  }

  private func refusal(
    _ error: any Error, _ incoming: Incoming, _ visitor: Visitor?, _ freeze: FreezeRecord?
  ) -> Response {
    let problem =
      error as? Problem ?? (error as? RateRefusal)?.problem ?? (error as? StorageError)?.absence
      ?? Problem(.internal, "Try again; if it stays, tell us the reference.")
    let reference = problem.code == .internal ? log(error) : nil
    if problem.code == .unavailable, let detail = problem.detail {
      logger.warning(
        "something could not be done for now",
        metadata: ["request": .string(RequestMark.current?.id ?? "-"), "detail": .string(detail)])
    }
    guard Accept.prefersHTML(incoming.headers["Accept"]) else { return .problem(problem, reference: reference) }
    let page = ErrorPage(problem, reference: reference, isSignedIn: visitor != nil)
    guard let document = try? renderer.render(page, in: frame(visitor, flash: nil, freeze).shell) else {
      return .problem(problem, reference: reference)
    }
    return .html(document, status: problem.code.status).challenged(problem)
  }

  /// The operator's voice: what happened, under a number that the person can quote. Errors of ours hold no content.
  private func log(_ error: any Error) -> String {
    let reference = RequestMark.current?.id ?? CommandID.make(at: services.now).text
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

  /// The answer to HEAD: the fields of the answer to GET, its length among them (RFC 9110 §9.3.2).
  fileprivate var withLengthOnly: Response {
    var head = Response(status: status, headers: headers)
    let length: Int64? =
      switch body {
      case .bytes(let bytes): Int64(bytes.count)
      case .stream(_, let length): length
      case .none: nil
      }
    if let length {
      head.headers["Content-Length"] = String(length)
    } else {
      head.body = .none
    }
    return head
  }
}
