import Accounts
import Custody
import Platform
import Server
import TestKit
import Testing

@Suite("Sample data")
struct DemoTests {
  @Test("an organisation that was erased does not come back at the next start, nor at the one after it")
  func erased() async throws {
    let directory = try temporaryDirectory()
    defer { removeTree(directory) }
    let (data, credentials) = (directory + "/data", directory + "/who.json")
    try Installation.create(at: data, keys: "\(data).keys", now: House.beginning).close()
    let app = try StewardApp(
      ServerConfiguration(
        dataDirectory: data, keysDirectory: nil, listen: ListenAddress(host: "localhost", port: 8080)),
      clock: FixedClock(House.beginning))
    // As after an erasure: Acme is there, and Globex is known from the last start alone.
    _ = try await app.tenants.create(slug: "acme", name: "Acme GmbH", by: .system("test"))
    let gina: JSON = [
      "role": "owner", "tenant": "globex", "name": "Gina Moreau", "email": "gina@globex.example", "password": "-",
      "token": "-", "id": .string(PersonID.make(at: House.beginning).text),
    ]
    try DurableFile.write(Array((["people": [gina]] as JSON).text.utf8), to: credentials)
    let demo = Demo(app: app, seeds: [], credentialsPath: credentials)
    for start in 1...3 {
      let people = try await demo.prepare(url: "http://localhost:1")
      #expect(Set(people.map(\.tenant)) == ["acme"], "at start \(start)")
      #expect(try await app.tenants.find(slug: "globex") == nil)
    }
    await app.close()
  }
}
