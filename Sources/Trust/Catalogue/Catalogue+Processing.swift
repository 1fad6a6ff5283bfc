/// On whose instructions data is processed.
extension Catalogue {
  static let processing: [Promise] = [
    Promise(
      "F1", .processing, "P",
      """
      For your data we are mostly a processor, or service provider: we work for you, and the few activities in which \
      we decide ourselves are listed apart.
      """,
      because: """
        Every processing activity carries the role in which it is done; the records under Article 30(1) and 30(2) are \
        written from that list.
        """,
      test: "Read the two records of processing activities, and see that every job names its role.",
      .planned(with: "the record of processing activities")),
    Promise(
      "F2", .processing, "E",
      """
      Customer data is processed only on the customer's documented instructions; the platform sets neither purposes \
      nor means of its own.
      """,
      because: """
        Every job and every call to a provider names the instruction that covers it and its purpose; without one it is \
        refused.
        """,
      test: """
        Submit a job without an instruction: it is refused and the refusal is logged. Sample the log for jobs without \
        one.
        """,
      .planned(with: "the register of instructions")),
    Promise(
      "F3", .processing, "E",
      """
      You decide which data is processed: a field that you have turned off is not written, not sent to any provider \
      and not exported.
      """,
      because: "Each module declares its fields; fields that are off or unknown are refused at every door.",
      test: """
        Turn a field off, then try to write it, send it to an AI provider and export it: each attempt is refused.
        """,
      .planned(with: "field settings per tenant")),
    Promise(
      "F4", .processing, "E",
      "You decide the workflows and what is done: we can neither start one of your cases nor change it.",
      because: """
        Templates belong to the tenant and are versioned; a case takes commands from the tenant's own people only.
        """,
      test: """
        Try to start a case with an operator's token: it is refused. Look through the log of any case: its actors are \
        all yours.
        """,
      .planned(with: "operator access")),
    Promise(
      "F5", .processing, "E",
      "You decide which evidence a step needs and how long it is kept.",
      because: """
        Rules of evidence and retention stand in the template, and a case keeps the version it was opened with.
        """,
      test: """
        Close a step without its evidence: it is refused. Change the template while a case runs: the case does not \
        change.
        """,
      .planned(with: "tenant-owned templates")),
    Promise(
      "F34", .processing, "E",
      "We process what you instruct us to process, and nothing else.",
      because: "The same mechanism as F2, and the same check: both turn red together.",
      test: "As for F2: submit a job without an instruction and see it refused.",
      .planned(with: "the register of instructions")),
  ]
}
