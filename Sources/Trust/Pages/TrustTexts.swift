import Platform

/// What the page of the statement says around the sentences; the sentences themselves stand in the catalogue of promises.
enum TrustTexts {
  static let english: [String: String] = [
    "trust_title": "What we promise, and what is proven",
    "trust_lead":
      "Every sentence here is bound to a record. It reads proven only if a check exercised all of it on this very installation, not long ago.",
    "trust_as_of": "As of",
    "trust_how":
      "The checks run every hour, and each result is an entry of a tamper-evident log. Open a sentence to see what makes it true and how you can test it yourself.",
    "trust_json": "The same for programs.",
    "trust_subprocessors": "Who else processes your data.",
    "trust_filter": "Show one state",
    "trust_pages": "Which statement",
    "trust_page_all": "All promises",
    "trust_page_f": "Vendor offboarding",
    "trust_page_a": "Operating platform",
    "trust_empty": "No promise is in this state.",
    "trust_checked": "Checked",
    "trust_until": "counts until",
    "trust_state": "State",
    "trust_because": "What makes it true",
    "trust_because_planned": "What it rests on, or will",
    "trust_test": "How you can test it",
    "trust_evidence": "Last evidence",
    "trust_goes_on": "What goes on regardless",
    "trust_kind": "Kind",
    "trust_kind_e": "enforced by code",
    "trust_kind_o": "observed by a probe",
    "trust_kind_p": "a procedure with a clock",
    "trust_kind_d": "declared",
    "trust_topics": "Topics",
    "trust_chapter_proven": "{proven} of {count} proven",
    "trust_words": "What the words mean",
    "trust_word_proven": "A check exercised all of it on this installation, and the result is recent.",
    "trust_word_failing": "The last check did not hold. The reason stands with the sentence.",
    "trust_word_stale": "It was proven, but the last check is too old to count.",
    "trust_word_declared": "Software cannot prove it; we declare it, with what would count against it.",
    "trust_word_roadmap": "Announced for a day. Once that day has passed without it, it reads failing.",
    "trust_word_unknown": "No check on this installation covers it yet, so nothing is claimed.",
    "trust_word_not_applicable": "It concerns a function that this installation does not have.",
    "trust_state_proven": "Proven",
    "trust_state_failing": "Failing",
    "trust_state_stale": "Stale",
    "trust_state_unknown": "Unknown",
    "trust_state_declared": "Declared",
    "trust_state_roadmap": "Roadmap",
    "trust_state_not_applicable": "Not applicable",
    "trust_topic_processing": "On your instructions",
    "trust_topic_access": "Who can see what",
    "trust_topic_encryption": "Encryption, keys and secrets",
    "trust_topic_hosting": "Where it runs",
    "trust_topic_evidence": "What is on the record",
    "trust_topic_development": "How it is built",
    "trust_topic_identity": "Signing in and out",
    "trust_topic_privacy": "What we never do with your data",
    "trust_topic_control": "Keeping, taking and deleting your data",
    "trust_topic_law": "Laws and certifications",
    "trust_topic_providers": "Providers",
    "trust_topic_incidents": "When something goes wrong",
    "trust_topic_research": "Reporting a vulnerability",
    "trust_topic_continuity": "Backups and recovery",
    "trust_topic_statement": "This statement",
  ]

  static func key(of state: PromiseState) -> String { "trust_state_" + state.rawValue.replacing(" ", with: "_") }

  /// "E/O" in words.
  static func kinds(_ kind: String, _ request: Request) -> String {
    kind.split(separator: "/").map { request.text("trust_kind_\($0.lowercased())") }.joined(separator: ", ")
  }
}
