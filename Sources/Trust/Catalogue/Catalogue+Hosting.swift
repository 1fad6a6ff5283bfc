/// Where the platform runs.
extension Catalogue {
  static let hosting: [Promise] = [
    Promise(
      "F12", .hosting, "O",
      "The platform is hosted in one named region.",
      because: "A signed manifest of the deployment names it, and probes compare metadata, address and latency.",
      test: "Compare DNS and traceroute with the manifest.",
      .planned(with: "deployment manifests")),
    Promise(
      "F13", .hosting, "E/O",
      """
      The network is isolated, workloads use managed identities, and the platform's own controls are on.
      """,
      because: """
        Outbound calls pass an allow-list, inbound ones the edge alone, and workloads identify themselves by \
        certificate.
        """,
      test: "Scan the ports; in the drill, a container that calls an arbitrary host fails.",
      .planned(with: "the egress gate")),
    Promise(
      "F14", .hosting, "O",
      "The platform is monitored continuously, with Application Insights.",
      because: """
        Metrics, traces and logs leave over OTLP; a heartbeat is written to the public log every minute, so that a gap \
        can be seen.
        """,
      test: "Look for missing heartbeats; read the collector's side.",
      .planned(with: "telemetry")),
    Promise(
      "F39", .hosting, "O/E",
      "Data is stored and processed in the region declared for it.",
      because: "Every adapter carries its region, and a call outside the tenant's region is not made.",
      test: "Set an endpoint elsewhere: the call is blocked.",
      .planned(with: "regions")),
    Promise(
      "F40", .hosting, "E",
      "Another region of residency is available on request.",
      because: """
        The region is an attribute of the tenant; rules for the United States and for the European Union are both \
        shipped.
        """,
      test: "Create a tenant in the European Union and read its evidence.",
      .planned(with: "regions")),
    Promise(
      "A1", .hosting, "O",
      "Data is held at two named sites in the European Union.",
      because: "A site is named by a manifest and attested from outside.",
      test: "Compare DNS and the location of the addresses with the signed manifest.",
      .notApplicable(
        because: """
          This sentence belongs to a deployment at two attested sites. This installation names no sites and holds no \
          external attestation of any, so there is nothing it could be true or false of.
          """)),
    Promise(
      "A2", .hosting, "E/O",
      "Data, backups included, stays in the European Union.",
      because: """
        One rule covers database, files, backups, replicas, mail, AI, logs and telemetry; a target elsewhere is \
        refused.
        """,
      test: "Add a backup target outside the Union: it is refused.",
      .planned(with: "regions")),
    Promise(
      "A3", .hosting, "E",
      "Replication never crosses into a third country.",
      because: "A replica is admitted only with a certificate of its region.",
      test: "Enrol a foreign node: the refusal is on the log.",
      .planned(with: "replicas")),
    Promise(
      "A4", .hosting, "E",
      "The infrastructure provider is listed as a sub-processor.",
      because: "The list is read from what the installation can reach.",
      test: "Look the provider up in the list.",
      .planned(with: "the sub-processor list")),
    Promise(
      "A28", .hosting, "E/O",
      "Compute, database, storage and DNS run at DigitalOcean, in the European Union only.",
      because: "The deployment's manifest names provider and region of each part.",
      test: "Read the manifest.",
      .notApplicable(
        because: """
          This sentence belongs to a deployment at DigitalOcean. This installation is hosted by its own operator and \
          holds no external attestation of that provider, so there is nothing it could be true or false of.
          """)),
    Promise(
      "A29", .hosting, "E/D",
      "The provider at the network's edge sees metadata, not stored data.",
      because: """
        TLS has to end at our own server: an edge that ends it could read the bodies too, and then the sentence would \
        be half true.
        """,
      test: "Compare the fingerprint of the certificate you see with the server's own.",
      .planned(with: "the scan of our own listeners")),
  ]
}
