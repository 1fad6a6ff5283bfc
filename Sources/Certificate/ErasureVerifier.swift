import Kernel
import TransparencyLog

/// Verifies the record of an erasure offline, check by check, as docs/format.md §9.3 lists them.
package struct ErasureVerifier {
  private let contents: ErasureContents
  private let trust: InstallationTrust?

  /// Without a pin the best outcome is *intact, signer not identified*.
  package static func verify(_ bytes: [UInt8], pin: VerifierKey?) -> Verdict {
    verify(bytes, trust: pin.map { InstallationTrust(pin: $0) })
  }

  /// With the pinned key and those that its chain leads to.
  package static func verify(_ bytes: [UInt8], trust: InstallationTrust?) -> Verdict {
    guard bytes.first == UInt8(ascii: "{") else {
      return .unusable("The file is not the record of an erasure: it is not JSON.")
    }
    guard bytes.count <= ErasureRecord.maximumBytes else {
      return .unusable("The file is larger than 16 MiB, so it is not the record of an erasure.")
    }
    do {
      let verifier = ErasureVerifier(contents: try ErasureContents(bytes), trust: trust)
      return Verdict(findings: verifier.findings, isPinned: trust != nil)
    } catch {
      return Verdict(
        findings: [Finding("document", .failed, BundleVerifier.sentence(error))], isPinned: trust != nil)
    }
  }

  private var findings: [Finding] {
    var findings = [
      Finding("document", .ok, "The record is canonical and complete in its form."), signer,
      Finding.judged(
        "log", "The log's key signed a tree that holds all \(contents.lines.count) entries of the erasure.", log),
      Finding.judged("history", "The entries run from the proposal to the end without a gap.", history),
    ]
    var story: ErasureStory?
    findings.append(
      Finding.judged("facts", "Every fact shown is the one its entry committed to, and its actor is the one it names.")
      {
        story = try ErasureStory(contents.lines)
      })
    guard let story else { return findings }
    findings += [
      Finding.judged("instruction", story.instruction) { try story.checkInstruction() },
      Finding.judged("statement", story.sentence) { try story.checkStatement() },
      Finding.judged("keys", story.keys) { try story.checkKeys() },
      Finding.judged("backups", story.backups) { try story.checkBackups() },
    ]
    findings += story.statement.remains.map { Finding("remains", .limit, "What remains: \($0.what). \($0.why)") }
    findings += story.limits.map { Finding("limit", .limit, $0) }
    findings.append(Finding("limit", .limit, ErasureVerifier.keyOfThatDay))
    return findings
  }

  /// Its certificate says since when a key counts; that it ended only the log says.
  private static let keyOfThatDay =
    "That the log's key had not been changed before the erasure was final is not shown here; steward audit verify of the whole record shows who signed when."

  // MARK: The checks that need no facts

  private var signer: Finding {
    Finding.signer(
      contents.logKeyNote, origin: contents.certificate.origin, trust, shownWith: contents.lines.last?.entry.time,
      late: "the log's key was certified only after the erasure was final")
  }

  private func log() throws {
    let checkpoint = try Checkpoint.open(contents.checkpoint, key: contents.certificate.key)
    for line in contents.lines {
      let isIncluded = Proofs.verifyInclusion(
        leaf: MerkleTree.leafHash(line.leaf), index: line.index, size: checkpoint.size, proof: line.proof,
        root: checkpoint.root)
      guard isIncluded else {
        throw BundleError("entry \(line.entry.ordinal) of the erasure is not in the tree that the log signed")
      }
    }
  }

  private func history() throws {
    guard let first = contents.lines.first, first.entry.object.utf8.starts(with: "erasure:".utf8) else {
      throw BundleError("the entries are not about an erasure")
    }
    var before: BundleContents.Line?
    for (ordinal, line) in contents.lines.enumerated() {
      guard line.entry.ordinal == Int64(ordinal), line.entry.previous == before?.index,
        line.entry.object.utf8.elementsEqual(first.entry.object.utf8)
      else { throw BundleError("entry \(ordinal) does not follow the one before it") }
      if let before, line.index <= before.index || line.entry.time < before.entry.time {
        throw BundleError("entry \(ordinal) is older than the one before it")
      }
      before = line
    }
    try ErasureVerifier.checkOrder(contents.lines.map(\.entry.action))
  }

  /// propose, confirm (once or twice), start, part (any number), destroy (at least once), final.
  private static func checkOrder(_ actions: [String]) throws {
    var rest = actions[...]
    guard rest.popFirst() == "erasure.propose" else { throw BundleError("the history does not begin with a proposal") }
    guard rest.popLast() == "erasure.final" else { throw BundleError("the erasure is not final") }
    while rest.first == "erasure.confirm" { rest.removeFirst() }
    guard rest.popFirst() == "erasure.start" else {
      throw BundleError("the erasure was not started after it was confirmed")
    }
    while rest.first == "erasure.part" { rest.removeFirst() }
    guard !rest.isEmpty else { throw BundleError("no keys were destroyed before the erasure was called final") }
    guard rest.allSatisfy({ $0 == "erasure.destroy" }) else {
      throw BundleError("something stands between the start and the end that does not belong there")
    }
  }
}
