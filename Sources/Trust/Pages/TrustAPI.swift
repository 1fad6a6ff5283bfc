import Platform

/// A promise as it is published: the sentence, and what can be said of it now.
struct PublishedPromise: Sendable {
  let promise: Promise
  let sentence: String
  let standing: Standing

  /// All of them in the order of the specification.
  static func all(_ services: Services, _ runtime: TrustRuntime, now: Instant) async throws -> [PublishedPromise] {
    let results = try await ResultStore(services: services).all()
    return Catalogue.inOrder.map { promise in
      PublishedPromise(
        promise: promise, sentence: promise.sentence(with: runtime.facts),
        standing: Standing.of(promise, last: results[promise.id], now: now))
    }
  }

  var json: JSON {
    [
      "id": .string(promise.id), "class": .string(promise.kind), "sentence": .string(sentence),
      "state": .string(standing.state.rawValue), "reason": .string(standing.reason),
      "checked_at": JSON(standing.checkedAt?.description), "expires_at": JSON(standing.expiresAt?.description),
      "evidence": JSON(standing.evidence),
    ]
  }
}

/// `/trust.json`.
enum TrustAPI {
  static func show(_ request: Request, _ runtime: TrustRuntime) async throws -> Response {
    let promises = try await PublishedPromise.all(request.services, runtime, now: request.now)
    return .json(["promises": .array(promises.map(\.json)), "at": .string(request.now.description)])
  }
}
