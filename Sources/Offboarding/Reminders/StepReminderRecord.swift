import Platform

/// The day on which a step was last reminded of. On the record, so that nobody gets two mails about a step in one day.
package struct StepReminderRecord: Record {
  package static let table = Table(
    "step_reminder", .primary,
    columns: [
      Column("reminded_on", .text, .operational, purpose: "day of the last reminder", nullable: false),
      Column("count", .integer, .operational, purpose: "how many days it was reminded of", nullable: false),
    ], retention: "with the case")

  package let step: StepID
  package let remindedOn: Day
  package let count: Int

  package init(step: StepID, remindedOn: Day, count: Int) {
    self.step = step
    self.remindedOn = remindedOn
    self.count = count
  }

  package init(_ row: OpenedRow) throws {
    step = try row.keyID()
    remindedOn = Day(try row.text("reminded_on")) ?? Day(daysSince1970: 0)
    count = Int(try row.integer("count"))
  }

  package var key: String { step.text }
  package var plain: [String: Value] { ["reminded_on": remindedOn.value, "count": count.value] }
  package var content: [String: CBOR] { [:] }
}
