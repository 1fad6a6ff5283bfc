/// How much a piece of evidence is worth, by how it came to be (docs/format.md §6.3). Never claimed by the person who uploads it.
package enum Grade: String, Sendable, Comparable, CaseIterable {
  case e0 = "E0"
  case e1 = "E1"
  case e2 = "E2"
  case e3 = "E3"
  case e4 = "E4"
  case e5 = "E5"

  package static func < (a: Grade, b: Grade) -> Bool { a.rawValue < b.rawValue }

  /// In plain words, for the pages and the README of a certificate.
  package var meaning: String {
    switch self {
    case .e0: "an assertion: someone said so"
    case .e1: "an attestation signed by a named officer"
    case .e2: "an artefact: a file whose hash is on the record"
    case .e3: "a probe made by a machine"
    case .e4: "a cryptographic proof"
    case .e5: "independent: made by a third party"
    }
  }
}
