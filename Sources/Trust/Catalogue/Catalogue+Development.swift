/// How the product is made.
extension Catalogue {
  static let development: [Promise] = [
    Promise(
      "F18", .development, "O",
      "The source is under version control.",
      because: "Every release names the commit it was built from.",
      test: "Rebuild it, or verify its attestation.",
      .planned(with: "signed releases")),
    Promise(
      "F19", .development, "O",
      "Dependencies are watched for known vulnerabilities.",
      because: "A list of materials is matched daily with advisories; the age of the oldest open one is shown.",
      test: "Fetch the list; in the drill, a planted vulnerable dependency raises the alarm.",
      .planned(with: "dependency monitoring")),
    Promise(
      "F20", .development, "E",
      "Changes to production are reviewed.",
      because: "A release needs the signatures of two different keys.",
      test: "Check the signatures in the bundle.",
      .planned(with: "signed releases")),
    Promise(
      "F21", .development, "E",
      "There are no secrets in the source.",
      because: "Every change and the whole history are scanned; a planted canary proves that the scanner sees.",
      test: "Run a scanner; look at the last drill.",
      .planned(with: "the secret scan")),
  ]
}
