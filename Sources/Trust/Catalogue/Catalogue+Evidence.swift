/// What is on the record.
extension Catalogue {
  static let evidence: [Promise] = [
    Promise(
      "F15", .evidence, "E",
      """
      Sensitive actions are kept in an audit log, and an action whose record cannot be kept is refused.
      """,
      because: """
        The entry is part of the same transaction as the change. The check performs sensitive actions and finds each \
        on the log, then makes the append fail and sees the action refused with nothing left behind.
        """,
      test: "Make the disk of the journal full or read-only: every write is refused.",
      .checked()),
    Promise(
      "F16", .evidence, "E",
      "Offboarding records are tamper-evident.",
      because: "A Merkle log with signed checkpoints, consistency proofs and outside witnesses.",
      test: "Flip a byte or delete a row: verification turns red. Compare two checkpoints.",
      .planned(with: "outside witnesses")),
    Promise(
      "F17", .evidence, "E",
      "Timestamped trails support the completion of an offboarding and its certificate.",
      because: "A time-stamp token and a witness's time join the log; a certificate cannot be made over a gap.",
      test: "Verify a certificate offline; leave one step out and try to issue it.",
      .planned(with: "RFC 3161 time-stamps")),
    Promise(
      "A20", .evidence, "E",
      "Every write in your tenant is appended to its audit log.",
      because: """
        There is one write path, and the database refuses any other. The check writes through the API, finds each \
        write's leaf in the signed tree, and recomputes the state commitment from the stored rows.
        """,
      test: """
        Write anything through any door and find its entry; then run steward audit verify on the data directory.
        """,
      .checked()),
    Promise(
      "A21", .evidence, "E",
      "You can read, filter and export your audit log yourself.",
      because: """
        Reading and export need a role, not a ticket. The check reads, filters in every way offered, exports, and \
        verifies that every exported line is in the signed tree.
        """,
      test: "Export the log and verify the inclusion of any line with your own tools.",
      .checked()),
    Promise(
      "A43", .evidence, "E",
      "You can correct a record in place, and the audit log records the correction.",
      because: """
        A change replaces the stored row; its entry commits to the row before and the row after. The check edits a \
        record and verifies both digests against the leaf.
        """,
      test: "Edit a record, open its entry in the audit trail, and verify it.",
      .checked()),
  ]
}
