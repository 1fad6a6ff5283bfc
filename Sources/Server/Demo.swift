import Accounts
import Custody
import Glibc
import Platform

/// Sample data for one's own machine: two tenants with people, then whatever the seeds add. Made once; later starts go on with it.
package struct Demo: Sendable {
  private static let actor = Actor.system("demo")

  private let app: StewardApp
  private let seeds: [DemoSeed]
  private let credentialsPath: String

  /// `credentialsPath`: where to tell scripts who can sign in. Never inside the data directory.
  package init(app: StewardApp, seeds: [DemoSeed], credentialsPath: String?) {
    self.app = app
    self.seeds = seeds
    self.credentialsPath = credentialsPath ?? app.configuration.demoCredentials
  }

  /// For how long a server waits for another that fills the same database.
  private static let patienceSeconds = 300

  /// Makes what is missing, and writes the credentials file by renaming it into place. Of several servers one does so at a time, and
  /// the next finds it done.
  package func prepare(url: String) async throws -> [DemoPerson] {
    try await app.services.turns.take("demo", patienceSeconds: Demo.patienceSeconds) { try await fill(url: url) }
  }

  private func fill(url: String) async throws -> [DemoPerson] {
    let gone = try await goneTenants()
    let isFirst = try await makeTenants(but: gone)
    let earlier = isFirst ? [] : await goodCredentials()
    var people: [DemoPerson] = []
    for member in DemoPerson.cast where try await app.tenants.find(slug: member.tenant) != nil {
      if let person = earlier.first(where: { $0.email == member.email }) {
        people.append(person)
      } else {
        people.append(try await person(member.role, member.tenant, name: member.name, email: member.email))
      }
    }
    if isFirst {
      let installation = DemoInstallation(services: app.services, people: people)
      for seed in seeds { try await seed.fill(installation) }
    }
    try DurableFile.write(Array((document(people, gone, url: url).text + "\n").utf8), to: credentialsPath)
    return people
  }

  /// Whether this server made the first of them, which of all servers exactly one does: a turn may lapse while its holder is held up.
  private func makeTenants(but gone: Set<String>) async throws -> Bool {
    var made: Set<String> = []
    for tenant in DemoPerson.tenants where !gone.contains(tenant.slug) {
      guard try await app.tenants.find(slug: tenant.slug) == nil else { continue }
      do {
        _ = try await app.tenants.create(slug: tenant.slug, name: tenant.name, by: Demo.actor)
        made.insert(tenant.slug)
      } catch let problem as Problem where problem.code == .conflict {}
    }
    return made.contains("acme")
  }

  /// Those that an earlier start wrote down and that are not there beside another: they were erased, and stay so.
  private func goneTenants() async throws -> Set<String> {
    let there = Set(try await app.tenants.all().map(\.slug))
    guard !there.isEmpty, let json = writtenDocument() else { return [] }
    let known = (json["gone"]?.array ?? []).compactMap(\.string) + cast(of: json).map(\.tenant)
    return Set(known).subtracting(there)
  }

  /// Adds the person if need be, and gives them a fresh password and token.
  private func person(_ role: DemoPerson.Role, _ slug: String, name: String, email: String) async throws -> DemoPerson {
    guard let tenant = try await app.tenants.find(slug: slug) else { throw Problem.notFound }
    let id: PersonID
    if let known = try await app.accounts.person(email: email, in: tenant.id) {
      id = known.id
    } else {
      id = try await app.accounts.enrol(tenant.id, name: name, email: email, roles: role.roles, by: Demo.actor)
    }
    let password = Demo.password()
    try await app.accounts.setPassword(tenant.id, id, password, by: Demo.actor)
    let token = try await app.accounts.issueToken(tenant.id, for: id, label: "demo", by: Demo.actor)
    return DemoPerson(role: role, tenant: slug, name: name, email: email, password: password, token: token, id: id)
  }

  /// 80 random bits in groups that can be typed.
  private static func password() -> String {
    let digits = Array("abcdefghjkmnpqrstvwxyz23456789")
    return (0..<4).map { _ in String((0..<5).compactMap { _ in digits.randomElement() }) }.joined(separator: "-")
  }

  private func document(_ people: [DemoPerson], _ gone: Set<String>, url: String) -> JSON {
    [
      "url": .string(url), "gone": .array(gone.sorted().map { .string($0) }),
      "people": .array(
        people.map { person in
          [
            "role": .string(person.role.rawValue), "tenant": .string(person.tenant), "name": .string(person.name),
            "email": .string(person.email), "password": .string(person.password), "token": .string(person.token),
            "id": .string(person.id.text),
          ]
        }),
    ]
  }

  /// The people of an earlier start whose tokens still open something.
  private func goodCredentials() async -> [DemoPerson] {
    var people: [DemoPerson] = []
    for person in writtenDocument().map(cast) ?? [] {
      guard let answer = try? await app.services.frontDoor.send(.get, "/v1/me", token: person.token),
        answer.status == 200
      else { continue }
      people.append(person)
    }
    return people
  }

  /// What the last start wrote down; nil if there was none.
  private func writtenDocument() -> JSON? { (try? DurableFile.read(credentialsPath)).flatMap { try? JSON.parse($0) } }

  private func cast(of document: JSON) -> [DemoPerson] {
    (document["people"]?.array ?? []).compactMap { DemoPerson($0) }
  }
}

extension DemoPerson {
  fileprivate init?(_ json: JSON) {
    guard let role = json["role"]?.string.flatMap(Role.init(rawValue:)), let tenant = json["tenant"]?.string,
      let name = json["name"]?.string, let email = json["email"]?.string, let password = json["password"]?.string,
      let token = json["token"]?.string, let id = json["id"]?.string.flatMap({ PersonID($0) })
    else { return nil }
    self.init(role: role, tenant: tenant, name: name, email: email, password: password, token: token, id: id)
  }
}
