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
      .planned(
        with: """
          the state of termination, whose thirty days are not counted yet, and with anonymisation, which needs a tested measure of uniqueness \
          and is not offered; what an owner ends by hand is proven by A56
          """)),
    Promise(
      "F44", .control, "E",
      "Backups are kept for a limited time and then destroyed.",
      because: """
        Each backup has a key of its own in the key store and not in the backup. Once its time is over its objects are deleted, and then its key \
        is destroyed at every place of the keys, with what became of each copy on the installation's record: a copy of an expired backup that \
        somebody kept does not open any more, with the root key and the key store of today neither. The newest backup stays until there is \
        another. Backups from before there were such keys, and whoever kept a copy of the key store with its root key, are what this cannot \
        reach. Once a day the check lets a backup expire and tries to open a copy of it.
        """,
      test: "List the objects; try to open an expired one.",
      .checked(maximumAgeSeconds: Promise.dailyMaximumAgeSeconds)),
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
        copy of the keys ends. What the pages of a PostgreSQL database may hold of a deleted row until vacuum overwrites it has no key \
        any more. An erasure that was confirmed goes on by itself until it is final, and one that waits for more than 24 hours turns this \
        sentence red.
        """,
      test: "Erase a vendor and search the data files for its ciphertext.",
      .checked()),
    Promise(
      "A42", .control, "E",
      "Deleted data ages out of the backups within their 30-day cycle.",
      because: """
        The bound is 30 days and 24 hours with the slack of the jobs; destroying the key makes it shorter: a restore erases again what was \
        erased since. Once a day the check restores a backup from before an erasure, and has one grow old by the rule that runs at the \
        configured place. Without a place for backups this sentence never reads proven.
        """,
      test: "Restore an old backup: what was erased stays erased.",
      .checked(maximumAgeSeconds: Promise.dailyMaximumAgeSeconds)),
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
      "One click and its owner's word delete everything of an organisation, and nobody else can prevent it.",
      because: """
        One verb covers rows, files, keys and the log. It needs no operator: in a browser it asks an owner for the password, twice, and \
        ends within 24 hours. Only an owner of the organisation itself can place a legal hold, lift it, or take the wish back. Once a day \
        the check ends an organisation of its own, frozen by an operator meanwhile, and looks for what is left.
        """,
      test: "Delete a demo tenant while the operators are away.",
      .checked(maximumAgeSeconds: Promise.dailyMaximumAgeSeconds)),
  ]
}
