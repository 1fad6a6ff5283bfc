/// What stands in every message. A module's messages stand with its own texts.
enum MailTexts {
  static let english: [String: String] = [
    "mail_footer":
      "Sent by Steward because something in your organisation concerns you. Answers to this address are not read."
  ]
}
