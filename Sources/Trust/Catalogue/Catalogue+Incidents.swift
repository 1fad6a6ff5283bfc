/// What happens when something goes wrong.
extension Catalogue {
  static let incidents: [Promise] = [
    Promise(
      "F56", .incidents, "P",
      "There is a documented process to detect incidents, respond to them and recover from them.",
      because: "A template for cases, and drills.",
      test: "Read the evidence of the last drill.",
      .planned(with: "incident response")),
    Promise(
      "F57", .incidents, "P",
      "We investigate and fix promptly.",
      because: "Each severity has its clock, and what is open has a plan.",
      test: "Read the number of overdue ones.",
      .planned(with: "incident response")),
    Promise(
      "F58", .incidents, "E/P",
      "We notify affected customers without undue delay.",
      because: "Becoming aware starts a clock, and a draft to every affected tenant is written at once.",
      test: "In a drill, a tenant gets the notice; compare the times.",
      .planned(with: "incident response")),
    Promise(
      "F59", .incidents, "E",
      "We notify within 72 hours where the law requires it.",
      because: "Deadlines are computed from events and escalated, and a missed one is published.",
      test: "Compute them again from the events.",
      .planned(with: "incident response")),
    Promise(
      "F60", .incidents, "E",
      "We help you to notify those you must notify.",
      because: """
        A pack with the fields of Article 33(3), and counts of subjects by tenant and jurisdiction, updated in phases.
        """,
      test: "Export the pack and check its fields.",
      .planned(with: "incident response")),
    Promise(
      "F61", .incidents, "P",
      "Every incident is reviewed afterwards.",
      because: "A case cannot be closed without a review and its actions.",
      test: "Try to close one without.",
      .planned(with: "incident response")),
  ]
}
