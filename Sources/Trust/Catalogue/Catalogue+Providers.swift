/// Who else is involved.
extension Catalogue {
  static let providers: [Promise] = [
    Promise(
      "F53", .providers, "E",
      "We work with a limited number of trusted providers.",
      because: "Their list is the allow-list through which everything leaves.",
      test: "Compare /trust/subprocessors with the configuration of the gate and its hash.",
      .checked()),
    Promise(
      "F54", .providers, "P",
      "We have written terms with every provider, on security, confidentiality and data protection.",
      because: """
        A contract has a record, a checklist of clauses and an end; when it lapses, the provider is turned off. The \
        operator's own systems are listed apart: no other party is involved.
        """,
      test: "Let a contract lapse in the demo and see the provider go off.",
      .checked()),
    Promise(
      "F55", .providers, "E",
      "The current list of sub-processors is published.",
      because: "As JSON and as a feed, with history, signed and dated.",
      test: "Fetch it twice and verify that the second follows from the first.",
      .checked()),
    Promise(
      "A30", .providers, "E",
      "Stripe (Ireland) bills the platform's own fees.",
      because: "The billing adapter is kept apart from tenants' data.",
      test: "Look at what leaves the installation.",
      .planned(with: "billing")),
    Promise(
      "A31", .providers, "E",
      "Card data is never stored.",
      because: """
        Card fields belong to the payment provider, and a detector stands before every write and every log line.
        """,
      test: "Post a test card number: it is refused. Scan the database.",
      .planned(with: "billing")),
    Promise(
      "A32", .providers, "E",
      "Anthropic processes data in the European Union only, and only when you use the AI module.",
      because: """
        The adapter is off until you turn it on, and a region is proven by the endpoint and by what comes back. The \
        provider's own API offers no European inference, so for a European tenant it is refused.
        """,
      test: "Choose the European Union with the first-party endpoint: it is refused with this reason.",
      .planned(with: "AI workspaces")),
    Promise(
      "A33", .providers, "E",
      "AI providers get the context you authorised, and never data in bulk.",
      because: "What you previewed and what is sent have the same hash; fields are flagged and volumes capped.",
      test: "Go over the cap: it is blocked.",
      .planned(with: "AI workspaces")),
    Promise(
      "A34", .providers, "E",
      "SendGrid sends e-mail from the European Union, only after you opted in.",
      because: "The module's gate comes before the name is resolved, and the European host is pinned.",
      test: "With the module off, no packet leaves.",
      .planned(with: "e-mail send-out")),
    Promise(
      "A35", .providers, "E",
      "SMS through Twilio in the European Union is announced, and no tenant uses it yet.",
      because: "The number of tenants that use it is computed; which region its API supports is stated as it is.",
      test: "Turn it on and see the page change.",
      .planned(with: "SMS send-out")),
    Promise(
      "A36", .providers, "E",
      "We write to every customer 30 days before a new sub-processor starts.",
      because: """
        An adapter cannot start before 30 days have passed since the mail server took the last notice to an owner; only \
        what was there before the first customer needs none.
        """,
      test: "Try to turn one on at day 29: it is refused.",
      .checked()),
    Promise(
      "A37", .providers, "P/E",
      "You may object to a new sub-processor.",
      because: "An objection keeps that adapter off for your tenant.",
      test: "Object, then try to use it.",
      .checked()),
    Promise(
      "A38", .providers, "P",
      "If we cannot do without it, you get a path of migration out.",
      because: "A template for leaving us, filled in beforehand, with a field for the refund.",
      test: "Run it.",
      .planned(with: "the sub-processor list")),
  ]
}
