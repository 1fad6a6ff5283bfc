import Glibc
import Platform
import Server
import TestDatabase
import TestKit
import Testing

/// What somebody outside tried once, and must not succeed with again.
@Suite("Attempts from outside")
struct AttackTests {
  @Test("who asks under a wrong name is held back as everybody else")
  func wrongHostIsCounted() async throws {
    let house = try await House.open()
    defer { house.leave() }
    func ask() async -> Int {
      let incoming = Incoming(
        method: "GET", target: "/", headers: ["Host": "another.example"], body: Chunks(bytes: []),
        remoteAddress: "192.0.2.9", refusal: Problem(.badRequest, "This server answers to another name."),
        isMetered: true)
      return await house.app.answer(incoming).status
    }
    var statuses: Set<Int> = []
    for _ in 0...Int(LimitSettings().address.burst) { statuses.insert(await ask()) }
    #expect(statuses == [400, 429])
  }

  @Test("guesses from all over one /64 count as guesses from one place; this machine is nobody in each of its forms")
  func householdIsOnePlace() async throws {
    let house = try await House.open()
    defer { house.leave() }
    func attempt(_ number: Int, from address: String) async -> Int {
      let body = Query(pairs: [("email", "u\(number)@acme.example"), ("password", "wrong")]).text
      let incoming = Incoming(
        method: "POST", target: "/t/acme", headers: ["Content-Type": "application/x-www-form-urlencoded"],
        body: Chunks(bytes: Array(body.utf8)), remoteAddress: address)
      return await house.app.answer(incoming).status
    }
    for number in 0..<50 {
      #expect(await attempt(number, from: "2001:db8:0:0:0:0:0:\(String(number, radix: 16))") == 401)
      // As `ClientAddress.text` writes ::1.
      #expect(await attempt(100 + number, from: "0:0:0:0:0:0:0:1") == 401)
    }
    #expect(await attempt(50, from: "2001:db8:0:0:ffff:0:0:1") == 429)
    #expect(await attempt(51, from: "2001:db8:0:1:0:0:0:1") == 401)
    #expect(await attempt(150, from: "0:0:0:0:0:0:0:1") == 401)
  }

  @Test("a sender at an address literal is none: no mail server could be greeted with it")
  func numericDomain() {
    #expect(MailAddress(name: "Steward", address: "steward@192.0.2.5") == nil)
    #expect(MailAddress(name: "Steward", address: "steward@mail.example") != nil)
  }

  @Test(
    "a database is readable by its owner alone, whatever the umask and the directory allow",
    .enabled(if: !TestDatabase.isWanted, "about the files of SQLite"))
  func privateDatabase() async throws {
    let house = try await House.open()
    defer { house.leave() }
    for name in ["control.db", "control.db-wal"] {
      var status = stat()
      #expect(stat("\(house.app.ledger.installation.directory)/\(name)", &status) == 0, "\(name)")
      #expect(status.st_mode & 0o077 == 0, "\(name)")
    }
  }
}
