/// What the pages, the feed and the notices of the register say.
enum SubprocessorsTexts {
  static let english = [publicList, words, changes, own, leave, notice].reduce(into: [:]) { all, part in
    all.merge(part) { first, _ in first }
  }

  private static let publicList: [String: String] = [
    "subprocessors_public_title": "Who else processes your data",
    "subprocessors_public_lead":
      "Nothing leaves this installation but to those who stand here as active, and to places that a customer chose for its own data. The list is what the gate reads, not a copy of it.",
    "subprocessors_as_of": "As of",
    "subprocessors_json": "The same for programs, with proofs",
    "subprocessors_feed": "Feed of changes",
    "subprocessors_trust": "What we promise",
    "subprocessors_none": "Nobody. This installation hands data to no other party.",
    "subprocessors_group_current": "Sub-processors",
    "subprocessors_group_current_lead": "Other parties that process data for us, each with written terms.",
    "subprocessors_group_coming": "Announced",
    "subprocessors_group_coming_lead":
      "Nothing goes there yet. Each starts {days} days after the last customer was told, at the earliest.",
    "subprocessors_group_own": "Systems of our own",
    "subprocessors_group_own_lead":
      "Run by the operator of this installation; no other party is involved. They stand here because the gate lets data through to them.",
    "subprocessors_own_places": "Configured as our own",
    "subprocessors_own_places_lead":
      "Systems that the operator's configuration marks as its own; no other party is involved.",
    "subprocessors_group_past": "Ended",
    "subprocessors_group_past_lead": "Nothing goes there any more.",
    "subprocessors_history": "History",
    "subprocessors_digest": "SHA-256 of what the gate lets through:",
    "subprocessors_log_index": "entry {index}",
    "subprocessors_log_entry": "Last log entry",
    "subprocessors_feed_title": "Changes of the sub-processors",
    "subprocessors_entry_of_log": "Entry {index} of the installation's log.",
  ]

  private static let words: [String: String] = [
    "subprocessors_entity": "Legal entity",
    "subprocessors_contact": "Contact",
    "subprocessors_purposes": "Purposes",
    "subprocessors_categories": "Kinds of data",
    "subprocessors_region": "Region",
    "subprocessors_hosts": "Reached at",
    "subprocessors_contract": "Contract",
    "subprocessors_contract_line": "signed {dated}, until {expires}; settles {clauses}",
    "subprocessors_clause_security": "security",
    "subprocessors_clause_confidentiality": "confidentiality",
    "subprocessors_clause_data-protection": "data protection",
    "subprocessors_clause_sub-processing": "sub-processing",
    "subprocessors_clause_audit": "audits",
    "subprocessors_clause_deletion": "deletion and return",
    "subprocessors_clause_breach-notice": "notice of breaches",
    "subprocessors_category_operational": "operational data",
    "subprocessors_category_content": "content",
    "subprocessors_category_personal": "personal data",
    "subprocessors_category_special": "special categories of personal data",
    "subprocessors_state_draft": "Draft",
    "subprocessors_state_announced": "Announced",
    "subprocessors_state_active": "Active",
    "subprocessors_state_suspended": "Suspended",
    "subprocessors_state_lapsed": "Off: contract lapsed",
    "subprocessors_state_ended": "Ended",
    "subprocessors_note_announced":
      "Customers are being told. The {days} days begin when the last notice has been sent.",
    "subprocessors_note_notified": "The last notice was sent on {sent}. It can start on {from} at the earliest.",
    "subprocessors_note_suspended": "Nothing goes there at present.",
    "subprocessors_note_lapsed": "The contract has ended, so nothing goes there.",
  ]

  private static let changes: [String: String] = [
    "subprocessors_change_announced": "announced; nothing goes there before {days} days after the last notice",
    "subprocessors_change_notified": "the last notice was sent, the {days} days run",
    "subprocessors_change_activated": "active",
    "subprocessors_change_suspended": "suspended",
    "subprocessors_change_lapsed": "suspended, because the contract has lapsed",
    "subprocessors_change_renewed": "contract renewed",
    "subprocessors_change_ended": "ended",
    "subprocessors_change_title_announced": "{name} is announced",
    "subprocessors_change_title_notified": "{name}: the notice period runs",
    "subprocessors_change_title_activated": "{name} is active",
    "subprocessors_change_title_suspended": "{name} is suspended",
    "subprocessors_change_title_lapsed": "{name} is off: its contract has lapsed",
    "subprocessors_change_title_renewed": "{name}: contract renewed",
    "subprocessors_change_title_ended": "{name} has ended",
  ]

  private static let own: [String: String] = [
    "subprocessors_title": "Sub-processors",
    "subprocessors_lead": "Who else may process your data, and what you say to it.",
    "subprocessors_public_link": "Public list and history",
    "subprocessors_leave_link": "Take everything and leave",
    "subprocessors_verdict_on": "Data of your organisation may go there for these purposes.",
    "subprocessors_verdict_off": "Nothing of your organisation goes there. {reason}",
    "subprocessors_object": "Object",
    "subprocessors_object_lead":
      "From the next call on, nothing of your organisation goes there. What needs it, such as e-mail, stops for you. If you cannot do without, here is the way out:",
    "subprocessors_reason": "Why do you object?",
    "subprocessors_object_submit": "Object for the organisation",
    "subprocessors_withdraw": "Take the objection back",
    "subprocessors_objected_on": "Your organisation objected on {when}:",
    "subprocessors_objected": "Your objection counts from now on. Nothing of your organisation goes there.",
    "subprocessors_withdrawn": "The objection has been taken back.",
    "subprocessors_destinations": "Destinations of your own",
    "subprocessors_destinations_lead":
      "Places that you choose yourself, such as a server that gets events. They are your providers, not ours; each use is on your record.",
    "subprocessors_destinations_none": "None so far.",
    "subprocessors_destination_add": "Choose a destination",
    "subprocessors_destination": "Host and port",
    "subprocessors_destination_hint": "Such as hooks.example.net:443.",
    "subprocessors_purpose": "Purpose",
    "subprocessors_purpose_hint": "A word such as webhook.",
    "subprocessors_destination_submit": "Choose it",
    "subprocessors_destination_chosen": "Data may go there from now on.",
    "subprocessors_destination_removed": "Nothing goes there any more.",
    "subprocessors_remove": "Remove",
    "subprocessors_regions": "Where your data may be processed",
    "subprocessors_regions_any": "Anywhere that the list names.",
    "subprocessors_regions_only": "Only in {regions}. Nothing goes to sub-processors elsewhere.",
    "subprocessors_regions_label": "Allowed regions",
    "subprocessors_regions_hint": "Short names as in the list, such as EU, DE. Empty for anywhere.",
    "subprocessors_regions_submit": "Save",
    "subprocessors_regions_chosen": "The regions count from the next call on.",
  ]

  private static let leave: [String: String] = [
    "subprocessors_leave_title": "Take everything and leave",
    "subprocessors_leave_lead": "You may go whenever you like, and need nobody's help for it.",
    "subprocessors_leave_take": "1. Take your data",
    "subprocessors_leave_take_lead":
      "Whole files, in formats that other programs read. Evidence and certificates are files of their own at the addresses in them.",
    "subprocessors_leave_keep": "2. Keep your certificates and receipts",
    "subprocessors_leave_keep_lead":
      "They verify offline and without us, with steward-verify and the installation's key at /.well-known/steward.vkey. Keep that key with them.",
    "subprocessors_leave_write": "3. Tell us",
    "subprocessors_leave_write_lead":
      "Filled in as far as we know it; complete what is in brackets and send it to whoever runs this installation.",
    "subprocessors_export_vendors": "Vendors",
    "subprocessors_export_cases": "Cases",
    "subprocessors_export_people": "People",
    "subprocessors_export_audit": "Audit trail, every entry",
    "subprocessors_letter_plain":
      "To the operator of {product}\n\n{tenant} ends its use of {product} on [day].\n\nPlease confirm that our data will be deleted, and by when. Refund for the time paid in advance: [amount, account].\n\n{person}, for {tenant}, {day}",
    "subprocessors_letter_objection":
      "To the operator of {product}\n\n{tenant} objects to the sub-processing by {names}, and ends its use of {product} on [day] because it cannot do without it.\n\nPlease confirm that none of our data went there, that it will be deleted, and by when. Refund for the time paid in advance: [amount, account].\n\n{person}, for {tenant}, {day}",
  ]

  private static let notice: [String: String] = [
    "mail_subprocessor_notice_subject": "A new sub-processor is announced: {name}",
    "mail_subprocessor_notice_text": """
    We plan to have data of your organisation processed by another party: {name}.

    What it is to do: {what}
    Who it is: {entity}, {address}
    Kinds of data: {categories}
    Region: {region}

    Nothing goes there before {days} days after the last customer was sent this notice. Until then and at any time later you may object; then nothing of your organisation goes there.

    {link}
    """,
    "mail_subprocessor_notice_action": "Look at it, or object",
  ]
}
