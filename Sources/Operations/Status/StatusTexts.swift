/// What the page of the status says.
enum StatusTexts {
  static let english: [String: String] = [
    "status_title": "Status",
    "status_lead":
      "Once a minute this installation writes to its tamper-evident log that it runs. What is missing stays missing: nobody can add it later.",
    "status_up": "It runs.",
    "status_quiet": "It answers, but nothing was written lately.",
    "status_last": "Last heartbeat {time}.",
    "status_never": "There is no heartbeat yet.",
    "status_day": "Last 24 hours",
    "status_month": "Last 30 days",
    "status_share": "{percent} % covered",
    "status_now": "now",
    "status_no_record": "no record yet",
    "status_grey": "Grey is the time before the record began. What is covered is counted from its beginning.",
    "status_gaps": "Gaps",
    "status_gap_from": "Last heard",
    "status_gap_until": "Heard again",
    "status_gap_length": "Length",
    "status_gap_reason": "What is known",
    "status_no_gaps": "None in the last 30 days, as far as the record reaches.",
    "status_reason_restart": "Stopped and started again",
    "status_reason_upgrade": "Stopped, and started again with another version",
    "status_reason_cut": "Ended without a word: killed, or the machine went down",
    "status_reason_silent": "The same process was silent: the machine slept, or could not write",
    "status_reason_now": "Nothing heard since",
    "status_how":
      "A gap is more than 150 seconds between two heartbeats; what is shorter, as most restarts are, is no gap.",
    "status_json": "The same for programs.",
  ]
}
