import Kernel
import TransparencyLog

@testable import Certificate

/// A case with its own keys and log, written as a server would: facts in entries, a batch entry after each, one certificate at the end.
/// Each part can be spoiled before the bundle is made.
struct SampleCase {
  struct Step {
    var action: String
    var actor: String
    var fact: JSON
    var object = SampleCase.object
  }

  static let object = "case:01kah5zzzz0000000000000002"
  static let anna: JSON = ["id": "01kah5zzzz000000000000000a", "name": "Anna"]
  static let ben: JSON = ["id": "01kah5zzzz000000000000000b", "name": "Ben"]
  static let vendor: JSON = [
    "id": "01kah5zzzz000000000000000c", "name": "Example <Mail> GmbH", "registry_id": "900001",
  ]
  static let start = Instant(milliseconds: 1_795_248_000_000)

  var installation = try! NoteSigner(
    name: "steward/01kah5zzzz0000000000000000", seed: SecretBytes([UInt8](repeating: 1, count: 32)))
  var log = try! NoteSigner(
    name: "steward/01kah5zzzz0000000000000000/01kah5zzzz0000000000000001",
    seed: SecretBytes([UInt8](repeating: 2, count: 32)))
  var since = start
  var steps: [Step]
  /// Changes the statement before it is committed to.
  var statementChange: (inout [String: JSON]) -> Void = { _ in }
  var evidenceChange: (inout [JSON]) -> Void = { _ in }
  /// Changes an entry before it is hashed.
  var entryChange: (Int, inout LeafEntry) -> Void = { _, _ in }
  /// Changes what is put into the bundle after the log is made.
  var bundleChange: (inout [Bundle.Entry]) -> Void = { _ in }
  var certifier = anna

  static let template = CaseTemplate(
    id: "vendor-offboarding", name: "Vendor offboarding", version: 1,
    steps: [
      CaseTemplate.Step(
        id: "return", title: "Return the data", kind: "return", after: [], days: 30, basis: .termination,
        evidence: [CaseTemplate.Need(kind: "data-export", minimumGrade: .e2)], approval: false),
      CaseTemplate.Step(
        id: "verify-deletion", title: "Verify deletion", kind: "verify", after: ["return"], days: 14, basis: .step,
        evidence: [CaseTemplate.Need(kind: "deletion-check", minimumGrade: .e2)], approval: true),
    ])

  init() {
    steps = [
      Step(action: "case.open", actor: "person:01kah5zzzz000000000000000a", fact: SampleCase.opening),
      SampleCase.act("case.step.assign", "a", ["type": "assignment", "step": "return", "person": SampleCase.ben]),
      SampleCase.act("case.evidence.attach", "b", SampleCase.evidence("1", "return", "data-export", "E2")),
      SampleCase.act("case.step.complete", "b", SampleCase.completion("return", SampleCase.ben, "complete")),
      SampleCase.act("case.evidence.attach", "b", SampleCase.evidence("2", "verify-deletion", "deletion-check", "E3")),
      SampleCase.act("case.step.complete", "b", SampleCase.completion("verify-deletion", SampleCase.ben, "in_review")),
      SampleCase.act("case.step.return", "a", SampleCase.review("return", "verify-deletion", SampleCase.anna)),
      SampleCase.act("case.step.complete", "b", SampleCase.completion("verify-deletion", SampleCase.ben, "in_review")),
      SampleCase.act("case.step.approve", "a", SampleCase.review("approval", "verify-deletion", SampleCase.anna)),
    ]
  }

  static let opening: JSON = [
    "type": "case", "vendor": vendor, "terminated_on": "2026-10-31",
    "data_categories": ["e-mail addresses", "invoices"],
    "template": template.json,
  ]

  static func act(_ action: String, _ who: String, _ fact: JSON) -> Step {
    Step(action: action, actor: "person:01kah5zzzz000000000000000\(who)", fact: fact)
  }

  static func evidence(_ id: String, _ step: String, _ kind: String, _ grade: String) -> JSON {
    [
      "type": "evidence", "id": .string("01kah5zzzz00000000000001\(id)0"), "step": .string(step), "kind": .string(kind),
      "grade": .string(grade), "name": "proof & more.pdf", "media_type": "application/pdf", "size": 1234,
      "sha256": .string(Digest(sha256: Array(id.utf8)).hex),
    ]
  }

  static func completion(_ step: String, _ person: JSON, _ state: String) -> JSON {
    [
      "type": "completion", "step": .string(step), "person": person, "note": "done", "state": .string(state),
      "remains": [["what": "invoices", "where": "archive", "until": "2036-12-31"]],
    ]
  }

  static func review(_ type: String, _ step: String, _ person: JSON) -> JSON {
    ["type": .string(type), "step": .string(step), "person": person, "note": ""]
  }
}

// MARK: - Building

extension SampleCase {
  private struct Row {
    var entry: LeafEntry
    var index: Int64
    var disclosed: [JSON]
  }

  /// The rows of the case so far; its log holds a foreign entry, a batch entry and then one batch per row.
  private func row(_ step: Step, _ ordinal: Int) -> Row {
    let salt = [UInt8](repeating: UInt8(truncatingIfNeeded: ordinal + 1), count: 16)
    let disclosure = Disclosure(fact: step.fact, salt: salt)
    var entry = LeafEntry(
      time: SampleCase.start.adding(seconds: 60 * ordinal), command: CommandID("01kah5zzzz0000000000000009")!,
      actor: step.actor,
      action: step.action, object: step.object, ordinal: Int64(ordinal),
      previous: ordinal == 0 ? nil : Int64(2 * ordinal),
      instruction: nil, changeCount: 1, changeRoot: MerkleTree.leafHash([]), commitments: [disclosure.commitment])
    entryChange(ordinal, &entry)
    return Row(entry: entry, index: Int64(2 * ordinal + 2), disclosed: [disclosure.json])
  }

  private func statement() throws -> JSON {
    let events = steps.enumerated().compactMap { ordinal, step in
      try? CaseEvent(position: ordinal, time: SampleCase.start.adding(seconds: 60 * ordinal), fact: CaseFact(step.fact))
    }
    let replay = try CaseReplay(template: SampleCase.template, events: events)
    guard case .opening(let opening) = try CaseFact(SampleCase.opening) else { throw BundleError("no opening") }
    let particulars = Statement.Particulars(
      caseID: "01kah5zzzz0000000000000002", openedAt: SampleCase.start,
      tenant: ["id": "01kah5zzzz000000000000000d", "name": "Acme"],
      issuedAt: SampleCase.start.adding(seconds: 60 * steps.count), issuedBy: certifier,
      limits: [Statement.secondChainLimit])
    var members = Statement.fact(opening, replay, particulars).object ?? [:]
    statementChange(&members)
    return .object(members)
  }

  func zip() throws -> [UInt8] {
    let statement = try statement()
    let certify = Step(action: "case.certify", actor: "person:01kah5zzzz000000000000000a", fact: statement)
    let rows = (steps + [certify]).enumerated().map { row($1, $0) }
    var leaves = [Array("{\"other\":1}".utf8), Array("{\"batch\":1}".utf8)]
    for row in rows {
      leaves.append(try row.entry.encoded())
      leaves.append(try LeafBatch(time: row.entry.time, count: 1, state: MerkleTree.emptyRoot).encoded())
    }
    let hashes = leaves.map(MerkleTree.leafHash)
    let reader = SlowReader(leaves: hashes)
    let size = Int64(leaves.count)
    func proof(_ index: Int64) throws -> [Digest] { try Proofs.inclusion(index: index, size: size, reader: reader) }
    var entries = try rows.map { row in
      Bundle.Entry(
        leaf: try row.entry.encoded(), index: row.index, proof: try proof(row.index), disclosed: row.disclosed)
    }
    bundleChange(&entries)
    let checkpoint = Checkpoint(origin: log.verifierKey.name, size: size, root: MerkleTree.root(ofLeaves: hashes))
    let certificate = try LogKeyCertificate(key: log.verifierKey, since: since).signed(by: installation)
    let last = entries[entries.count - 1]
    let receipt = try Receipt.make(
      index: last.index, hashes: last.proof, checkpoint: try log.sign(text: checkpoint.text), certificate: certificate,
      leaf: last.leaf, limited: false)
    var evidence = steps.filter { $0.action == "case.evidence.attach" }.compactMap { step -> JSON? in
      var members = step.fact.object
      members?["type"] = nil
      return members.map(JSON.object)
    }
    evidenceChange(&evidence)
    return try Bundle.make(
      statementDisclosure: last.disclosed[0], certifyProof: receipt.encoded, logKeyCertificate: certificate,
      entries: entries,
      evidence: .array(evidence), signer: { try log.sign(text: $0) })
  }

  var pin: VerifierKey { installation.verifierKey }
}

/// Subtree hashes computed anew each time.
struct SlowReader: HashReader {
  let leaves: [Digest]
  func hash(level: Int, index: Int64) throws -> Digest {
    let width = 1 << level
    let start = Int(index) * width
    guard start + width <= leaves.count else { throw LogError("no such hash") }
    return MerkleTree.root(ofLeaves: Array(leaves[start..<start + width]))
  }
}

/// Numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state >> 32) | (state << 32)
  }
}
