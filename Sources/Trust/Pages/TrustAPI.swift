import Platform

/// A promise as it is published: the sentence, and what can be said of it now.
struct PublishedPromise: Sendable {
  let promise: Promise
  let sentence: String
  let standing: Standing
  /// What the promise does not hold for, with the reasons; published beside it.
  let exemptions: [FreezeExemption]

  /// All of them in the order of the specification.
  static func all(_ services: Services, _ runtime: TrustRuntime, now: Instant) async throws -> [PublishedPromise] {
    let results = try await ResultStore(services: services).all()
    return Catalogue.inOrder.map { promise in
      PublishedPromise(
        promise: promise, sentence: promise.sentence(with: runtime.facts),
        standing: Standing.of(promise, last: results[promise.id], now: now),
        exemptions: promise.id == "A44" ? services.freezes.published(services.jobs) : [])
    }
  }

  var json: JSON {
    var members = document
    if !exemptions.isEmpty {
      members["goes_on"] = .array(
        exemptions.map { exemption in
          [
            "what": .string(exemption.what), "reason": .string(exemption.reason),
            "acts": .array(exemption.acts.map(JSON.string)),
          ]
        })
    }
    return .object(members)
  }

  private var document: [String: JSON] {
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
