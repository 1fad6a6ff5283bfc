import Kernel

/// One value in a column, as both engines store it.
package enum Value: Sendable, Hashable {
  case null
  case integer(Int64)
  case text(String)
  case bytes([UInt8])

  package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
  package var text: String? { if case .text(let value) = self { value } else { nil } }
  package var bytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
  package var isNull: Bool { self == .null }
}

/// What can stand in a hole of an SQL literal or in a plain column.
package protocol ValueConvertible {
  var value: Value { get }
}

extension Value: ValueConvertible { package var value: Value { self } }
extension String: ValueConvertible { package var value: Value { .text(self) } }
extension Substring: ValueConvertible { package var value: Value { .text(String(self)) } }
extension Int: ValueConvertible { package var value: Value { .integer(Int64(self)) } }
extension Int64: ValueConvertible { package var value: Value { .integer(self) } }
extension Bool: ValueConvertible { package var value: Value { .integer(self ? 1 : 0) } }
extension ID: ValueConvertible { package var value: Value { .text(text) } }
extension Instant: ValueConvertible { package var value: Value { .integer(milliseconds) } }
extension Day: ValueConvertible { package var value: Value { .text(description) } }
extension Digest: ValueConvertible { package var value: Value { .bytes(bytes) } }
extension [UInt8]: ValueConvertible { package var value: Value { .bytes(self) } }
extension Optional: ValueConvertible where Wrapped: ValueConvertible {
  package var value: Value { self?.value ?? .null }
}

/// A piece of SQL written by hand, whose holes are always bound, never spliced.
///
///     "SELECT id FROM vendor WHERE tenant = \(tenant) AND id = \(id)"
///
/// Only names of ours (tables, columns) may be spliced, with `\(raw:)`.
package struct SQL: ExpressibleByStringInterpolation, Sendable {
  package private(set) var text: String
  package private(set) var arguments: [Value]

  package init(_ text: String, _ arguments: [Value]) {
    self.text = text
    self.arguments = arguments
  }

  package init(stringLiteral text: String) { self.init(text, []) }

  package init(stringInterpolation: Interpolation) {
    self.init(stringInterpolation.text, stringInterpolation.arguments)
  }

  package struct Interpolation: StringInterpolationProtocol {
    var text = ""
    var arguments: [Value] = []

    package init(literalCapacity: Int, interpolationCount: Int) {
      text.reserveCapacity(literalCapacity + interpolationCount)
      arguments.reserveCapacity(interpolationCount)
    }

    package mutating func appendLiteral(_ literal: String) { text += literal }

    package mutating func appendInterpolation(_ value: some ValueConvertible) {
      text += "?"
      arguments.append(value.value)
    }

    package mutating func appendInterpolation(raw name: String) { text += name }

    package mutating func appendInterpolation(_ sql: SQL) {
      text += sql.text
      arguments += sql.arguments
    }
  }

  /// A name that is not ours, of a table, a column or a role, as it may stand in a statement of either engine.
  package static func identifier(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  package static func + (a: SQL, b: SQL) -> SQL { SQL(a.text + b.text, a.arguments + b.arguments) }
}
