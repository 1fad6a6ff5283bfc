import Kernel
import Testing
import TransparencyLog

@testable import Certificate

/// Each rule of docs/format.md §6.5 broken once, by whoever holds all keys: only the check itself can notice.
@Suite("what a verifier refuses although every signature is good")
struct RuleTests {
  private func failures(_ change: (inout SampleCase) -> Void) throws -> [String: String] {
    var sample = SampleCase()
    change(&sample)
    let verdict = BundleVerifier.verify(zip: try sample.zip(), pin: sample.pin)
    #expect(verdict.outcome == .notVerified)
    let failed = verdict.findings.filter { $0.result == .failed }
    return Dictionary(failed.map { ($0.check, $0.reason) }, uniquingKeysWith: { first, _ in first })
  }

  @Test("a gap in the ordinals")
  func ordinalGap() throws {
    #expect(
      try failures { $0.entryChange = { if $0 >= 4 { $1.ordinal += 1 } } }["history"]
        == "The history has a gap before entry 5.")
    #expect(
      try failures { $0.bundleChange = { $0.remove(at: 2) } }["history"] == "The history has a gap before entry 3.")
  }

  @Test("a previous entry that is another")
  func previousIndex() throws {
    #expect(try failures { $0.entryChange = { if $0 == 4 { $1.previous = 1 } } }["history"]?.contains("gap") == true)
  }

  @Test("a time that decreases")
  func timeDecreases() throws {
    let failed = try failures { $0.entryChange = { if $0 == 3 { $1.time = SampleCase.start } } }
    #expect(failed["history"] == "Entry 3 comes before the one it follows.")
  }

  @Test("an entry of another case, a withdrawn case, a case that is not opened")
  func otherHistories() throws {
    #expect(
      try failures { $0.steps[2].object = "case:01kah5zzzz0000000000000003" }["history"]
        == "An entry is about another case.")
    #expect(try failures { $0.steps[1].action = "case.withdraw" }["history"] == "The case was withdrawn.")
    #expect(try failures { $0.steps[0].action = "case.step.assign" }["history"]?.contains("does not begin") == true)
  }

  @Test("an entry that is not in the tree, or at another index")
  func notIncluded() throws {
    let swapped = try failures {
      $0.bundleChange = { entries in
        entries[3] = Bundle.Entry(
          leaf: entries[3].leaf, index: entries[3].index + 1, proof: entries[3].proof, disclosed: entries[3].disclosed)
      }
    }
    #expect(swapped["log"] == "Entry 3 of the case is not in the tree that the log signed.")
  }

  @Test("a log key certified too late, or by a stranger")
  func lateKey() throws {
    #expect(
      try failures { $0.since = SampleCase.start.adding(seconds: 86_400) }["signer"]?.contains("only after") == true)
    var sample = SampleCase()
    let pin = sample.pin
    sample.installation = try NoteSigner(name: pin.name, seed: SecretBytes([UInt8](repeating: 9, count: 32)))
    let verdict = BundleVerifier.verify(zip: try sample.zip(), pin: pin)
    #expect(verdict.findings.first { $0.check == "signer" }?.reason.contains("not certified") == true)
  }

  @Test("a fact that is not the committed one, or stands in an entry of another action")
  func facts() throws {
    let changed = try failures {
      $0.bundleChange = { entries in
        var fact = entries[2].disclosed[0]["fact"]?.object ?? [:]
        fact["grade"] = "E5"
        let disclosed: JSON = ["fact": .object(fact), "salt": entries[2].disclosed[0]["salt"] ?? .null]
        entries[2] = Bundle.Entry(
          leaf: entries[2].leaf, index: entries[2].index, proof: entries[2].proof, disclosed: [disclosed])
      }
    }
    #expect(changed["facts"] == "The fact of entry 2 is not the one it commits to.")
    #expect(
      try failures { $0.steps[2].action = "case.step.assign" }["facts"]
        == "The fact of entry 2 does not belong to its action.")
    #expect(
      try failures {
        $0.bundleChange = {
          $0[3] = Bundle.Entry(leaf: $0[3].leaf, index: $0[3].index, proof: $0[3].proof, disclosed: [])
        }
      }["facts"]?.contains("exactly one fact") == true)
  }

  @Test("evidence that is not shown any more counts for nothing: whatever rested on it does not hold")
  func erasedEvidence() throws {
    let failed = try failures {
      $0.bundleChange = {
        $0[2] = Bundle.Entry(leaf: $0[2].leaf, index: $0[2].index, proof: $0[2].proof, disclosed: [])
      }
    }
    #expect(failed["facts"] == nil && failed["statement"] != nil && failed["evidence"] != nil)
    #expect(failed.values.contains { $0.contains("no evidence of the kind") })
  }

  @Test("an actor that is not the person in the fact")
  func wrongActor() throws {
    let failed = try failures { $0.steps[3].actor = "person:01kah5zzzz000000000000000a" }
    #expect(failed["facts"] == "Entry 3 was made by someone else than its fact names.")
    #expect(
      try failures { $0.certifier = SampleCase.ben }["statement"]
        == "The issuer in the statement is not who recorded the certificate.")
  }

  @Test(
    "a statement that says something else than the facts",
    arguments: [
      "vendor", "data_categories", "steps", "evidence", "remains", "issued_at", "case", "template", "format", "type",
    ])
  func statement(_ member: String) throws {
    let failed = try failures {
      $0.statementChange = { members in
        switch members[member] {
        case .array(let list): members[member] = .array(Array(list.dropLast()))
        case .object(var inner):
          inner["id"] = "other"
          members[member] = .object(inner)
        default: members[member] = "other"
        }
      }
    }
    #expect(
      failed["statement"]?.contains("else of \(member) than") == true || (member == "type" && failed["facts"] != nil))
  }

  @Test("a statement without its limits, or with a member more")
  func statementMembers() throws {
    #expect(
      try failures { $0.statementChange = { $0["limits"] = [] } }["statement"]?.contains("does not claim") == true)
    #expect(try failures { $0.statementChange = { $0["more"] = 1 } }["statement"]?.contains("more") == true)
  }

  @Test("approval by the performer, or none after the last completion")
  func approval() throws {
    let own = try failures {
      $0.steps[8] = SampleCase.act(
        "case.step.approve", "b", SampleCase.review("approval", "verify-deletion", SampleCase.ben))
    }
    #expect(own["step:verify-deletion"]?.contains("approved by the person who completed it") == true)
    #expect(own["rules"] == "1 of 2 steps break the rules of the template.")
    let early = try failures { $0.steps.swapAt(7, 8) }
    #expect(early["step:verify-deletion"]?.contains("nobody approved it after") == true)
  }

  @Test("missing evidence, evidence of too low a grade, evidence that came too late")
  func evidence() throws {
    let missing = try failures {
      $0.steps[2] = SampleCase.act("case.evidence.attach", "b", SampleCase.evidence("1", "return", "other", "E2"))
    }
    #expect(missing["step:return"]?.contains("no evidence of the kind data-export") == true)
    let low = try failures {
      $0.steps[2] = SampleCase.act("case.evidence.attach", "b", SampleCase.evidence("1", "return", "data-export", "E1"))
    }
    #expect(low["step:return"]?.contains("below the grade E2") == true)
    #expect(try failures { $0.steps.swapAt(2, 3) }["step:return"]?.contains("before it was completed") == true)
  }

  @Test("a step completed before the one it comes after, or never")
  func order() throws {
    let early = try failures {
      let done = $0.steps.remove(at: 3)
      $0.steps.append(done)
    }
    #expect(early["step:verify-deletion"]?.contains("before “Return the data” was") == true)
    #expect(
      try failures { $0.steps.removeSubrange(7...8) }["step:verify-deletion"]?.contains("was not completed") == true)
  }

  @Test("an evidence list that is not the recorded one")
  func evidenceList() throws {
    #expect(try failures { $0.evidenceChange = { $0.reverse() } }["evidence"]?.contains("not the list") == true)
  }

  @Test("a member more, less, twice or in another order")
  func members() throws {
    let sample = SampleCase()
    let members = try StoredZip.decode(try sample.zip())
    func outcome(_ members: [StoredZip.Member]) throws -> Verdict.Outcome {
      BundleVerifier.verify(zip: try StoredZip.encode(members), pin: sample.pin).outcome
    }
    #expect(try outcome(members) == .verified)
    #expect(try outcome(members.dropLast()) == .notVerified)
    #expect(try outcome(members.reversed()) == .notVerified)
    #expect(try outcome(members.dropLast() + [members[0]]) == .notVerified)
  }

  @Test("a manifest that misses a member or is signed by another key")
  func manifest() throws {
    let sample = SampleCase()
    var members = try StoredZip.decode(try sample.zip())
    let note = try Note.parse(members[7].data)
    let shorter = note.lines.filter { !$0.hasSuffix("README.txt") }.map { $0 + "\n" }.joined()
    for bytes in [try sample.log.sign(text: shorter), try sample.installation.sign(text: note.text)] {
      members[7] = StoredZip.Member(name: Bundle.Name.manifest, data: bytes)
      let verdict = BundleVerifier.verify(zip: try StoredZip.encode(members), pin: sample.pin)
      #expect(verdict.findings.first { $0.check == "container" }?.result == .failed)
      #expect(verdict.outcome == .notVerified)
    }
  }
}
