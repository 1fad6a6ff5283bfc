import Kernel
import TransparencyLog

@testable import Certificate

/// An erasure with its own keys and log, written as a server would: a fact in each entry, a batch entry after each, the statement last.
/// Each part can be spoiled before the record is made.
struct SampleErasure {
  struct Step {
    var action: String
    var actor: String
    var fact: JSON
    var object = SampleErasure.object
    var changes = 40
  }

  static let id = "01kah5zzzz0000000000000003"
  static let object = "erasure:\(id)"
  static let olga: JSON = ["id": "01kah5zzzz000000000000000e", "name": "Olga"]
  static let person = "person:01kah5zzzz000000000000000e"
  static let start = Instant(milliseconds: 1_795_248_000_000)

  var installation = SampleCase().installation
  var log = SampleCase().log
  var since = start
  var steps: [Step]
  /// Changes the statement before it is committed to.
  var statementChange: (inout [String: JSON]) -> Void = { _ in }
  /// Changes an entry before it is hashed.
  var entryChange: (Int, inout LeafEntry) -> Void = { _, _ in }
  /// Changes what is put into the record after the log is made.
  var recordChange: (inout [Bundle.Entry]) -> Void = { _ in }

  private let thing: JSON
  private let confirmations: Int
  let destruction: JSON

  static func keys(_ before: Int64, _ after: Int64, _ copies: [JSON]) -> JSON {
    ["epoch_before": .integer(before), "epoch_after": .integer(after), "copies": .array(copies)]
  }

  /// `start`: minutes after the beginning at which it ended.
  static func copy(_ isLive: Bool, start minutes: Int?) -> JSON {
    [
      "place": isLive ? "/srv/keys" : "/mnt/keys", "live": .bool(isLive),
      "ended_at": JSON(minutes.map { start.adding(seconds: 60 * $0).description }),
    ]
  }

  init(type: String = "vendor", confirmations: Int = 1) {
    let id = type == "tenant" ? "01kah5zzzz000000000000000d" : "01kah5zzzz000000000000000c"
    let thing: JSON = ["type": .string(type), "id": .string(id)]
    self.thing = thing
    self.confirmations = confirmations
    steps = [
      Step(
        action: "erasure.propose", actor: SampleErasure.person,
        fact: [
          "type": "proposal", "object": thing, "person": SampleErasure.olga, "suppress": true, "rows": 12, "files": 2,
        ])
    ]
    for number in 1...confirmations {
      steps.append(
        Step(
          action: "erasure.confirm", actor: SampleErasure.person,
          fact: [
            "type": "confirmation", "person": SampleErasure.olga, "number": .integer(Int64(number)),
            "of": .integer(Int64(confirmations)),
          ]))
    }
    steps += [
      Step(
        action: "erasure.start", actor: "system:erasure",
        fact: ["type": "start", "rows": 9, "files": 2, "images": 5, "subjects": 3]),
      Step(
        action: "erasure.part", actor: "system:erasure",
        fact: ["type": "part", "rows": 3, "files": 0, "images": 1, "subjects": 1]),
    ]
    let first = SampleErasure.keys(1, 2, [SampleErasure.copy(true, start: 1), SampleErasure.copy(false, start: nil)])
    destruction = SampleErasure.keys(1, 2, [SampleErasure.copy(true, start: 1), SampleErasure.copy(false, start: 5)])
    for keys in [first, destruction] {
      steps.append(Step(action: "erasure.destroy", actor: "system:erasure", fact: SampleErasure.fact(keys)))
    }
  }

  static func fact(_ keys: JSON, subjects: Int64 = 4) -> JSON {
    var fact = keys.object ?? [:]
    (fact["type"], fact["subjects"]) = ("destruction", .integer(subjects))
    return .object(fact)
  }

  func time(_ ordinal: Int) -> String { SampleErasure.start.adding(seconds: 60 * ordinal).description }

  private var statement: JSON {
    let end = steps.count
    let statement: JSON = [
      "type": "erasure", "format": "steward.erasure/1",
      "erasure": [
        "id": .string(SampleErasure.id), "proposed_at": .string(time(0)),
        "started_at": .string(time(confirmations + 1)), "final_at": .string(time(end)),
      ],
      "tenant": ["id": "01kah5zzzz000000000000000d"], "object": thing, "proposed_by": SampleErasure.olga,
      "confirmed_by": .array(
        (1...confirmations).map { number in
          ["id": "01kah5zzzz000000000000000e", "name": "Olga", "at": .string(time(number))]
        }), "suppressed": true,
      "erased": ["rows": 12, "files": 2, "journal_images": 6, "subjects": 4],
      "tables": [["table": "vendor", "rows": 1], ["table": "case_step", "rows": 11]],
      "keys": destruction,
      "backups": [
        "kept_days": 30,
        "holding": [
          [
            "id": "01kah5zzzz000000000000000f", "made_at": .string(time(0)),
            "gone_by": .string(SampleErasure.start.adding(seconds: 31 * 86_400).description),
          ]
        ],
      ],
      "told": [["to": "mail", "purpose": "reminder", "at": .string(time(0)), "outcome": "done"]],
      "remains": [["what": "Certificates that were downloaded", "why": "They are in other hands."]],
      "rerun": ["Open an old copy."], "limits": ["Copies made by hand."],
    ]
    var members = statement.object ?? [:]
    statementChange(&members)
    return .object(members)
  }

  func record() throws -> [UInt8] {
    let final = Step(action: "erasure.final", actor: "system:erasure", fact: statement)
    let all = steps + [final]
    var leaves = [Array("{\"other\":1}".utf8), Array("{\"batch\":1}".utf8)]
    var rows: [(leaf: [UInt8], index: Int64, disclosed: [JSON])] = []
    for (ordinal, step) in all.enumerated() {
      let disclosure = Disclosure(
        fact: step.fact, salt: [UInt8](repeating: UInt8(truncatingIfNeeded: ordinal + 1), count: 16))
      var entry = LeafEntry(
        time: SampleErasure.start.adding(seconds: 60 * ordinal), command: CommandID("01kah5zzzz0000000000000009")!,
        actor: step.actor, action: step.action, object: step.object, ordinal: Int64(ordinal),
        previous: ordinal == 0 ? nil : Int64(2 * ordinal), instruction: nil, changeCount: step.changes,
        changeRoot: MerkleTree.leafHash([]), commitments: [disclosure.commitment])
      entryChange(ordinal, &entry)
      rows.append((try entry.encoded(), Int64(2 * ordinal + 2), [disclosure.json]))
      leaves.append(try entry.encoded())
      leaves.append(try LeafBatch(time: entry.time, count: 1, state: MerkleTree.emptyRoot).encoded())
    }
    let hashes = leaves.map(MerkleTree.leafHash)
    let reader = SlowReader(leaves: hashes)
    let size = Int64(leaves.count)
    var entries = try rows.map { row in
      Bundle.Entry(
        leaf: row.leaf, index: row.index, proof: try Proofs.inclusion(index: row.index, size: size, reader: reader),
        disclosed: row.disclosed)
    }
    recordChange(&entries)
    let checkpoint = Checkpoint(origin: log.verifierKey.name, size: size, root: MerkleTree.root(ofLeaves: hashes))
    return try ErasureRecord.make(
      checkpoint: try log.sign(text: checkpoint.text),
      logKeyCertificate: try LogKeyCertificate(key: log.verifierKey, since: since).signed(by: installation),
      entries: entries)
  }

  var pin: VerifierKey { installation.verifierKey }
}
