import Platform

/// `/v1/cases/{id}/certificate`: issue it, and get it as a bundle, a statement or a page.
struct CertificateAPI: Sendable {
  let desks: Desks

  static let path = "/v1/cases/{id}/certificate"
  static let zip = "application/zip"

  var routes: [Route] {
    [
      Route(
        .post, CertificateAPI.path, access: .permission(.casesCertify), summary: "Issue the certificate of a case.",
        handler: issue),
      Route(
        .get, CertificateAPI.path, access: .permission(.casesRead),
        summary: "Get the certificate: a bundle, the statement alone or the printable page, by Accept.", handler: read),
    ]
  }

  private func issue(_ request: Request) async throws -> Response {
    _ = try await request.object(members: [])
    let written = try await desks.certificates(request).issue(request.id("id"))
    return .json(written.value.certificateJSON, status: 201).receipt(written.receipt)
      .header("Location", "/v1/cases/\(written.value.id)/certificate")
  }

  private func read(_ request: Request) async throws -> Response {
    let id: CaseID = try request.id("id")
    let desk = try desks.certificates(request)
    let record = try await desk.bundle(id)
    let offers = ["application/json", CertificateAPI.zip, "text/html"]
    switch Accept.choose(request.headers["Accept"], among: offers) {
    case CertificateAPI.zip: return try await CertificateAPI.bundle(record, id, desk)
    case "application/json": return try await statement(record, desk)
    case "text/html": return try await CertificateAPI.document(record, desk)
    default: throw Problem(.notAcceptable, "Ask for \(offers.joined(separator: ", ")).")
    }
  }

  /// Under which name a bundle is downloaded; the page of the certificate says the same.
  static func bundleName(of id: CaseID) -> String { "certificate-\(id).zip" }

  static func bundle(_ record: BundleRecord, _ id: CaseID, _ desk: CertificateDesk) async throws -> Response {
    let name = try FileName(claimed: bundleName(of: id))
    return Response.stream(type: zip, length: record.size, try await desk.open(record)).asAttachment(name)
  }

  /// The statement as the bundle has it, without its salt.
  private func statement(_ record: BundleRecord, _ desk: CertificateDesk) async throws -> Response {
    let member = try JSON.parse(try await desk.member("statement.json", of: record))
    return .json(member["fact"] ?? .null)
  }

  /// The printable page of the bundle. It brings its own style, and nothing else is let in.
  static func document(_ record: BundleRecord, _ desk: CertificateDesk) async throws -> Response {
    let html = String(decoding: try await desk.member("certificate.html", of: record), as: UTF8.self)
    return Response.html(html).header(
      "Content-Security-Policy",
      "default-src 'none'; style-src \(StyleHash.source(of: html)); frame-ancestors 'none'; base-uri 'none'")
  }
}

/// Which inline style a self-contained document may use: exactly the one it brings (CSP Level 3 §2.3.1).
enum StyleHash {
  static func source(of html: String) -> String {
    guard let start = html.firstRange(of: "<style>"), let end = html[start.upperBound...].firstRange(of: "</style>")
    else {
      return "'none'"
    }
    let digest = Digest(sha256: Array(html[start.upperBound..<end.lowerBound].utf8))
    return "'sha256-\(digest.base64)'"
  }
}
