/// What the statement says about itself.
extension Catalogue {
  static let statement: [Promise] = [
    Promise(
      "F71", .statement, "E",
      """
      This statement is dated: every proven sentence carries the time of its own proof and the time at which that \
      proof expires.
      """,
      because: """
        Proofs are entries of a log, and the page is computed from them when it is read. The check reads the page and \
        reads it again with its own clock past the expiry: the sentence no longer counts as proven.
        """,
      test: "Note an expiry time, keep the checks from running, and look again after it.",
      .checked()),
    Promise(
      "F72", .statement, "E",
      "The statement links to the privacy policy and the terms.",
      because: "Both are versioned, hashed, can be compared, and acceptance is recorded.",
      test: "Fetch an old version by its hash.",
      .planned(with: "legal documents")),
    Promise(
      "A58", .statement, "E",
      """
      This page shows when it was reviewed: each sentence that a check keeps shows its own date, and is flagged once \
      that date is too old.
      """,
      because: """
        Review is not a date at the foot of a page: each proof has an age and a maximum age. The check compares the \
        page with the record behind it, then with its own clock past the maximum age.
        """,
      test: "Compare the dates on this page with /trust.json, and with the log entries of the checks.",
      .checked()),
  ]
}
