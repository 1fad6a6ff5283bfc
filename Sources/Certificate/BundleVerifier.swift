import Kernel
import TransparencyLog

/// Verifies a bundle offline, check by check, as docs/format.md §6.5 lists them.
///
/// A check that fails does not hide the ones after it, unless they cannot be asked at all (a container that does not open).
package struct BundleVerifier {
  private let contents: BundleContents
  private let trust: InstallationTrust?
  private var findings: [Finding] = []

  /// Without a pin the best outcome is *intact, signer not identified*.
  package static func verify(zip: [UInt8], pin: VerifierKey?) -> Verdict {
    verify(zip: zip, trust: pin.map { InstallationTrust(pin: $0) })
  }

  /// With the pinned key and those that its chain leads to.
  package static func verify(zip: [UInt8], trust: InstallationTrust?) -> Verdict {
    guard StoredZip.looksLikeZip(zip) else {
      return .unusable("The file is not a certificate bundle: it is not a ZIP.")
    }
    guard zip.count <= BundleLimit.bytes else {
      return .unusable("The file is larger than 64 MiB, so it is not a certificate bundle.")
    }
    do {
      let contents = try BundleContents(members: try StoredZip.decode(zip))
      var verifier = BundleVerifier(contents: contents, trust: trust)
      verifier.run()
      return Verdict(findings: verifier.findings, isPinned: trust != nil)
    } catch {
      return Verdict(findings: [Finding("container", .failed, sentence(error))], isPinned: trust != nil)
    }
  }

  private init(contents: BundleContents, trust: InstallationTrust?) {
    self.contents = contents
    self.trust = trust
  }

  private mutating func run() {
    let count = contents.lines.count
    findings = [
      Finding.judged("container", "Every member is as the manifest, signed by the log's key, says.", container),
      signer(),
      Finding.judged(
        "log", "The log's key signed a tree that holds the certificate and all \(count) entries of the case.", log),
      Finding.judged(
        "history", "The entries run from the opening of the case to the certificate without a gap.", history),
    ]
    var story: CaseStory?
    let facts = Finding.judged(
      "facts", "Every fact shown is the one its entry committed to, and its actor is the one it names."
    ) {
      story = try CaseStory(contents.lines)
    }
    findings.append(facts)
    guard let story else { return }
    findings.append(
      Finding.judged("statement", "The statement says what the facts say, and its issuer is who recorded it.") {
        try statement(story)
      })
    findings += rules(story)
    findings.append(
      Finding.judged("evidence", "The list of \(story.replay.evidence.count) pieces of evidence is the recorded one.") {
        try evidence(story)
      })
    findings += BundleVerifier.limits
    if story.erased > 0 {
      findings.append(
        Finding(
          "limit", .limit,
          "Not shown: \(story.erased) pieces of evidence that were erased. Nothing rests on them."))
    }
  }

  private static let limits = [
    Finding(
      "limit", .limit,
      "Not ruled out: a second chain of entries for this case in the same log, which has no object map yet."),
    Finding("limit", .limit, "Not looked at: the evidence files themselves; compare their SHA-256 with the statement."),
  ]

  static func sentence(_ error: any Error) -> String {
    let text = "\(error)"
    return text.prefix(1).uppercased() + text.dropFirst() + "."
  }
}

// MARK: - The checks

extension BundleVerifier {
  private func container() throws {
    let note = try Note.parse(contents.manifest)
    let expected = Bundle.manifestText(
      origin: contents.certificate.origin, index: contents.certify.index, members: contents.members.dropLast())
    guard note.verifiedAlone(by: contents.certificate.key) else {
      throw BundleError("the manifest is not signed by the log's key")
    }
    let lines = Note.lines(of: expected)
    for (number, line) in note.lines.enumerated() where number >= lines.count || line != lines[number] {
      let name = number >= 3 && number < lines.count ? contents.members[number - 3].name : "the manifest"
      throw BundleError("\(name) is not what the manifest says")
    }
    guard note.text.utf8.elementsEqual(expected.utf8) else {
      throw BundleError("the manifest does not list all members")
    }
  }

  private func signer() -> Finding {
    Finding.signer(
      contents.logKeyNote, origin: contents.certificate.origin, trust, shownWith: contents.lines.last?.entry.time,
      late: "the log's key was certified only after the certificate was issued")
  }

  private func log() throws {
    let checkpoint = try Checkpoint.open(contents.certify.proof.checkpoint, key: contents.certificate.key)
    guard contents.certify.certificate == contents.logKeyNote else {
      throw BundleError("the proof of the certificate names another log key than log-key.note")
    }
    guard let last = contents.lines.last, contents.certify.leaf == last.leaf, contents.certify.index == last.index
    else {
      throw BundleError("the proof is not of the last entry")
    }
    func isIncluded(_ leaf: [UInt8], _ index: Int64, _ proof: [Digest]) -> Bool {
      Proofs.verifyInclusion(
        leaf: MerkleTree.leafHash(leaf), index: index, size: checkpoint.size, proof: proof, root: checkpoint.root)
    }
    guard isIncluded(last.leaf, last.index, contents.certify.proof.hashes) else {
      throw BundleError("the certify entry is not in the tree that the log signed")
    }
    for line in contents.lines where !isIncluded(line.leaf, line.index, line.proof) {
      throw BundleError("entry \(line.entry.ordinal) of the case is not in the tree that the log signed")
    }
  }

  private func history() throws {
    guard let first = contents.lines.first, let last = contents.lines.last, contents.lines.count > 1 else {
      throw BundleError("the case has no history")
    }
    guard first.entry.action == "case.open", last.entry.action == "case.certify" else {
      throw BundleError("the history does not begin with the opening or end with the certificate")
    }
    guard first.entry.object.utf8.starts(with: "case:".utf8) else {
      throw BundleError("the entries are not about a case")
    }
    var before: BundleContents.Line?
    for (ordinal, line) in contents.lines.enumerated() {
      guard line.entry.object.utf8.elementsEqual(first.entry.object.utf8) else {
        throw BundleError("an entry is about another case")
      }
      guard line.entry.ordinal == Int64(ordinal), line.entry.previous == before?.index else {
        throw BundleError("the history has a gap before entry \(line.entry.ordinal)")
      }
      if let before {
        guard line.index > before.index, line.entry.time >= before.entry.time else {
          throw BundleError("entry \(ordinal) comes before the one it follows")
        }
        guard before.entry.action != "case.certify" else { throw BundleError("the case went on after a certificate") }
      }
      guard line.entry.action != "case.withdraw" else { throw BundleError("the case was withdrawn") }
      before = line
    }
  }

  private func statement(_ story: CaseStory) throws {
    guard let last = contents.lines.last, last.entry.commitments == [contents.statement.commitment] else {
      throw BundleError("the statement is not the one that the certify entry commits to")
    }
    let claimed = contents.statement.fact
    let expected = try story.statement(claimed: claimed)
    guard let members = claimed.object, let wanted = expected.object else {
      throw BundleError("the statement is not an object")
    }
    for name in Set(members.keys).union(wanted.keys).sorted() where members[name] != wanted[name] {
      throw BundleError("the statement says something else of \(name) than the facts")
    }
  }

  private func rules(_ story: CaseStory) -> [Finding] {
    let steps = story.replay.steps.map { StepSentence.finding($0, story.replay.violations(of: $0)) }
    let broken = steps.count { $0.result == .failed }
    let whole =
      broken == 0
      ? Finding("rules", .ok, "All \(steps.count) steps of the template were completed by its rules.")
      : Finding("rules", .failed, "\(broken) of \(steps.count) steps break the rules of the template.")
    return steps + [whole]
  }

  private func evidence(_ story: CaseStory) throws {
    guard contents.evidence == .array(story.replay.evidence.map(\.json)) else {
      throw BundleError("evidence.json is not the list of the recorded evidence")
    }
  }
}
