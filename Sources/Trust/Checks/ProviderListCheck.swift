import Platform

/// F53: the published list is what the gate lets through, and nothing else gets out.
enum ProviderListCheck {
  /// Places that much software calls; none is let through unless the list names it.
  private static let popular = [
    "api.stripe.com", "smtp.sendgrid.net", "api.sendgrid.com", "api.twilio.com", "api.anthropic.com", "api.openai.com",
    "graph.microsoft.com", "www.google-analytics.com", "sentry.io", "s3.amazonaws.com", "localhost", "127.0.0.1",
  ]

  static func run(_ probe: Probe) async throws -> String {
    let json = try await probe.stranger.get("/trust/subprocessors.json").body(
      200, for: "GET /trust/subprocessors.json")
    let listed = json["subprocessors"]?.array ?? []
    let own = Set((json["own_places"]?.array ?? []).compactMap(\.string))
    for place in probe.services.egress.ownPlaces {
      try hold(
        own.contains("\(place.host):\(place.port)"), "The gate knows a system of the operator's own that is not listed."
      )
    }
    let names = Set(listed.flatMap(places).map { "\($0.host):\($0.port)" }).union(own)
    var asked = 0
    for entry in listed { asked += try await compare(entry, own, probe) }
    asked += try await others(listed, names, probe)
    try digest(json, listed)
    let active = listed.count { $0["in_force"]?.bool == true }
    return """
      The public list names \(listed.count) providers, \(active) of them in force. Put \(asked) questions to the gate: for each \
      listed one it gave the published answer, under its published name; every other port, neighbouring host, other purpose and \
      place that is not listed was refused. The published hash is that of what the gate lets through.
      """
  }

  private static func places(_ entry: JSON) -> [(host: String, port: Int)] {
    (entry["hosts"]?.array ?? []).compactMap { item in
      guard let text = item.string, let colon = text.lastIndex(of: ":"),
        let port = Int(text[text.index(after: colon)...])
      else { return nil }
      return (String(text[..<colon]), port)
    }
  }

  private static func texts(_ entry: JSON, _ member: String) -> [String] {
    entry[member]?.array?.compactMap(\.string) ?? []
  }

  /// The gate's answer for everything an entry names, and for what lies next to it.
  private static func compare(_ entry: JSON, _ own: Set<String>, _ probe: Probe) async throws -> Int {
    let (name, id) = (entry["name"]?.string ?? "", entry["id"]?.string ?? "")
    let isInForce = entry["in_force"]?.bool == true
    let categories = texts(entry, "categories")
    var asked = 0
    for place in places(entry) where !own.contains("\(place.host):\(place.port)") {
      for purpose in texts(entry, "purposes") {
        let answer = try await ask(probe, place.host, place.port, purpose, categories)
        asked += 1
        try hold(
          (answer == "subprocessor:\(id)") == isInForce,
          "\(name) is listed as \(isInForce ? "in force" : "off"), and the gate says otherwise.")
      }
      asked += 1
      let stray = try await ask(probe, place.host, place.port, "probe-\(Marker.make(length: 8))", categories)
      try hold(stray == nil, "The gate lets data go to \(name) for a purpose that is not listed.")
    }
    return asked
  }

  private static func others(_ listed: [JSON], _ names: Set<String>, _ probe: Probe) async throws -> Int {
    var places = popular.flatMap { [(host: $0, port: 443), (host: $0, port: 587)] }
    places.append((host: "\(Marker.make()).invalid", port: 443))
    for place in listed.flatMap(Self.places) {
      places.append((host: place.host, port: place.port == 65_535 ? 1 : place.port + 1))
      places.append((host: "x." + place.host, port: place.port))
      places.append((host: place.host + ".invalid", port: place.port))
    }
    var asked = 0
    for place in places where !names.contains("\(place.host):\(place.port)") {
      for purpose in Set(listed.flatMap { texts($0, "purposes") } + ["probe"]) {
        asked += 1
        let answer = try await ask(probe, place.host, place.port, purpose, ["operational"])
        try hold(answer == nil, "The gate lets data go where the list names nobody.")
      }
    }
    return asked
  }

  private static func ask(
    _ probe: Probe, _ host: String, _ port: Int, _ purpose: String, _ categories: [String]
  ) async throws -> String? {
    let intent = EgressIntent(
      tenant: nil, module: "probe", purpose: purpose, categories: categories, count: 0, host: host, port: port)
    do { return try await probe.services.egress.admit(intent).destination } catch let problem as Problem
      where problem.code == .forbidden
    {
      return nil
    }
  }

  /// Made again from the list alone, as an outsider would.
  private static func digest(_ json: JSON, _ listed: [JSON]) throws {
    let inForce = listed.filter { $0["in_force"]?.bool == true }
      .sorted { ($0["id"]?.string ?? "") < ($1["id"]?.string ?? "") }
    let configuration = JSON.array(
      inForce.map { entry in
        let members = ["id", "hosts", "region", "purposes", "categories"]
        return .object(Dictionary(uniqueKeysWithValues: members.map { ($0, entry[$0] ?? .null) }))
      })
    try hold(
      json["digest"]?.string == Digest(sha256: configuration.canonical).hex,
      "The published hash is not that of the published list.")
  }
}
