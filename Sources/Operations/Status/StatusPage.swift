import Platform

/// `/status`: two strips, what is missing in them, and why. Needs no sign-in and no JavaScript.
struct StatusPage: Page {
  static let template = Template(
    "status",
    """
    <div class="page-head"><div>
    <h1>{{title}}</h1>
    <p class="lead">{{t.status_lead}}</p>
    </div></div>
    <p class="notice {{tone}}"><strong>{{headline}}</strong> {{detail}}</p>
    {{#strips}}<section class="card" aria-labelledby="{{name}}">
    <h2 id="{{name}}">{{title}} <span class="count">{{share}}</span></h2>
    <ol class="strip" aria-hidden="true">{{#cells}}<li class="{{tone}}" title="{{title}}"></li>{{/cells}}</ol>
    <p class="strip-ends muted small"><span>{{from}}</span><span>{{t.status_now}}</span></p>
    {{#hasUnknown}}<p class="muted small">{{t.status_grey}}</p>{{/hasUnknown}}
    </section>
    {{/strips}}
    <section class="card" aria-labelledby="gaps">
    <h2 id="gaps">{{t.status_gaps}}</h2>
    {{#hasGaps}}<table class="cards"><caption class="vh">{{t.status_gaps}}</caption>
    <thead><tr><th scope="col">{{t.status_gap_from}}</th><th scope="col">{{t.status_gap_until}}</th><th scope="col" class="num">{{t.status_gap_length}}</th><th scope="col">{{t.status_gap_reason}}</th></tr></thead>
    <tbody>
    {{#gaps}}<tr>
    <td data-label="{{t.status_gap_from}}">{{#from}}<time datetime="{{exact}}">{{shown}}</time>{{/from}}</td>
    <td data-label="{{t.status_gap_until}}">{{#until}}<time datetime="{{exact}}">{{shown}}</time>{{/until}}</td>
    <td class="num" data-label="{{t.status_gap_length}}">{{length}}</td>
    <td data-label="{{t.status_gap_reason}}">{{reason}}</td>
    </tr>
    {{/gaps}}</tbody></table>{{/hasGaps}}
    {{^hasGaps}}<p class="empty">{{t.status_no_gaps}}</p>{{/hasGaps}}
    </section>
    <p class="muted small">{{t.status_how}} <a href="/status.json">{{t.status_json}}</a></p>
    """)

  struct Moment: Equatable, Sendable {
    /// RFC 3339.
    let exact: String
    let shown: String

    init(_ instant: Instant) {
      exact = instant.description
      shown = String(exact.prefix(16)).replacing("T", with: " ") + " UTC"
    }
  }

  struct Cell: Equatable, Sendable {
    let tone: String
    let title: String
  }

  struct Strip: Equatable, Sendable {
    let name: String
    let title: String
    let share: String
    let from: String
    let cells: [Cell]
    /// Whether some of it was before the record began.
    let hasUnknown: Bool
  }

  struct Row: Equatable, Sendable {
    let from: Moment
    let until: Moment
    let length: String
    let reason: String
  }

  /// Rows of the table of gaps.
  static let mostGaps = 50

  let title: String
  let tone: String
  let headline: String
  let detail: String
  let strips: [Strip]
  let gaps: [Row]
  let hasGaps: Bool

  init(_ history: History, _ request: Request) {
    title = request.text("status_title")
    let isUp = history.last != nil && history.gaps.last?.reason != .now
    tone = isUp ? "good" : "wait"
    headline = request.text(isUp ? "status_up" : "status_quiet")
    detail =
      history.last.map { request.text("status_last", ["time": Moment($0).shown]) } ?? request.text("status_never")
    strips = [
      StatusPage.strip("day", history, seconds: 86_400, count: 96, request),
      StatusPage.strip("month", history, seconds: History.days * 86_400, count: History.days, request),
    ]
    gaps = history.gaps.suffix(StatusPage.mostGaps).reversed().map { gap in
      Row(
        from: Moment(gap.from), until: Moment(gap.until), length: StatusPage.words(seconds: gap.seconds),
        reason: request.text("status_reason_\(gap.reason.rawValue)"))
    }
    hasGaps = !gaps.isEmpty
  }

  private static func strip(
    _ name: String, _ history: History, seconds: Int, count: Int, _ request: Request
  ) -> Strip {
    let cells = history.strip(seconds: seconds, count: count)
    return Strip(
      name: name, title: request.text("status_\(name)"),
      share: history.share(lastSeconds: seconds).map { request.text("status_share", ["percent": percent($0)]) } ?? "",
      from: cells.first.map { Moment($0.from).shown } ?? "",
      cells: cells.map { cell in
        let said = cell.share.map { percent($0) + " %" } ?? request.text("status_no_record")
        return Cell(tone: tone(cell.share), title: "\(Moment(cell.from).shown): \(said)")
      }, hasUnknown: cells.contains { $0.share == nil })
  }

  private static func tone(_ share: Int?) -> String {
    switch share {
    case nil: "off"
    case .some(1_000): "good"
    case .some(900...): "wait"
    default: "bad"
    }
  }

  /// "99.9"; 100 only if nothing is missing.
  private static func percent(_ thousandths: Int) -> String {
    thousandths == 1_000 ? "100" : "\(thousandths / 10).\(thousandths % 10)"
  }

  static func words(seconds: Int) -> String {
    switch seconds {
    case ..<7_200: "\(seconds / 60) min"
    case ..<172_800: "\(seconds / 3_600) h \(seconds % 3_600 / 60) min"
    default: "\(seconds / 86_400) d \(seconds % 86_400 / 3_600) h"
    }
  }
}

/// `/status.json`.
enum StatusAPI {
  static func json(_ history: History) -> JSON {
    [
      "at": .string(history.now.description), "since": JSON(history.since?.description),
      "last_heartbeat": JSON(history.last?.description), "period_seconds": .integer(Int64(Heartbeat.periodSeconds)),
      "covered_permille": [
        "24h": JSON(history.share(lastSeconds: 86_400)), "30d": JSON(history.share(lastSeconds: History.days * 86_400)),
      ],
      "gaps": .array(
        history.gaps.map { gap in
          [
            "from": .string(gap.from.description), "until": .string(gap.until.description),
            "seconds": .integer(Int64(gap.seconds)), "reason": .string(gap.reason.rawValue),
          ]
        }),
    ]
  }
}
