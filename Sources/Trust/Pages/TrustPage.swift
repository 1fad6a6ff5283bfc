import Platform

/// The statement: every promise by topic, with its state, its date, what makes it true and how to test it. Needs no sign-in and
/// no JavaScript.
struct TrustPage: Page {
  static let template = Template("trust", TrustTemplates.page)

  struct Figure: Equatable, Sendable {
    let count: Int
    let title: String
    let path: String
    let isCurrent: Bool
    /// The word of the design system for its colour; empty for none.
    let tone: String
  }

  struct Moment: Equatable, Sendable {
    /// RFC 3339.
    let exact: String
    let shown: String

    init(_ instant: Instant) {
      exact = instant.description
      shown = String(exact.prefix(16)).replacing("T", with: " ") + " UTC"
    }
  }

  struct Row: Equatable, Sendable {
    let id: String
    let sentence: String
    let kind: String
    let state: String
    /// The word of the design system for the colour of a state.
    let tone: String
    let reason: String
    let because: String
    let becauseTitle: String
    let test: String
    let checkedAt: Moment?
    let expiresAt: Moment?
    let evidence: String?
    let hasExemptions: Bool
    let exemptions: [Exemption]
  }

  /// What a promise does not hold for.
  struct Exemption: Equatable, Sendable {
    let what: String
    let reason: String
  }

  struct Chapter: Equatable, Sendable {
    let name: String
    let title: String
    let rows: [Row]
    let proven: Int
    let count: Int
    /// "3 of 14 proven"
    let summary: String
  }

  struct Certification: Equatable, Sendable {
    let standard: String
    let until: Moment
  }

  let title: String
  let section: String? = nil
  let at: Moment
  let total: Int
  let figures: [Figure]
  let pages: [Figure]
  let chapters: [Chapter]
  let isEmpty: Bool
  let certifications: [Certification]
  let isFiltered: Bool

  static func show(_ request: Request, _ runtime: TrustRuntime) async throws -> Response {
    let filter = try Filter(request.query)
    let all = try await PublishedPromise.all(request.services, runtime, now: request.now)
    let badges = try await BadgeShelf(results: ResultStore(services: request.services)).published(now: request.now)
    return try request.page(TrustPage(all, filter, badges, request))
  }

  private init(_ all: [PublishedPromise], _ filter: Filter, _ badges: [Badge], _ request: Request) {
    title = request.text("trust_title")
    at = Moment(request.now)
    total = all.count
    figures = PromiseState.allCases.compactMap { state in
      let count = all.count { $0.standing.state == state }
      let isCurrent = filter.state == state
      guard count > 0 || isCurrent else { return nil }
      return Figure(
        count: count, title: request.text(TrustTexts.key(of: state)), path: filter.with(state: state).path,
        isCurrent: isCurrent, tone: TrustPage.tone(state))
    }
    pages = [nil, "F", "A"].map { page in
      Figure(
        count: all.count { page == nil || $0.promise.id.hasPrefix(page ?? "") },
        title: request.text("trust_page_\(page?.lowercased() ?? "all")"), path: filter.with(page: page).path,
        isCurrent: filter.page == page, tone: "")
    }
    let shown = all.filter(filter.lets)
    chapters = Topic.allCases.compactMap { topic in
      let here = shown.filter { $0.promise.topic == topic }
      return here.isEmpty ? nil : TrustPage.chapter(topic, here, request)
    }
    isEmpty = shown.isEmpty
    certifications = badges.map { Certification(standard: $0.standard, until: Moment($0.report.validUntil)) }
    isFiltered = filter.state != nil
  }

  private static func chapter(_ topic: Topic, _ here: [PublishedPromise], _ request: Request) -> Chapter {
    let proven = here.count { $0.standing.state == .proven }
    return Chapter(
      name: topic.rawValue, title: request.text("trust_topic_\(topic)"), rows: here.map { row($0, request) },
      proven: proven, count: here.count,
      summary: request.text("trust_chapter_proven", ["proven": String(proven), "count": String(here.count)]))
  }

  private static func row(_ published: PublishedPromise, _ request: Request) -> Row {
    let (promise, standing) = (published.promise, published.standing)
    let isHeld = promise.isChecked
    return Row(
      id: promise.id, sentence: published.sentence, kind: TrustTexts.kinds(promise.kind, request),
      state: request.text(TrustTexts.key(of: standing.state)), tone: tone(standing.state), reason: standing.reason,
      because: promise.because, becauseTitle: request.text(isHeld ? "trust_because" : "trust_because_planned"),
      test: promise.test, checkedAt: standing.checkedAt.map(Moment.init),
      expiresAt: standing.expiresAt.map(Moment.init),
      evidence: standing.evidence, hasExemptions: !published.exemptions.isEmpty,
      exemptions: published.exemptions.map { Exemption(what: $0.what, reason: $0.reason) })
  }

  private static func tone(_ state: PromiseState) -> String {
    switch state {
    case .proven: "good"
    case .failing: "bad"
    case .stale: "wait"
    case .declared, .roadmap: "info"
    case .unknown, .notApplicable: "off"
    }
  }
}

extension TrustPage {
  /// What part of the statement is wanted, from plain links.
  struct Filter: Equatable, Sendable {
    var state: PromiseState?
    /// "F" or "A".
    var page: String?

    /// What is not known filters nothing: a public page has no wrong addresses.
    init(_ query: Query) throws {
      state = query["state"].flatMap { PromiseState(rawValue: $0.replacing("-", with: " ")) }
      page = query["page"].flatMap { ["F", "A"].contains($0) ? $0 : nil }
    }

    func lets(_ published: PublishedPromise) -> Bool {
      (state == nil || published.standing.state == state) && (page.map { published.promise.id.hasPrefix($0) } ?? true)
    }

    /// The same with another state; choosing the chosen one takes it back.
    func with(state: PromiseState) -> Filter {
      var copy = self
      copy.state = self.state == state ? nil : state
      return copy
    }

    func with(page: String?) -> Filter {
      var copy = self
      copy.page = page
      return copy
    }

    var path: String {
      let pairs: [(name: String, value: String)] =
        [state.map { ("state", $0.rawValue.replacing(" ", with: "-")) }, page.map { ("page", $0) }].compactMap(\.self)
      return "/trust" + (pairs.isEmpty ? "" : "?" + Query(pairs: pairs).text)
    }
  }
}
