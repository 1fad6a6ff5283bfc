import Platform

/// The list for people who want to know who else sees their data, signed in or not.
struct PublicPage: Page {
  static let template = Template(
    "subprocessors-public",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.subprocessors_public_lead}}</p></div></div>
    <p class="muted">{{t.subprocessors_as_of}} <time datetime="{{exact}}">{{shown}}</time>. <a href="/trust/subprocessors.json">{{t.subprocessors_json}}</a> · <a href="/trust/subprocessors.atom">{{t.subprocessors_feed}}</a> · <a href="/trust">{{t.subprocessors_trust}}</a></p>
    {{#isEmpty}}<p class="empty">{{t.subprocessors_none}}</p>{{/isEmpty}}
    {{#groups}}<section class="stack" aria-labelledby="{{name}}"><div><h2 id="{{name}}">{{heading}} <span class="count">{{count}}</span></h2><p class="muted">{{lead}}</p></div>
    {{#cards}}<article class="card" id="{{id}}"><div class="page-head"><h3>{{name}}</h3><span class="badge {{tone}}">{{state}}</span></div>
    <p>{{description}}</p>{{#note}}<p class="notice {{tone}}">{{note}}</p>{{/note}}
    <dl class="facts">
    <dt>{{t.subprocessors_entity}}</dt><dd>{{entity}}, {{address}}</dd>
    <dt>{{t.subprocessors_contact}}</dt><dd>{{contact}}</dd>
    <dt>{{t.subprocessors_purposes}}</dt><dd>{{purposes}}</dd>
    <dt>{{t.subprocessors_categories}}</dt><dd>{{categories}}</dd>
    <dt>{{t.subprocessors_region}}</dt><dd>{{region}}</dd>
    <dt>{{t.subprocessors_hosts}}</dt><dd><code>{{hosts}}</code></dd>
    {{#contract}}<dt>{{t.subprocessors_contract}}</dt><dd>{{contract}}</dd>{{/contract}}
    <dt>{{t.subprocessors_log_entry}}</dt><dd>{{entry}}</dd>
    </dl></article>{{/cards}}</section>
    {{/groups}}
    {{#ownPlaces}}<section class="card"><h2>{{t.subprocessors_own_places}}</h2><p>{{t.subprocessors_own_places_lead}}</p><p><code>{{ownPlaces}}</code></p></section>{{/ownPlaces}}
    {{#hasChanges}}<section class="card" aria-labelledby="history"><h2 id="history">{{t.subprocessors_history}}</h2>
    <ul class="rows">{{#changes}}<li><div class="row-main"><span><a href="#{{provider}}">{{name}}</a>: {{what}}</span>{{#note}}<span class="muted small">{{note}}</span>{{/note}}</div><span class="muted small"><time datetime="{{exact}}">{{shown}}</time> · <a href="/trust/subprocessors/changes/{{id}}">{{entry}}</a></span></li>
    {{/changes}}</ul></section>{{/hasChanges}}
    <p class="muted small">{{t.subprocessors_digest}} <code>{{digest}}</code></p>
    """)

  struct Card: Equatable, Sendable {
    let id: String
    let name: String
    let state: String
    let tone: String
    let note: String?
    let description: String
    let entity: String
    let address: String
    let contact: String
    let purposes: String
    let categories: String
    let region: String
    let hosts: String
    let contract: String?
    let entry: Int64
  }

  struct Group: Equatable, Sendable {
    let name: String
    let heading: String
    let lead: String
    let count: Int
    let cards: [Card]
  }

  struct Change: Equatable, Sendable {
    let id: String
    let provider: String
    let name: String
    let what: String
    let note: String?
    let exact: String
    let shown: String
    let entry: String
  }

  let title: String
  let exact: String
  let shown: String
  let isEmpty: Bool
  let groups: [Group]
  /// What the configuration names as the operator's own, such as a mail relay; nil for nothing.
  let ownPlaces: String?
  let hasChanges: Bool
  let changes: [Change]
  let digest: String

  init(_ list: PublicList, _ request: Request) {
    title = request.text("subprocessors_public_title")
    exact = list.at.description
    shown = list.at.forPeople
    let own = request.services.egress.ownPlaces.map { "\($0.host):\($0.port)" }.sorted()
    ownPlaces = own.isEmpty ? nil : own.joined(separator: ", ")
    isEmpty = list.providers.isEmpty && own.isEmpty
    groups = ["current", "coming", "own", "past"].compactMap { name in
      let cards = list.providers.filter { PublicPage.group($0) == name }.map { Card($0, list.at, request) }
      return cards.isEmpty
        ? nil
        : Group(
          name: name, heading: request.text("subprocessors_group_\(name)"),
          lead: request.text("subprocessors_group_\(name)_lead", ["days": String(Lifecycle.noticeDays)]),
          count: cards.count, cards: cards)
    }
    changes = list.changes.map { Change($0, request) }
    hasChanges = !changes.isEmpty
    digest = list.digest
  }

  private static func group(_ provider: Provider) -> String {
    switch (provider.state, provider.details.kind) {
    case (.ended, _): "past"
    case (_, .own): "own"
    case (.announced, _): "coming"
    case (.draft, _), (.active, _), (.suspended, _): "current"
    }
  }
}

extension PublicPage.Card {
  init(_ provider: Provider, _ now: Instant, _ request: Request) {
    let details = provider.details
    let look = ProviderLook(provider, now, request)
    self.init(
      id: provider.id.text, name: details.name, state: look.state, tone: look.tone, note: look.note,
      description: details.description, entity: details.entity, address: details.address, contact: details.contact,
      purposes: details.purposes.joined(separator: ", "), categories: look.categories,
      region: details.region.description, hosts: details.hosts.map(\.description).joined(separator: ", "),
      contract: look.contract, entry: provider.entry)
  }
}

extension PublicPage.Change {
  init(_ shown: PublicList.Change, _ request: Request) {
    let change = shown.change
    self.init(
      id: change.id.text, provider: change.provider.text, name: shown.name,
      what: request.text("subprocessors_change_\(change.kind.rawValue)", ["days": String(Lifecycle.noticeDays)]),
      note: change.note.isEmpty ? nil : change.note, exact: change.at.description, shown: change.at.forPeople,
      entry: request.text("subprocessors_log_index", ["index": String(change.entry)]))
  }
}

/// How a provider's state is said.
struct ProviderLook {
  let state: String
  let tone: String
  /// What a reader should know about it now.
  let note: String?
  let categories: String
  let contract: String?

  init(_ provider: Provider, _ now: Instant, _ request: Request) {
    let lapsed = provider.state == .active && provider.hasLapsed(at: now)
    let word = lapsed ? "lapsed" : provider.state.rawValue
    state = request.text("subprocessors_state_\(word)")
    tone = ["active": "good", "announced": "info", "suspended": "wait", "lapsed": "bad"][word] ?? "off"
    note = ProviderLook.note(provider, word, request)
    categories = provider.details.categories.map { request.text("subprocessors_category_\($0.rawValue)") }
      .joined(separator: ", ")
    contract = provider.contract.map { contract in
      request.text(
        "subprocessors_contract_line",
        [
          "dated": contract.dated.description, "expires": contract.expires.description,
          "clauses": Contract.Clause.allCases.filter(contract.clauses.contains)
            .map { request.text("subprocessors_clause_\($0.rawValue)") }.joined(separator: ", "),
        ])
    }
  }

  private static func note(_ provider: Provider, _ word: String, _ request: Request) -> String? {
    switch word {
    case "announced":
      guard let notifiedAt = provider.notifiedAt else {
        return request.text("subprocessors_note_announced", ["days": String(Lifecycle.noticeDays)])
      }
      return request.text(
        "subprocessors_note_notified",
        ["sent": notifiedAt.day.description, "from": Lifecycle.endOfNotice(notifiedAt).forPeople])
    case "suspended", "lapsed": return request.text("subprocessors_note_\(word)")
    default: return nil
    }
  }
}
