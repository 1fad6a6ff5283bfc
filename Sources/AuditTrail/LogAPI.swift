import Platform
import TransparencyLog

/// The tenant's own log for whoever keeps a copy of it or verifies it: checkpoint, tiles and keys, byte for byte as C2SP has them.
enum LogAPI {
  private static let text = "text/plain; charset=utf-8"

  static func checkpoint(_ request: Request) async throws -> Response {
    let checkpoint = try await request.services.ledger.read(request.principal.tenant) { try $0.latestCheckpoint() }
    guard let checkpoint else { throw Problem.notFound }
    return .bytes(checkpoint.note, type: text)
  }

  /// Any width up to what the tree holds is served, so that a copy needs no second look at a checkpoint.
  static func tile(_ request: Request) async throws -> Response {
    guard let path = TilePath(path: "tile/" + request.parameters["path"]) else { throw Problem.notFound }
    let bytes = try await request.services.ledger.read(request.principal.tenant) { try $0.tile(path) }
    guard let bytes else { throw Problem.notFound }
    let response = Response.bytes(bytes, type: "application/octet-stream")
    return path.width == TilePath.fullWidth
      ? response.header("Cache-Control", "private, max-age=31536000, immutable") : response
  }

  static func verifierKey(_ request: Request) async throws -> Response {
    .bytes(Array((try await request.services.ledger.logVerifierKey(request.principal.tenant) + "\n").utf8), type: text)
  }

  static func certificate(_ request: Request) async throws -> Response {
    .bytes(try await request.services.ledger.logCertificate(request.principal.tenant), type: text)
  }
}
