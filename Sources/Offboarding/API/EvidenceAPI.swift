import Platform

/// Evidence files in and out, as streams.
struct EvidenceAPI: Sendable {
  let desks: Desks

  /// Four gibibytes over a slow line.
  static let timeoutSeconds = 4 * 3_600
  static let path = "/v1/cases/{id}/steps/{step}/evidence"

  var routes: [Route] {
    [
      Route(
        .post, EvidenceAPI.path, access: .workOnSteps, summary: "Attach a file as evidence.",
        bodyLimit: Int(clamping: desks.configuration.evidenceLimit), timeoutSeconds: EvidenceAPI.timeoutSeconds,
        handler: attach),
      Route(
        .get, "\(EvidenceAPI.path)/{evidence}", access: .seeCases, summary: "Download a piece of evidence.",
        timeoutSeconds: EvidenceAPI.timeoutSeconds, handler: download),
    ]
  }

  private func attach(_ request: Request) async throws -> Response {
    let claim = EvidenceDesk.Claim(
      kind: request.query["kind"], name: try FileName(contentDisposition: request.headers["Content-Disposition"]),
      mediaType: try MediaTypeName.checked(request.headers["Content-Type"]))
    let id: CaseID = try request.id("id")
    let step = request.parameters["step"]
    let written = try await desks.evidence(request).attach(id, step, claim, request.bodyChunks)
    return .json(written.value.listed, status: 201).receipt(written.receipt)
      .header("Location", "/v1/cases/\(id)/steps/\(step)/evidence/\(written.value.id)")
  }

  func download(_ request: Request) async throws -> Response {
    let (evidence, bytes) = try await desks.evidence(request).open(
      request.id("id"), request.parameters["step"], request.id("evidence"))
    return Response.stream(type: evidence.mediaType, length: evidence.size, bytes).asAttachment(
      try FileName(claimed: evidence.name))
  }
}

extension Response {
  /// Bytes from outside are saved, never shown: whatever they are, they run nothing in our origin.
  func asAttachment(_ name: FileName) -> Response {
    header("Content-Disposition", name.attachment)
      .header("X-Content-Type-Options", "nosniff")
      .header("Content-Security-Policy", "sandbox; default-src 'none'")
  }
}
