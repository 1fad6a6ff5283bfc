import Certificate
import Platform

/// How an erasure's object and state are said.
struct ErasureLook: Equatable, Sendable {
  let type: String
  /// The end of its id: enough to tell two apart.
  let shortID: String
  let state: String
  let tone: String

  init(_ request: Request, _ target: ErasureTarget, _ state: Erasure.State) {
    type = request.text("erasures_type_\(target.kind.rawValue)")
    shortID = target.id.count > 10 ? "…\(target.id.suffix(8))" : target.id
    self.state = request.text("erasures_state_\(state.rawValue)")
    tone =
      switch state {
      case .proposed: "wait"
      case .started: "info"
      case .pending: "bad"
      case .final: "good"
      case .withdrawn: "off"
      }
  }

  /// What it is called, of a vendor and a person the name alone.
  func name(_ target: ErasureTarget, _ taken: Inventory, _ request: Request) -> String {
    switch target.kind {
    case .tenant: request.visitor?.tenantName ?? type
    case .vendor, .person: taken.title ?? "\(type) \(shortID)"
    default: "\(type) \(taken.title ?? shortID)"
    }
  }
}

/// What goes and what remains, as pages show it.
struct InventoryView: Equatable, Sendable {
  struct Line: Equatable, Sendable {
    let title: String
    let count: Int64
  }

  struct Remaining: Equatable, Sendable {
    let what: String
    let why: String
  }

  static let template = """
    <section class="card" aria-labelledby="goes"><h2 id="goes">{{title}}</h2>
    <div class="figures"><p class="figure"><strong>{{rows}}</strong> <span>{{t.erasures_rows}}</span></p><p class="figure"><strong>{{files}}</strong> <span>{{t.erasures_files}}</span></p><p class="figure"><strong>{{images}}</strong> <span>{{t.erasures_images}}</span></p><p class="figure"><strong>{{exports}}</strong> <span>{{t.erasures_exports}}</span></p></div>
    <ul class="rows">{{#tables}}<li><span>{{title}}</span> <span class="count">{{count}}</span></li>{{/tables}}</ul></section>
    <section class="card" aria-labelledby="remains"><h2 id="remains">{{t.erasures_remains}}</h2>
    <dl class="facts stacked">{{#remains}}<dt><strong>{{what}}</strong></dt><dd>{{why}}</dd>{{/remains}}
    <dt><strong>{{t.erasures_backups}}</strong></dt><dd>{{backups}}</dd>
    <dt><strong>{{t.erasures_told}}</strong></dt><dd>{{#hasTold}}<ul>{{#told}}<li>{{.}}</li>{{/told}}</ul>{{/hasTold}}{{^hasTold}}{{t.erasures_told_none}}{{/hasTold}}</dd></dl></section>
    """

  let title: String
  let rows: Int64
  let files: Int64
  let images: Int64
  let exports: Int64
  let tables: [Line]
  let remains: [Remaining]
  let backups: String
  let told: [String]
  let hasTold: Bool

  init(_ request: Request, _ inventory: Inventory, isGone: Bool = false) {
    title = request.text(isGone ? "erasures_went" : "erasures_goes")
    rows = inventory.rows
    files = inventory.files
    images = inventory.images
    exports = inventory.exports
    tables = inventory.tables.map { line in
      let key = "erasures_table_\(line.table)"
      return Line(title: request.services.texts.has(key) ? request.text(key) : line.table, count: line.rows)
    }
    remains = inventory.remains.map { Remaining(what: $0.what, why: $0.why) }
    backups = InventoryView.backups(request, inventory)
    told = inventory.told.map {
      request.text("erasures_told_item", ["to": $0.to, "purpose": $0.purpose, "at": $0.at.forPeople])
    }
    hasTold = !told.isEmpty
  }

  private static func backups(_ request: Request, _ inventory: Inventory) -> String {
    let count = String(inventory.backups.count)
    guard !inventory.backups.isEmpty else { return request.text("erasures_backups_none") }
    guard let until = inventory.backups.compactMap(\.goneBy).max() else {
      return request.text("erasures_backups_unknown", ["count": count])
    }
    return request.text("erasures_backups_some", ["count": count, "until": until.day.description])
  }
}
