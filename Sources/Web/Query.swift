import Kernel

/// Name–value pairs as in a query string or an urlencoded form (WHATWG URL §5), read strictly.
package struct Query: Sendable {
  /// More pairs than any page or script of ours sends.
  package static let maximumPairs = 1_000

  package let pairs: [(name: String, value: String)]

  package init(pairs: [(name: String, value: String)] = []) { self.pairs = pairs }

  /// Throws `badRequest` for a broken escape, text that is not UTF-8, a NUL, or too many pairs.
  package init(parsing text: some StringProtocol) throws {
    var pairs: [(name: String, value: String)] = []
    for piece in text.pieces(at: "&") where !piece.isEmpty {
      guard pairs.count < Query.maximumPairs else {
        throw Problem(.badRequest, "Send at most \(Query.maximumPairs) fields.")
      }
      let halves = piece.pieces(at: "=", maxSplits: 1)
      guard let name = PercentEncoding.decode(halves.first ?? "", plusIsSpace: true),
        let value = PercentEncoding.decode(halves.dropFirst().first ?? "", plusIsSpace: true),
        !name.utf8.contains(0), !value.utf8.contains(0)
      else { throw Problem(.badRequest, "Encode the query or form as UTF-8 with percent signs.") }
      pairs.append((name, value))
    }
    self.pairs = pairs
  }

  /// The first value under `name`.
  package subscript(_ name: String) -> String? { pairs.first { $0.name == name }?.value }

  package func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

  /// "a=1&b=2"
  package var text: String {
    pairs.map { PercentEncoding.encode($0.name) + "=" + PercentEncoding.encode($0.value) }.joined(separator: "&")
  }
}
