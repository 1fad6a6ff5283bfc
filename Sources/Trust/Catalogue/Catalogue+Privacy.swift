/// What is never done with the data.
extension Catalogue {
  static let privacy: [Promise] = [
    Promise(
      "F35", .privacy, "D",
      "We do not sell personal data.",
      because: """
        Everything that leaves is to be entered with its recipient; recipients are sub-processors and those whom the \
        customer chose. That nobody sells cannot be proved by software, so this is our word.
        """,
      test: "Reconcile what leaves the installation with the list of recipients; capture packets.",
      .declared(
        disprovedBy: """
          A disclosure to a recipient who is neither a listed sub-processor nor chosen by the customer, or a payment for \
          data, would disprove it.
          """)),
    Promise(
      "F36", .privacy, "D/O",
      "We do not share personal data for advertising across contexts.",
      because: "As F35; no page loads from a foreign origin, and a Global Privacy Control signal is honoured.",
      test: "Crawl the pages in a browser and count foreign origins.",
      .planned(with: "the egress gate")),
    Promise(
      "F37", .privacy, "D/E",
      "We do not train machine-learning models on customer data.",
      because: """
        There is no kind of job for it, the purpose “training” cannot be registered, and the setting of each provider \
        is recorded.
        """,
      test: "Try to register the purpose: it is refused. Inspect the provider's flags.",
      .planned(with: "the register of instructions")),
    Promise(
      "F38", .privacy, "D/E",
      "We do not use customer data for advertising or profiling.",
      because: "As F37; the schema of our statistics lists every metric.",
      test: "Compare the metrics with the schema.",
      .planned(with: "telemetry")),
    Promise(
      "A50", .privacy, "D",
      "Customer data is not sold.",
      because: """
        An export needs a purpose and a recipient. That nobody sells cannot be proved by software, so this is our \
        word.
        """,
      test: "Reconcile what leaves the installation with the list of recipients.",
      .declared(
        disprovedBy: """
          An export of customer data to a recipient the customer did not choose, or a payment for it, would disprove it.
          """)),
    Promise(
      "A51", .privacy, "D",
      "Contact lists are not sold.",
      because: """
        An export needs a purpose and a recipient. That nobody sells cannot be proved by software, so this is our \
        word.
        """,
      test: "Plant an address in a contact list that is used nowhere else, and wait for post.",
      .declared(
        disprovedBy: """
          A message from a stranger to an address that was planted in one contact list only, or a payment for a list, \
          would disprove it.
          """)),
    Promise(
      "A52", .privacy, "D",
      "Aggregated analytics are not sold.",
      because: """
        An aggregate needs a purpose and a recipient to leave. That nobody sells cannot be proved by software, so this \
        is our word.
        """,
      test: "Reconcile what leaves the installation with the list of recipients.",
      .declared(
        disprovedBy: """
          A product or report of somebody else that contains our aggregates, or a payment for them, would disprove it.
          """)),
    Promise(
      "A53", .privacy, "D/E",
      "No external AI is trained on your data.",
      because: "As F37: no such job, no such purpose, the provider's setting on record.",
      test: "Try to register the purpose; inspect the provider's flags.",
      .planned(with: "AI workspaces")),
    Promise(
      "A54", .privacy, "E",
      "There are no third-party trackers on this site or in the app.",
      because: """
        Every page loads from this origin alone, and a content security policy tells the browser to refuse the rest. \
        The check crawls the public pages and the app's pages and reads every address in HTML and style sheets.
        """,
      test: "Walk through all pages with the network panel open: one origin.",
      .checked()),
  ]
}
