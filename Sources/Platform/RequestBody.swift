import Kernel
import Web

extension Request {
  /// The raw body, ending in `tooLarge` over the route's limit. Can be read once.
  package var bodyChunks: Chunks { body }

  /// The JSON body; an empty body reads as an empty object. `Content-Type` is not asked for: only `Authorization` is
  /// required, and a cookie counts for a write only with proof of our own page (`FormGuard`).
  package func json() async throws -> JSON {
    let bytes = try await bodyChunks.collect(limit: route.bodyLimit)
    guard !bytes.isEmpty else { return .object([:]) }
    do {
      return try JSON.parse(bytes)
    } catch {
      throw Problem(.badRequest, "The body is not the JSON that is expected here: \(error).")
    }
  }

  /// The JSON body, refused unless it is an object whose members are among `members`.
  package func object(members allowed: Set<String>) async throws -> JSON {
    let json = try await json()
    guard let members = json.object else { throw Problem(.badRequest, "Send a JSON object.") }
    let unknown = members.keys.filter { !allowed.contains($0) }.sorted().prefix(10)
    guard unknown.isEmpty else {
      throw Problem(
        .invalid, "Leave out what this request does not know.",
        errors: unknown.map { Problem.FieldError(String($0.prefix(64)), "This member is not known here.") })
    }
    return json
  }

  /// The submitted form: urlencoded, or multipart with at most one file, which comes last and streams.
  package func form() async throws -> Form {
    if let checkedForm { return checkedForm }
    return try await FormReader.read(contentType: headers["Content-Type"], body: bodyChunks)
  }
}
