/// Which rules the work follows, and what is not certified.
extension Catalogue {
  static let law: [Promise] = [
    Promise(
      "F47", .law, "P/E",
      "Our work is aligned with the GDPR of the European Union.",
      because: "A map leads from article to promise; how much of it is covered is counted honestly.",
      test: "Open any article and follow it to a running check.",
      .planned(with: "the map of obligations")),
    Promise(
      "F48", .law, "P/E",
      "Our work is aligned with the UK GDPR and the Data Protection Act 2018.",
      because: "A pack of rules that includes the clocks of the Data (Use and Access) Act.",
      test: "Simulate a pause and compute the date again.",
      .planned(with: "the map of obligations")),
    Promise(
      "F49", .law, "P/E",
      "Our work is aligned with the CCPA and CPRA of California.",
      because: """
        A pack of rules, the clauses that a service provider's contract needs, and Global Privacy Control.
        """,
      test: "Run the ten-business-day examples.",
      .planned(with: "the map of obligations")),
    Promise(
      "F50", .law, "P",
      "We follow the breach-notification laws of the states of the United States.",
      because: "A matrix by residence, owner and holder, with disputed points flagged.",
      test: "Feed in a scenario and read the letters and dates.",
      .planned(with: "incident response")),
    Promise(
      "F51", .law, "E",
      "Commercial e-mail follows CAN-SPAM.",
      because: """
        A message without a postal address and a way out is refused, and the suppression list comes first.
        """,
      test: "Try to send one without an address.",
      .planned(with: "e-mail send-out")),
    Promise(
      "F52", .law, "P",
      "Our controls are aligned with the principles of SOC 2; they are not attested.",
      because: "A map of the criteria with a pack of samples for an auditor.",
      test: "Draw a random sample by a seed of your choice.",
      .planned(with: "the map of obligations")),
    Promise(
      "A57", .law, "E",
      """
      We are not certified to SOC 2 or ISO 27001, and we say why: such an attestation is the report of an outside \
      auditor, and none has reported on this installation.
      """,
      because: """
        A badge can only be made from a verified report, and there is none. The check reads this page and tries to \
        publish a badge without a report.
        """,
      test: "Look for a badge on any page; ask us for the report.",
      .checked()),
  ]
}
