/// The words of reminders (see `MailDraft`).
enum ReminderTexts {
  static let english: [String: String] = [
    "mail_step_due_subject": "Due on {due}: {step} ({vendor})",
    "mail_step_due_text": """
    Hello {name},

    the step “{step}” of leaving {vendor} is due on {due}.

    {link}

    You get this because the step is assigned to you or because you opened the case. There is at most one such mail for each step and day.
    """,
    "mail_step_due_action": "Open the case",
    "mail_step_overdue_subject": "Overdue since {due}: {step} ({vendor})",
    "mail_step_overdue_text": """
    Hello {name},

    the step “{step}” of leaving {vendor} was due on {due} and is not complete.

    {link}

    You get this because the step is assigned to you or because you opened the case. There is at most one such mail for each step and day.
    """,
    "mail_step_overdue_action": "Open the case",
  ]
}
