import Platform
import Server
import TestKit
import Testing

/// Read from the route table, so that a new route is covered the moment it exists.
@Suite("Who gets where")
struct AuthorizationTests {
  @Test("without a credential every route that is not open answers 401 and says nothing else")
  func strangersLearnNothing() async throws {
    let house = try await House.open()
    defer { house.leave() }
    for route in house.app.catalogue.table.routes where route.access != .open {
      let answer = try await house.stranger.send(route.method, filled(route.path))
      #expect(answer.status == 401, "\(route.name)")
      #expect(answer.headers["WWW-Authenticate"] != nil, "\(route.name)")
      #expect(!answer.text.contains("Acme"), "\(route.name)")
    }
  }

  @Test("a person without the permission is told that there is nothing")
  func missingPermissionIsNotFound() async throws {
    let house = try await House.open()
    defer { house.leave() }
    for guest in [house.anna, house.mia, house.adam, house.olga] {
      let permissions = try await permissions(of: guest)
      for route in house.app.catalogue.table.routes where !admits(route.access, permissions) {
        let answer = try await guest.send(route.method, filled(route.path))
        #expect(answer.status == 404, "\(guest.name): \(route.name)")
      }
    }
  }

  @Test("a credential that is not good is no credential")
  func badCredentials() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let token = try #require(house.anna.token)
    let other = try #require(house.gina.token)
    let swapped = other.prefix(30) + token.dropFirst(30)
    for text in [
      "", "x", "stw_", String(token.dropLast()), token + "a", String(token.dropLast(4)) + "AAAA", String(swapped),
    ] {
      let answer = try await house.stranger.withToken(text).get("/v1/me")
      #expect(answer.status == 401, "\(text.count) characters")
    }
  }

  @Test("routes, permissions and the API document are as reviewed")
  func golden() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let catalogue = house.app.catalogue
    #expect(try Golden.difference(PermissionMatrix.text(catalogue), "permissions.txt") == nil)
    #expect(try Golden.difference(PermissionMatrix.routes(catalogue), "routes.txt") == nil)
    let document = OpenAPI.document(catalogue, version: "test").text
    #expect(try Golden.difference(document.replacing("\"/", with: "\n\"/") + "\n", "openapi.json") == nil)
  }

  @Test("the tables of every module are as reviewed")
  func schema() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let tables = house.app.services.ledger.tables.values.sorted { $0.name < $1.name }
    let text = tables.map { table in
      let sealed = table.sealed.map { "  sealed: \($0.name) (\($0.dataClass.rawValue)) \($0.purpose)\n" }.joined()
      let ddl = (table.sqliteDDL.prefix(1) + table.indexDDL).map { "\($0);\n" }.joined()
      return "-- \(table.name): \(table.kind.rawValue), version \(table.version)\n\(ddl)\(sealed)"
    }
    #expect(try Golden.difference(text.joined(separator: "\n"), "schema.sqlite.txt") == nil)
    for table in tables where table.kind == .primary {
      #expect(table.columns.allSatisfy { !$0.dataClass.mustBeSealed }, "\(table.name) keeps content in the clear")
    }
  }

  private func filled(_ path: String) -> String {
    path.split(separator: "/").map { $0.hasPrefix("{") ? "01m7ynpg49a26wkbgqvnqam7my" : String($0) }
      .reduce("") { $0 + "/" + $1 }
  }

  private func permissions(of guest: Guest) async throws -> Set<String> {
    let me = try await guest.get("/v1/me").json()
    return Set(me["permissions"]?.array?.compactMap(\.string) ?? [])
  }

  private func admits(_ access: Route.Access, _ held: Set<String>) -> Bool {
    switch access {
    case .open, .signedIn: true
    case .permission(let permission): held.contains(permission.rawValue)
    case .anyOf(let permissions): permissions.contains { held.contains($0.rawValue) }
    }
  }
}
