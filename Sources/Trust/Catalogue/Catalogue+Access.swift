/// Who reaches what.
extension Catalogue {
  static let access: [Promise] = [
    Promise(
      "F6", .access, "E",
      "Access is given by role and for a business need, and nothing is open by default.",
      because: "Roles start empty; a grant has a scope, a reason and an end.",
      test: "Run the published matrix of roles and verbs as a test.",
      .planned(with: "grants with scope, reason and expiry")),
    Promise(
      "F7", .access, "E",
      "Few people can reach production, and nobody has standing access.",
      because: "Operators are a named, signed list; a session needs the approval of a second key.",
      test: "Compare the list and its hash with this page; a key that is not on it is refused.",
      .planned(with: "operator access")),
    Promise(
      "F8", .access, "E",
      "Every access to production is logged, with its reason.",
      because: "One broker is the only way in; each session is a numbered entry of a transparency log.",
      test: "Read the accesses to your own tenant; a gap in the sequence can be seen.",
      .planned(with: "operator access")),
    Promise(
      "F29", .access, "E",
      """
      In your organisation access follows roles: every role reaches what the published permission matrix gives it, \
      and nothing else.
      """,
      because: """
        One table of routes names the permission of each; one table of grants names the roles that hold it. The check \
        walks every route as every role.
        """,
      test: "Read the permissions at /openapi.json, call every route as every role, and compare.",
      .checked()),
    Promise(
      "F33", .access, "P",
      "Access is reviewed at regular intervals.",
      because: "A review has a due date, and a grant that nobody reviewed ends by itself.",
      test: "Let the due date pass: the status turns stale.",
      .planned(with: "access reviews")),
    Promise(
      "A14", .access, "E",
      "The people you invite get the roles you give them, and no others.",
      because: """
        Roles are written with the invitation, in one entry of the log, and every request is decided from them. The \
        check invites a person for each role and compares what they can reach with the matrix.
        """,
      test: "Invite somebody as an auditor, sign in as them, and try to change something.",
      .checked()),
    Promise(
      "A15", .access, "E",
      "A new user sees nothing but their own account until you give them something to see.",
      because: """
        A person without a grant holds no permission at all; the check walks every route as such a person and finds \
        nothing but empty lists and “not found”.
        """,
      test: "Invite a member without any grant and crawl every route as them.",
      .checked()),
    Promise(
      "A18", .access, "E",
      "Exactly two named operators can act on the platform.",
      because: """
        A signed set of two keys; a third is refused, and a change is a public log entry and a notice to every tenant.
        """,
      test: "Count the keys in the published set; try to add a third in the demo.",
      .planned(with: "operator access")),
    Promise(
      "A19", .access, "E",
      "Every action in production is logged and can be reviewed.",
      because: """
        The log of each session holds the hash of its transcript; a review has a due date and a reviewer.
        """,
      test: "Pick any session and look up who reviewed it.",
      .planned(with: "operator access")),
  ]
}
