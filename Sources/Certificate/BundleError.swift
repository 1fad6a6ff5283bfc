/// Why a bundle, or a part of one, was refused: one sentence.
package struct BundleError: Error, Equatable, Sendable, CustomStringConvertible {
  package let reason: String
  package init(_ reason: String) { self.reason = reason }
  package var description: String { reason }
}

/// The sizes that a reader of bundles accepts (docs/format.md §7).
package enum BundleLimit {
  package static let bytes = 64 * 1_024 * 1_024
  package static let members = 8
  package static let entries = 10_000
}
