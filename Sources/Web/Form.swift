import Kernel

/// The fields of a submitted HTML form, and the file that ends it, if any.
package struct Form: Sendable {
  /// A file as it streams in. Read `chunks` once. Name and type are as the browser claims them.
  package struct Upload: Sendable {
    package let field: String
    package let filename: String
    package let mediaType: String
    package let chunks: Chunks
  }

  package let fields: [(name: String, value: String)]
  /// In `multipart/form-data` fields come first and one file last; a field after the file is refused.
  package let file: Upload?

  package init(fields: [(name: String, value: String)], file: Upload? = nil) {
    self.fields = fields
    self.file = file
  }

  /// The first value under `name`.
  package subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }

  package func all(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

  /// The value under `name` without surrounding white space; `invalid` if it is missing or empty.
  package func required(_ name: String, _ message: String) throws -> String {
    let value = (self[name] ?? "").trimmed
    guard !value.isEmpty else { throw Problem.invalid(name, message) }
    return value
  }
}
