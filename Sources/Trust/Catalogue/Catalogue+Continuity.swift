/// Backups and recovery.
extension Catalogue {
  static let continuity: [Promise] = [
    Promise(
      "F67", .continuity, "E/O",
      "Backups are made regularly.",
      because: "A schedule, and a claim about the age of the newest.",
      test: "Read the age of the newest backup on this page.",
      .planned(with: "backups")),
    Promise(
      "F68", .continuity, "O",
      "We recover from common failures in a reasonable time.",
      because: "Scripted drills break things and measure how long it takes.",
      test: "Run the drill in a container.",
      .planned(with: "restore drills")),
    Promise(
      "F69", .continuity, "O",
      "Recovery time and recovery point will be published.",
      because: "What each drill measured is shown.",
      test: "Verify the receipt of the drill.",
      .planned(with: "restore drills")),
    Promise(
      "A22", .continuity, "E/O",
      "Backups are nightly, encrypted and kept for 30 rolling days.",
      because: """
        A job runs every night and removes what is over its time. The check reads the signed manifests at the place and \
        compares them with what the installation has on record. Without a place for backups this sentence never reads proven.
        """,
      test: "List them: none older than 31 days, the newest younger than 25 hours.",
      .checked()),
    Promise(
      "A23", .continuity, "E",
      "A tenant can be restored to any moment of the last seven days, on request.",
      because: """
        The journal of each tenant is enough to walk back, and a restore applies erasures and suppressions again.
        """,
      test: "Restore to three days ago: somebody erased since is not there.",
      .planned(with: "point-in-time restore")),
    Promise(
      "A24", .continuity, "E/O",
      "A full cold restore is rehearsed at least every quarter.",
      because: "A drill in isolation compares fingerprints of content, not counts of rows.",
      test: "Verify its receipt; a corrupted backup turns the drill red.",
      .planned(with: "restore drills")),
    Promise(
      "A25", .continuity, "E",
      "You can learn when the last rehearsal ran.",
      because: "The date is published and signed; you need not ask.",
      test: "Open the page.",
      .planned(with: "restore drills")),
    Promise(
      "A26", .continuity, "O",
      "We aim to recover within 4 hours and to lose at most 24 hours.",
      because: "Drills measure both; the worst of the last ones stands beside the aim.",
      test: "Read the durations in the receipts.",
      .planned(with: "restore drills")),
    Promise(
      "A27", .continuity, "P",
      "Below the Scale plan these times are aims, not contractual.",
      because: "Each tenant has the terms of its plan.",
      test: "Compare the page as a Solo and as a Scale customer.",
      .planned(with: "service levels")),
  ]
}
