import Platform
import TransparencyLog

/// One entry with everything needed to believe it: what it says, where it stands in the tree, who signed the tree, and the
/// verdict, computed when the page was asked for.
struct EntryPage: Page {
  static let template = Template("audit_entry", AuditTemplates.entry)

  struct Fact: Equatable, Sendable {
    let name: String
    let value: String
    let note: String?
  }

  struct Finding: Equatable, Sendable {
    let text: String
    let state: String
    let tone: String
  }

  struct Change: Equatable, Sendable {
    let table: String
    let key: String
    let op: String
    let before: String
    let after: String
    let erased: String?
  }

  struct Step: Equatable, Sendable {
    let level: Int
    let hash: String
  }

  let title: String
  let section: String? = "/audit"
  let crumbs: [Crumb]
  let index: Int64
  let holds: Bool
  let verdict: String
  let checkedAt: TimeText
  let findings: [Finding]
  let facts: [Fact]
  let changes: [Change]
  let hasChanges: Bool
  let leaf: String
  let leafHash: String
  let proof: [Step]
  let root: String
  let size: Int64
  let checkpoint: String
  let certificate: String
  let receiptPath: String
  let command: String

  static func show(_ request: Request) async throws -> Response {
    let index = try AuditAPI.index(request)
    let verified = try await VerifiedEntry(index, request)
    let names = try await ActorNames([verified.entry], request)
    return try request.page(EntryPage(verified, names, request))
  }

  private init(_ verified: VerifiedEntry, _ names: ActorNames, _ request: Request) {
    let entry = verified.entry
    title = request.text("audit_entry_title", ["index": String(entry.index)])
    crumbs = [Crumb(request.text("audit_title"), "/audit")]
    index = entry.index
    holds = verified.holds
    verdict = request.text(verified.holds ? "audit_verdict_holds" : "audit_verdict_broken")
    checkedAt = TimeText(request.now)
    findings = verified.findings.map { finding in
      Finding(
        text: request.text(finding.textKey), state: request.text(finding.holds ? "audit_holds" : "audit_fails"),
        tone: finding.holds ? "good" : "bad")
    }
    facts = EntryPage.facts(entry, names, request)
    changes = verified.changes.map { change in
      Change(
        table: change.table, key: change.key, op: change.op.rawValue, before: change.before?.base64 ?? "–",
        after: change.after?.base64 ?? "–",
        erased: verified.erased[RowRef(table: change.table, id: change.key)].map {
          request.text("audit_erased", ["day": $0.at.day.description])
        })
    }
    hasChanges = !verified.changes.isEmpty
    leaf = String(decoding: entry.data, as: UTF8.self)
    leafHash = verified.leafHash.base64
    proof = verified.proof.enumerated().map { Step(level: $0.offset + 1, hash: $0.element.base64) }
    root = verified.root.base64
    size = verified.size
    checkpoint = String(decoding: verified.checkpoint, as: UTF8.self)
    certificate = String(decoding: verified.certificate, as: UTF8.self)
    receiptPath = "/v1/audit/\(entry.index)/receipt"
    command = "steward-verify receipt --key steward.vkey entry-\(entry.index).tlog-proof"
  }

  private static func facts(_ entry: LoggedEntry, _ names: ActorNames, _ request: Request) -> [Fact] {
    func fact(_ key: String, _ value: String?, note: String? = nil) -> Fact? {
      value.map { Fact(name: request.text(key), value: $0, note: note) }
    }
    let name = names[entry.actor]
    return [
      fact("audit_time", entry.time.description), fact("audit_action", entry.action ?? request.text("audit_batch")),
      fact("audit_actor", name ?? entry.actor, note: name == nil ? nil : entry.actor),
      fact("audit_object", entry.object),
      fact("audit_changes", entry.changes.map(String.init)),
    ].compactMap(\.self)
  }
}
