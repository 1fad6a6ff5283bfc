/// How customers keep, take and delete their data.
extension Catalogue {
  static let control: [Promise] = [
    Promise(
      "F41", .control, "E",
      "You set how long your data is kept.",
      because: """
        A schedule for each class of data; a legal hold comes first; overdue deletions are counted, and the count is \
        zero.
        """,
      test: "Set a short period and see the record go, with its entry.",
      .planned(with: "retention schedules")),
    Promise(
      "F42", .control, "E",
      "After termination your data stays available for export for 30 days.",
      because: "The tenant can then be read and exported only, and no operator can shorten the time.",
      test: "Terminate a demo tenant and export on day 29.",
      .planned(with: "termination")),
    Promise(
      "F43", .control, "E",
      "After that, your data is deleted or anonymised.",
      because: """
        Destruction in two phases, certified with counts per store; anonymised only where a test of uniqueness passed.
        """,
      test: "Verify the certificate; try to find anyone again.",
      .planned(with: "termination")),
    Promise(
      "F44", .control, "E",
      "Backups are kept for a limited time and then destroyed.",
      because: "Their keys are destroyed and the objects deleted; every copy of a key is in an inventory.",
      test: "List the objects; try to open an expired one.",
      .planned(with: "backups")),
    Promise(
      "F45", .control, "E",
      "Audit records are kept long enough to defend a decision.",
      because: "They hold no content, so that they can be kept for up to seven years while the data goes.",
      test: "Prove an old entry after its data was erased.",
      .planned(with: "retention schedules")),
    Promise(
      "F46", .control, "E",
      "Retention periods are documented.",
      because: "The page is written from the schedule that runs.",
      test: "Change a period: the page and its hash change.",
      .planned(with: "retention schedules")),
    Promise(
      "A39", .control, "E",
      "You get at your data without a support ticket.",
      because: "Audit and export are self-service in every module; a module without an exporter does not start.",
      test: "Export from every module.",
      .planned(with: "exports of every module")),
    Promise(
      "A40", .control, "E",
      "Every module exports as JSON and CSV at any time.",
      because: """
        Versioned schemas, a manifest of hashes, and a proof that nothing is missing, attachments included.
        """,
      test: "Export, import elsewhere, compare fingerprints.",
      .planned(with: "exports of every module")),
    Promise(
      "A41", .control, "E",
      "Deleted data is gone from the live database within 24 hours.",
      because: """
        What is deleted for good is erased: rows, files and earlier versions go in one command, the bytes are overwritten, and every \
        copy of the keys ends. An erasure that was confirmed goes on by itself until it is final, and one that waits for more than \
        24 hours turns this sentence red.
        """,
      test: "Erase a vendor and search the data files for its ciphertext.",
      .checked()),
    Promise(
      "A42", .control, "E",
      "Deleted data ages out of the backups within their 30-day cycle.",
      because: """
        The bound is 30 days and 24 hours with the slack of the jobs; destroying the key makes it shorter. No check restores a backup \
        from before an erasure every hour yet; Examples/erasure_rerun.py does it when asked.
        """,
      test: "Restore an old backup: what was erased stays erased.",
      .planned(with: "restores by the check itself")),
    Promise(
      "A44", .control, "E",
      "A freeze stops background work and leaves your data intact.",
      because: """
        The write path refuses whatever is not exempt in the transaction itself; queues and the gate ask for the tenant's \
        state first. What goes on regardless is listed here, from the very value that the write path goes by.
        """,
      test: "Freeze a tenant: its job counters stand still and the fingerprint of its data does not change.",
      .checked()),
    Promise(
      "A55", .control, "E",
      "One click exports everything.",
      because: "One verb covers all modules; its duration is measured.",
      test: "Count the clicks.",
      .planned(with: "exports of every module")),
    Promise(
      "A56", .control, "E",
      "One click deletes everything, and nobody can prevent it.",
      because: """
        The owner's verb needs no operator. It asks for the password again and waits for at most 24 hours; only the \
        tenant's own owner can place a hold or lift it.
        """,
      test: "Delete a demo tenant while the operators are away.",
      .planned(with: "a check that ends an organisation of its own")),
  ]
}
