import Accounts
import Custody
import Kernel
import Ledger
import Platform
import Server

/// A node with many customers: each has its keys, its log, an owner and a token.
enum ManyTenants {
  /// As many are made by one opening of the installation, so that making them holds no more files open than that.
  private static let atOnce = 500
  private static let makers = 8
  private static let actor = Actor.system("bench")

  static func make(_ place: BenchPlace, count: Int) async throws {
    var tokens: [String] = []
    for first in stride(from: 0, to: count, by: atOnce) {
      let app = try place.app(port: 0)
      tokens += try await make(first..<min(first + atOnce, count), app)
      await app.close()
    }
    // Not inside the data: tokens in clear are for the driver of the measurement alone.
    try DurableFile.write(Array((tokens.joined(separator: "\n") + "\n").utf8), to: place.directory + "/tokens")
    print(#"{"tenants": \#(tokens.count)}"#)
  }

  private static func make(_ numbers: Range<Int>, _ app: StewardApp) async throws -> [String] {
    try await withThrowingTaskGroup(of: [String].self) { group in
      for maker in 0..<makers {
        group.addTask {
          var tokens: [String] = []
          for number in stride(from: numbers.lowerBound + maker, to: numbers.upperBound, by: makers) {
            tokens.append(try await one(number, app))
          }
          return tokens
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
  }

  private static func one(_ number: Int, _ app: StewardApp) async throws -> String {
    let tenant = try await app.tenants.create(slug: "t\(number)", name: "Tenant \(number)", by: actor)
    let owner = try await app.accounts.enrol(
      tenant.id, name: "Owner \(number)", email: "owner@t\(number).example", roles: [.owner], by: actor)
    return try await app.accounts.issueToken(tenant.id, for: owner, label: "bench", by: actor)
  }
}
