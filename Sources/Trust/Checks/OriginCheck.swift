import Platform

/// A54: no third-party trackers on the site or in the app.
///
/// Crawls the public pages and, as every kind of person, the app's pages, follows their links, and reads every address from which
/// a browser would load something, in HTML and in style sheets; and that the policy tells it to refuse the rest.
enum OriginCheck {
  /// Pages of one visitor; those that routes name come first, then those they link to.
  static let maximumPages = 100

  static func run(_ probe: Probe) async throws -> String {
    let fixtures = try await RouteFixtures.make(probe, in: probe.first)
    var crawl = Crawl(origin: probe.services.installation.origin)
    let signIn = try await probe.services.tenants.all().prefix(1).map { "/t/\($0.slug)" }
    try await crawl.walk(probe.stranger, from: ["/", "/trust"] + signIn)
    let pages = probe.environment.routes.filter {
      $0.method == .get && $0.kind == .page && !$0.path.hasPrefix("/assets/")
    }
    .compactMap { fixtures.target(of: $0) }
    for person in [probe.first.owner, probe.first.manager, probe.first.auditor, fixtures.helper] {
      crawl.startAgain()
      try await crawl.walk(person.caller, from: pages)
    }
    guard crawl.pages >= 5, crawl.sheets >= 1 else { throw Hindered(reason: "There were too few pages to crawl.") }
    return """
      Crawled \(crawl.pages) public and signed-in pages and \(crawl.sheets) style sheets, \(crawl.addresses) addresses in them: \
      every one from which a browser would load is of this origin, there is no script, and each page carries a policy that \
      refuses every other origin.
      """
  }
}

/// Walks pages and keeps count.
struct Crawl {
  private let origin: String
  private(set) var pages = 0
  private(set) var sheets = 0
  private(set) var addresses = 0
  private var seen: Set<String> = []

  init(origin: String) { self.origin = origin }

  /// For the next visitor, who sees other pages at the same addresses.
  mutating func startAgain() { seen = [] }

  mutating func walk(_ caller: Caller, from start: [String]) async throws {
    var waiting = start
    var next = 0
    while waiting.indices.contains(next), seen.count < OriginCheck.maximumPages {
      let target = waiting[next]
      next += 1
      guard seen.insert(target).inserted else { continue }
      let answer = try await caller.page(target)
      let type = answer.headers["Content-Type"] ?? ""
      if type.hasPrefix("text/html") {
        pages += 1
        try policy(answer, target)
        waiting += try addresses(in: answer.text, target)
      } else if type.hasPrefix("text/css") {
        sheets += 1
        try sheet(answer.text, target)
      }
    }
  }

  /// Every directive of the policy names this origin or nothing, and what is not named falls under 'none'.
  private func policy(_ answer: FrontDoor.Answer, _ target: String) throws {
    let name = Crawl.shown(target)
    guard let policy = answer.headers["Content-Security-Policy"] else {
      throw Broken(reason: "The page \(name) has no content security policy.")
    }
    var directives: [String: [String]] = [:]
    for directive in policy.split(separator: ";") {
      let words = directive.split(separator: " ").map(String.init)
      guard let first = words.first else { continue }
      directives[first.lowercased()] = Array(words.dropFirst())
    }
    try hold(directives["default-src"] == ["'none'"], "The policy of \(name) does not refuse what it does not name.")
    for required in ["form-action", "frame-ancestors", "base-uri"] {
      try hold(directives[required] != nil, "The policy of \(name) does not name \(required).")
    }
    for (directive, sources) in directives {
      let isOwn = sources.allSatisfy { ["'none'", "'self'", "data:"].contains($0) }
      try hold(isOwn, "The policy of \(name) lets \(directive) reach another origin or run inline.")
    }
    try hold(directives["script-src"].map { !$0.contains("data:") } ?? true, "The policy of \(name) lets data be run.")
    for cookie in answer.headers.all("Set-Cookie") {
      try hold(!cookie.lowercased().contains("domain="), "The page \(name) sets a cookie for other hosts.")
    }
  }

  /// Checks what a browser loads by itself; answers the pages of ours that a person could go to.
  private mutating func addresses(in html: String, _ target: String) throws -> [String] {
    let name = Crawl.shown(target)
    var next: [String] = []
    for tag in HTMLTags(html) {
      try hold(
        !["script", "iframe", "object", "embed", "base"].contains(tag.name), "The page \(name) holds a <\(tag.name)>.")
      for (attribute, value) in tag.attributes {
        try hold(!attribute.hasPrefix("on"), "The page \(name) runs a script inline.")
        if attribute == "style" { try hold(!value.contains("url("), "The page \(name) loads from an inline style.") }
        guard HTMLTags.addressing.contains(attribute) else { continue }
        addresses += 1
        let own = local(value)
        if tag.name == "a" || tag.name == "area" {
          // A person who follows a link leaves by their own will; nothing is loaded for the page.
          if attribute == "ping" { throw Broken(reason: "The page \(name) reports which links are followed.") }
          if let own { next.append(own) }
          continue
        }
        try hold(
          own != nil || value.hasPrefix("data:image/"),
          "The page \(name) loads or sends to another origin from a <\(tag.name)>.")
        if tag.name == "link", let own { next.append(own) }
      }
    }
    return next
  }

  private mutating func sheet(_ css: String, _ target: String) throws {
    for piece in css.split(separator: "url(", omittingEmptySubsequences: false).dropFirst() {
      addresses += 1
      let value = piece.prefix { $0 != ")" }.filter { $0 != "\"" && $0 != "'" }
      try hold(local(String(value)) != nil || value.hasPrefix("data:"), "The style sheet loads from another origin.")
    }
    try hold(
      !css.contains("@import \"http") && !css.contains("@import '") || !css.contains("//"),
      "The style sheet imports from another origin.")
  }

  /// The path of an address of ours without its fragment; nil for every other.
  private func local(_ value: String) -> String? {
    var address = value.trimmed.replacing("&amp;", with: "&")
    if address.hasPrefix(origin + "/") { address = String(address.dropFirst(origin.count)) }
    if address.hasPrefix("#") || address.isEmpty { return "/" }
    guard address.hasPrefix("/"), !address.hasPrefix("//"), !address.hasPrefix("/\\") else { return nil }
    return String(address.prefix { $0 != "#" })
  }

  /// A page's address without ids, which are nobody's business on a public page.
  private static func shown(_ target: String) -> String {
    let path = target.prefix { $0 != "?" }
    return "/" + path.split(separator: "/").map { $0.count >= 20 ? "…" : String($0) }.joined(separator: "/")
  }
}
