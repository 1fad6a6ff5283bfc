struct WrongUsage: Error {}

/// `VERB DIRECTORY [NUMBER] [--database URL --database-owner URL [--beside URL --beside-owner URL]]`.
struct Arguments {
  let verb: String
  let place: BenchPlace
  /// A second place on the same engine, where one is measured beside the other.
  let beside: BenchPlace
  private let rest: [String]

  init(_ arguments: some Sequence<String>) throws {
    var plain: [String] = []
    var named: [String: String] = [:]
    var iterator = arguments.makeIterator()
    while let argument = iterator.next() {
      guard argument.hasPrefix("--") else {
        plain.append(argument)
        continue
      }
      guard let value = iterator.next() else { throw WrongUsage() }
      named[argument] = value
    }
    guard plain.count >= 2 else { throw WrongUsage() }
    verb = plain[0]
    place = BenchPlace(directory: plain[1], database: named["--database"], owner: named["--database-owner"])
    beside = BenchPlace(
      directory: plain[1] + "/beside", database: named["--beside"], owner: named["--beside-owner"])
    rest = Array(plain.dropFirst(2))
  }

  /// The number behind the directory.
  func number() throws -> Int {
    guard let number = rest.first.flatMap({ Int($0) }), number > 0 else { throw WrongUsage() }
    return number
  }
}
