/// How vulnerabilities are reported.
extension Catalogue {
  static let research: [Promise] = [
    Promise(
      "F62", .research, "E",
      "Security researchers are welcome and have a mailbox.",
      because: "A signed security.txt whose expiry is watched, a form, and an intake for mail.",
      test: "Fetch /.well-known/security.txt and send a test report.",
      .planned(with: "the intake of security reports")),
    Promise(
      "F63", .research, "E",
      "A report should hold a description, the steps or a proof of concept, and a contact.",
      because: "The intake asks for what is missing instead of refusing, and takes anonymous reports.",
      test: "Send half a report: it asks.",
      .planned(with: "the intake of security reports")),
    Promise(
      "F64", .research, "D",
      "We ask researchers to act in good faith, and promise not to pursue those who do.",
      because: """
        This sentence is the undertaking; longer terms will be published with their hash. How people will act cannot be \
        proved by software, so this is declared.
        """,
      test: "Hold us to it; once longer terms are published, compare their hash with that of the ones you relied on.",
      .declared(
        disprovedBy: "Legal action, or a threat of it, against a researcher who kept to the terms would disprove it.")),
    Promise(
      "F65", .research, "P",
      "We ask for time to fix before a vulnerability is made public.",
      because: "A date is agreed in the case, and the longest is published.",
      test: "Read the case's timeline.",
      .planned(with: "the intake of security reports")),
    Promise(
      "F66", .research, "D",
      "We pay no bounty; we give thanks.",
      because: """
        There is no bounty programme. What is not paid cannot be proved by software, so this is declared.
        """,
      test: "Ask a researcher who reported something.",
      .declared(disprovedBy: "A payment for a report, or an offer of one in our name, would disprove it.")),
    Promise(
      "F70", .research, "E",
      "There is one security contact for customers, researchers and buyers.",
      because: "One intake, routed, with a clock.",
      test: "Send a message.",
      .planned(with: "the intake of security reports")),
    Promise(
      "A45", .research, "E",
      "Vulnerabilities can be reported by mail with a fixed subject line.",
      because: "The intake reads it, and takes mail without the subject too.",
      test: "Send one.",
      .planned(with: "the intake of security reports")),
    Promise(
      "A46", .research, "P",
      "A person replies within 48 hours.",
      because: "The clock starts on receipt, only an answer by a human counts, and the figures are public.",
      test: "Check the figures against their log entries.",
      .planned(with: "the intake of security reports")),
    Promise(
      "A47", .research, "E",
      "We pay no bounty, and give public credit to those who want it.",
      because: "An entry in the hall of fame needs consent and can be withdrawn.",
      test: "Look for the consent behind an entry.",
      .planned(with: "the intake of security reports")),
    Promise(
      "A48", .research, "D/P",
      "We work with researchers on the timeline of disclosure.",
      because: "Agreed dates, and figures on how they were kept.",
      test: "Read the figures.",
      .planned(with: "the intake of security reports")),
    Promise(
      "A49", .research, "E",
      "Scanners get rate-limited.",
      because: """
        A bucket of tokens for each actor, an honest 429 with Retry-After, and a token for research at a higher rate.
        """,
      test: "Send a burst: 429. Other tenants do not notice.",
      .checked()),
  ]
}
