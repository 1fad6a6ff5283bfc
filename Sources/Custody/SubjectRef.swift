/// Which subject key seals a row or a file: block × 1,024 + slot (docs/format.md §5.3).
package struct SubjectRef: Hashable, Sendable {
  package static let slotsPerBlock: Int64 = 1_024

  package let number: Int64

  package init(_ number: Int64) { self.number = number }

  var block: Int64 { number / SubjectRef.slotsPerBlock }
  var slot: Int { Int(number % SubjectRef.slotsPerBlock) }
}
