import Certificate
import Kernel
import Testing

@testable import Offboarding

@Suite("The rules of a case")
struct CaseRulesTests {
  private let now = Instant(milliseconds: 1_790_000_000_000)
  private let anna = NamedPerson(id: PersonID.make(at: Instant(milliseconds: 1)), name: "Anna")
  private let ben = NamedPerson(id: PersonID.make(at: Instant(milliseconds: 2)), name: "Ben")
  private let order = [
    "return", "verify-return", "revoke-access", "request-deletion", "vendor-confirms", "verify-deletion",
  ]

  private func opened(retention: Int? = 397, template: CaseTemplate = .vendorOffboarding) -> CaseFile {
    var details = VendorDetails(name: "Globex", dataCategories: ["Names"], purposes: [], relationship: .active)
    details.retentionDays = retention
    return CaseFile.opened(
      CaseID.make(at: now), vendor: VendorID.make(at: now), details: details, template: template,
      terminatedOn: now.day, at: now, by: anna)
  }

  private func piece(_ file: CaseFile, _ step: String, kind: String? = nil, grade: Grade = .e2) -> Evidence {
    Evidence(
      id: EvidenceID.make(at: now), caseID: file.id, step: step,
      kind: kind ?? file.shape(of: step)?.evidence.first?.kind ?? "",
      grade: grade, name: "f", mediaType: "text/plain", file: FileID.make(at: now), size: 1, sha256: Digest(sha256: []),
      attachedAt: now, attachedBy: anna)
  }

  private func finish(_ file: inout CaseFile, _ step: String) throws {
    try file.attach(piece(file, step))
    try file.complete(step, Completion(at: now, by: anna, note: "done", remains: []))
    if file.shape(of: step)?.approval == true { try file.approve(step, Review(at: now, by: ben, note: "")) }
  }

  private func refusal(_ body: () throws -> Void) -> Problem? {
    #expect(throws: Problem.self, performing: body)
  }

  @Test("the first steps are ready, the others wait, side by side where they can")
  func opening() {
    let file = opened()
    #expect(file.steps.map(\.id) == order)
    #expect(file.steps.map(\.state) == [.ready, .waiting, .ready, .waiting, .waiting, .waiting])
  }

  @Test("a due day comes from the termination, the declared retention, or the template where none is declared")
  func dueDays() {
    #expect(opened().step("vendor-confirms")?.dueOn == now.day.adding(days: 397))
    #expect(opened(retention: nil).step("vendor-confirms")?.dueOn == now.day.adding(days: 30))
    #expect(opened(retention: 0).step("vendor-confirms")?.dueOn == now.day)
    #expect(opened().step("return")?.dueOn == now.day.adding(days: 30))
    #expect(opened().step("verify-return")?.dueOn == now.day.adding(days: 44))
  }

  @Test("once the step before is complete, its day counts")
  func dueAfterCompletion() throws {
    var file = opened()
    try finish(&file, "return")
    #expect(file.step("verify-return")?.dueOn == now.day.adding(days: 14))
    #expect(file.step("verify-return")?.state == .ready)
  }

  @Test("a step cannot be completed before those it comes after, or without its evidence, and all of it is told")
  func gaps() {
    var file = opened()
    let problem = refusal { try file.complete("verify-return", Completion(at: now, by: anna, note: "", remains: [])) }
    #expect(problem?.code == .conflict)
    #expect(problem?.errors.map(\.field) == ["after.return", "evidence.return-check"])
  }

  @Test("evidence below the grade, or of another kind, does not count")
  func grades() throws {
    var file = opened()
    try file.attach(piece(file, "return", grade: .e1))
    try file.attach(piece(file, "return", kind: "other"))
    let problem = refusal { try file.complete("return", Completion(at: now, by: anna, note: "", remains: [])) }
    #expect(problem?.errors.map(\.field) == ["evidence.data-export"])
    #expect(problem?.errors.first?.message.contains("lower grade") == true)
  }

  @Test("whoever did a step cannot approve it; another person can, and then it is complete")
  func secondPerson() throws {
    var file = opened()
    try finish(&file, "return")
    try file.attach(piece(file, "verify-return"))
    try file.complete("verify-return", Completion(at: now, by: anna, note: "", remains: []))
    #expect(file.step("verify-return")?.state == .inReview)
    #expect(refusal { try file.approve("verify-return", Review(at: now, by: anna, note: "")) }?.code == .forbidden)
    #expect(
      refusal { try file.complete("verify-return", Completion(at: now, by: ben, note: "", remains: [])) }?.errors.first?
        .field == "approval")
    try file.approve("verify-return", Review(at: now, by: ben, note: ""))
    #expect(file.step("verify-return")?.state == .complete)
  }

  @Test("what was sent back has to be done again, and only the last word counts")
  func sendingBack() throws {
    var file = opened()
    try finish(&file, "return")
    try file.attach(piece(file, "verify-return"))
    try file.complete("verify-return", Completion(at: now, by: anna, note: "", remains: []))
    try file.sendBack("verify-return", Review(at: now, by: ben, note: "count again"))
    #expect(file.step("verify-return")?.state == .ready)
    #expect(file.step("verify-return")?.returned?.note == "count again")
    #expect(refusal { try file.approve("verify-return", Review(at: now, by: ben, note: "")) }?.code == .conflict)
    try file.complete("verify-return", Completion(at: now, by: ben, note: "", remains: []))
    try file.approve("verify-return", Review(at: now, by: anna, note: ""))
    #expect(
      refusal { try file.sendBack("return", Review(at: now, by: ben, note: "")) }?.errors.map(\.field) == [
        "steps.verify-return"
      ])
  }

  @Test("a certificate is refused with one line for every gap, and issued when there is none")
  func certificate() throws {
    var file = opened()
    #expect(Set(file.certificateGaps.map(\.field)).isSuperset(of: order.map { "steps.\($0)" }))
    for step in order {
      #expect(
        refusal { try file.certify(CertificateID.make(at: now), Review(at: now, by: anna, note: "")) }?.code
          == .conflict)
      try finish(&file, step)
    }
    #expect(file.certificateGaps == [])
    try file.certify(CertificateID.make(at: now), Review(at: now, by: anna, note: ""))
    #expect(file.state == .certified)
  }

  @Test("nothing can be done in a case that is certified or withdrawn")
  func closed() throws {
    var certified = opened()
    for step in order { try finish(&certified, step) }
    try certified.certify(CertificateID.make(at: now), Review(at: now, by: anna, note: ""))
    var withdrawn = opened()
    try withdrawn.withdraw(Review(at: now, by: anna, note: ""))
    for closed in [certified, withdrawn] {
      let verbs: [(inout CaseFile) throws -> Void] = [
        { try $0.assign("return", to: anna.id) }, { try $0.attach(piece($0, "return")) },
        { try $0.complete("return", Completion(at: now, by: anna, note: "", remains: [])) },
        { try $0.approve("verify-return", Review(at: now, by: ben, note: "")) },
        { try $0.sendBack("verify-return", Review(at: now, by: ben, note: "")) },
        { try $0.withdraw(Review(at: now, by: anna, note: "")) },
        { try $0.certify(CertificateID.make(at: now), Review(at: now, by: anna, note: "")) },
      ]
      for verb in verbs {
        var file = closed
        #expect(refusal { try verb(&file) }?.code == .conflict)
        #expect(file == closed)
      }
    }
  }

  @Test("the facts of a case, replayed by the verifier's own rules, give the statement that was signed")
  func replay() throws {
    var file = opened()
    var facts = [Fact.opening(file)]
    for step in order {
      try file.attach(piece(file, step))
      facts.append(Fact.evidence(try #require(file.evidence.last)))
      let completion = Completion(
        at: now, by: anna, note: "done", remains: [Remainder(what: "Backups", place: "Vault", until: now.day)])
      try file.complete(step, completion)
      facts.append(Fact.completion(try #require(file.step(step)), completion))
      if file.step(step)?.state == .inReview {
        let review = Review(at: now, by: ben, note: "seen")
        try file.approve(step, review)
        facts.append(Fact.approval(step, review))
      }
    }
    let events = try facts.enumerated().map { CaseEvent(position: $0, time: now, fact: try Certificate.CaseFact($1)) }
    guard case .opening(let opening)? = events.first?.fact else { Issue.record("no opening"); return }
    let replay = try CaseReplay(template: opening.template, events: events)
    #expect(replay.steps.flatMap { replay.violations(of: $0) } == [])
    let tenant = TenantID.make(at: now)
    let theirs = Statement.fact(
      opening, replay,
      Statement.Particulars(
        caseID: file.id.text, openedAt: now, tenant: ["id": .string(tenant.text), "name": "Acme"], issuedAt: now,
        issuedBy: anna.json, limits: CaseFile.certificateLimits))
    #expect(file.statement(tenant: tenant, tenantName: "Acme", issuedAt: now, issuedBy: anna) == theirs)
    #expect(CaseFile.certificateLimits.contains(Statement.secondChainLimit))
  }

  @Test("a case keeps the version of the template it was opened with")
  func pinned() {
    let first = CaseTemplate.vendorOffboarding
    let second = CaseTemplate(id: first.id, name: first.name, version: 2, steps: Array(first.steps.prefix(2)))
    let catalogue = TemplateCatalogue([first, second])
    #expect(catalogue.template(first.id)?.version == 2)
    #expect(catalogue.template(first.id, version: 1) == first)
    #expect(catalogue.current.map(\.version) == [2])
    #expect(opened().template == first)
    #expect(first.hash != second.hash)
  }
}
