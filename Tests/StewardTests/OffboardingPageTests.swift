import Certificate
import Platform
import Server
import TestKit
import Testing

@testable import Offboarding

@Suite("The pages of offboarding")
struct OffboardingPageTests {
  /// No template shows a key instead of a text, a Swift value instead of a sentence, or a script.
  private func look(_ guest: Guest, _ path: String, has words: [String] = [], status: Int = 200) async throws -> String
  {
    let answer = try await guest.page(path)
    #expect(answer.status == status, "\(path): \(answer.text.prefix(300))")
    #expect(answer.headers["Content-Type"] == "text/html; charset=utf-8")
    for word in words { #expect(answer.text.contains(word), "\(path) lacks \(word)") }
    for stray in ["offboarding_", "Optional(", "<script", "style=\"", "{{"] {
      #expect(!answer.text.contains(stray), "\(path) shows \(stray)")
    }
    return answer.text
  }

  @Test("an empty organisation is told where to begin")
  func emptyStates() async throws {
    let house = try await House.open()
    defer { house.leave() }
    _ = try await look(house.anna, "/home", has: ["Nothing is open", "/vendors/import"])
    _ = try await look(house.mia, "/home", has: ["When somebody assigns you a step"])
    _ = try await look(house.anna, "/vendors", has: ["No vendors yet"])
    _ = try await look(house.anna, "/cases", has: ["There is no such case"])
    _ = try await look(house.anna, "/vendors/new", has: ["Registry id"])
    _ = try await look(house.anna, "/vendors/import", has: ["registry_id"])
    _ = try await look(house.anna, "/cases/new", has: ["Which vendor do you leave?"])
    _ = try await look(house.mia, "/vendors", status: 404)
  }

  @Test("a case shows its steps, what is missing, and exactly what the reader can do")
  func casePage() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let id = try await job.opened()
    let fresh = try await look(
      house.anna, "/cases/\(id)",
      has: ["Initech", "Get our data back", "Attach evidence", "is attached", "Withdraw this case", "due 2026-03-30"])
    #expect(!fresh.contains("Complete this step"))
    try await job.finish(id, "return")
    _ = try await job.attach(id, "verify-return", body: "<b>bold</b>")
    _ = try await look(house.anna, "/cases/\(id)", has: ["Complete this step", "Hand in for approval", "proof.txt"])
    _ = try await house.anna.post("/v1/cases/\(id)/steps/verify-return/complete", ["note": "<script>alert(1)</script>"])
    _ = try await look(house.anna, "/cases/\(id)", has: ["You did this step", "&lt;script&gt;"])
    _ = try await look(house.ben, "/cases/\(id)", has: ["Approve", "Send back"])
    let audited = try await look(house.adam, "/cases/\(id)")
    for action in ["Approve</button>", "Attach evidence", "Withdraw this case", "Issue the certificate"] {
      #expect(!audited.contains(action))
    }
    #expect(!audited.contains("/steps/return/evidence\""))
    _ = try await look(house.ben, "/home", has: ["Waits for your approval", "Initech"])
    _ = try await look(house.mia, "/cases/\(id)", status: 404)
  }

  @Test("everything in the browser: vendor, import, case, evidence, steps and certificate by forms alone")
  func forms() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let wrong = try await house.anna.submit("/vendors", [("name", " "), ("retention_days", "soon")])
    #expect(wrong.status == 422)
    #expect(wrong.text.contains("Retention is a whole number"))
    let added = try await house.anna.submit(
      "/vendors", [("name", "Hooli"), ("retention_days", "30"), ("data_categories", "A; B")])
    #expect(added.status == 303)
    let vendor = String(try #require(added.headers["Location"]).dropFirst("/vendors/".count))
    _ = try await look(house.anna, "/vendors/\(vendor)", has: ["Hooli", "30 days", "Offboard this vendor"])
    _ = try await look(house.anna, "/vendors/\(vendor)/edit", has: ["A; B"])
    #expect(try await house.anna.submit("/vendors/\(vendor)", [("name", "Hooli 2")]).status == 303)
    _ = try await look(house.anna, "/vendors?q=hooli", has: ["Hooli 2", "none declared"])
    _ = try await look(house.anna, "/cases/new?vendor=\(vendor)", has: ["Hooli 2", "Vendor offboarding, version 1"])
    #expect(
      try await house.anna.submit(
        "/cases", [("vendor", vendor), ("template", "vendor-offboarding"), ("terminated_on", "")]
      ).status == 422)
    let opened = try await house.anna.submit(
      "/cases", [("vendor", vendor), ("template", "vendor-offboarding"), ("terminated_on", "2026-02-01")])
    let path = try #require(opened.headers["Location"])
    let id = String(path.dropFirst("/cases/".count))
    let early = try await house.anna.submit("\(path)/steps/return/complete", [("note", "done")])
    #expect(early.status == 409)
    #expect(early.text.contains("That was not done"))
    #expect(try await house.anna.submit("\(path)/certificate", []).status == 409)
    for step in Job.steps {
      #expect(
        try await attach(
          house.anna, "\(path)/steps/\(step)/evidence",
          kind: try #require(CaseTemplate.vendorOffboarding.step(step)?.evidence.first?.kind)
        ).status == 303)
      let fields = [
        ("note", "done"), ("remains_what", "Backups"), ("remains_where", "Vault"), ("remains_until", "2027-01-01"),
        ("remains_what", ""), ("remains_where", ""), ("remains_until", ""),
      ]
      #expect(
        try await house.anna.submit("\(path)/steps/\(step)/complete", fields.map { (name: $0.0, value: $0.1) }).status
          == 303)
      if CaseTemplate.vendorOffboarding.step(step)?.approval == true {
        #expect(try await house.anna.submit("\(path)/steps/\(step)/approve", []).status == 403)
        #expect(try await house.ben.submit("\(path)/steps/\(step)/approve", [("note", "seen")]).status == 303)
      }
    }
    let issued = try await house.anna.submit("\(path)/certificate", [])
    #expect(issued.headers["Location"] == "\(path)/certificate")
    _ = try await look(
      house.anna, "\(path)/certificate", has: ["steward-verify --key", "Backups, Vault, until 2027-01-01"])
    let bundle = try await house.anna.page("\(path)/certificate/bundle")
    #expect(bundle.body == (try await house.adam.get("/v1/cases/\(id)/certificate", accept: "application/zip").body))
    #expect(try await house.anna.page("\(path)/certificate/print").text.contains("Hooli 2"))
    _ = try await look(house.anna, path, has: ["Certified", "See the certificate"])
    _ = try await look(house.anna, "/cases?state=certified", has: ["Hooli 2", "6 of 6 steps"])
    _ = try await job.vendor()
  }

  /// As a browser sends a file.
  private func attach(
    _ guest: Guest, _ target: String, kind: String?, field: String = "kind", file: String = "proof"
  ) async throws -> FrontDoor.Answer {
    var body = ""
    if let kind { body += "--x\r\nContent-Disposition: form-data; name=\"\(field)\"\r\n\r\n\(kind)\r\n" }
    body +=
      "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"proof.txt\"\r\nContent-Type: text/plain\r\n\r\n\(file)\r\n--x--\r\n"
    return try await guest.send(
      .post, target, headers: ["Content-Type": "multipart/form-data; boundary=x", "Accept": "text/html"],
      body: Array(body.utf8))
  }

  @Test("an import by form shows what became of each line, and a broken file says why")
  func importForm() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let done = try await attach(
      house.anna, "/vendors/import", kind: nil, file: "registry_id,name\n1,Hooli\n,Nameless\n")
    #expect(done.status == 200)
    for word in ["The register was read", "Lines that were refused", "The registry id is missing."] {
      #expect(done.text.contains(word))
    }
    let broken = try await attach(house.anna, "/vendors/import", kind: nil, file: "registry_id,name\n1,\"Hooli\n")
    #expect(broken.status == 422)
    #expect(broken.text.contains("Nothing was imported."))
    #expect(broken.text.contains("on line 2 a quote opens"))
  }
}
