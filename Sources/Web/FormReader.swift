import Kernel

/// Reads a submitted form in either of the two encodings browsers use (WHATWG HTML §4.10.21). Strict: what is malformed is refused.
package enum FormReader {
  /// Bytes of all fields of a multipart form together, the file not counted.
  package static let maximumFieldBytes = 1 << 18

  package static func read(contentType: String?, body: Chunks) async throws -> Form {
    guard let type = contentType.flatMap({ MediaType($0) }) else { throw unsupported }
    switch type.essence {
    case "application/x-www-form-urlencoded":
      let bytes = try await body.collect(limit: maximumFieldBytes)
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw Problem(.badRequest, "Send the form as UTF-8.")
      }
      return Form(fields: try Query(parsing: text).pairs)
    case "multipart/form-data":
      guard let reader = MultipartReader(boundary: type.parameters["boundary"] ?? "", body: body) else {
        throw Problem(.badRequest, "Name the boundary of the multipart form.")
      }
      return try await read(reader)
    default: throw unsupported
    }
  }

  private static let unsupported = Problem(
    .unsupportedMediaType, "Send the form as application/x-www-form-urlencoded or multipart/form-data.")

  private static func read(_ reader: MultipartReader) async throws -> Form {
    var fields: [(name: String, value: String)] = []
    var bytesLeft = maximumFieldBytes
    while let part = try await reader.nextPart() {
      if let filename = part.filename {
        let upload = Form.Upload(
          field: part.name, filename: filename, mediaType: part.mediaType, chunks: reader.lastContent())
        return Form(fields: fields, file: upload)
      }
      guard fields.count < Query.maximumPairs else { throw Problem(.badRequest, "Send fewer fields.") }
      let value = try await reader.content(limit: bytesLeft)
      bytesLeft -= value.count
      guard let text = String(validating: value, as: UTF8.self), !text.utf8.contains(0) else {
        throw Problem(.badRequest, "Send the form as UTF-8.")
      }
      fields.append((part.name, text))
    }
    return Form(fields: fields)
  }
}
