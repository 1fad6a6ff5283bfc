import Kernel
import Web

/// A draft put into words: subject, plain text, HTML, and the text as it may be shown to others than the recipient.
///
/// A template is paragraphs with an empty line between them. Holes are filled in one pass, so a value that looks like a hole stays
/// what it is; a value keeps to its line; in HTML it is escaped. A paragraph that is one hole with an address in it becomes a link.
struct MailText: Sendable, Equatable {
  /// Bytes of a text.
  static let maximumBytes = 64 << 10
  /// Characters of a subject.
  static let maximumSubjectLength = 200
  static let mask = "•••"

  let subject: String
  let text: String
  let html: String
  /// `text` with every secret masked.
  let shown: String

  init(_ draft: MailDraft, texts: Texts) throws {
    let (subjectKey, textKey) = ("mail_\(draft.template)_subject", "mail_\(draft.template)_text")
    guard texts.has(subjectKey), texts.has(textKey) else {
      throw Problem(.internal, "There is no such message.", detail: draft.template)
    }
    let open = draft.values.mapValues(MailText.flat)
    let all = open.merging(draft.secrets.mapValues(MailText.flat)) { _, secret in secret }
    let masked = open.merging(draft.secrets.mapValues { _ in MailText.mask }) { _, mask in mask }
    subject = String(MailText.fill(texts(subjectKey), masked).prefix(MailText.maximumSubjectLength))
    let paragraphs = MailText.paragraphs(texts(textKey))
    let footer = texts("mail_footer")
    text = MailText.plain(paragraphs + ["-- \n" + footer], all)
    shown = MailText.plain(paragraphs, masked)
    html = MailText.document(
      paragraphs, all, action: texts("mail_\(draft.template)_action"), subject: subject, footer: footer)
    guard text.utf8.count <= MailText.maximumBytes, html.utf8.count <= 2 * MailText.maximumBytes else {
      throw Problem(.tooLarge, "The message is longer than \(MailText.maximumBytes) bytes; say less in it.")
    }
  }

  /// One line, without control characters.
  static func flat(_ value: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in value.unicodeScalars {
      let category = scalar.properties.generalCategory
      out.append([.control, .lineSeparator, .paragraphSeparator].contains(category) ? " " : scalar)
    }
    return String(out)
  }

  /// `{name}` → its value; an unknown hole stays as it is.
  static func fill(_ template: String, _ values: [String: String]) -> String {
    var out = ""
    var rest = template[...]
    while let opening = rest.firstIndex(of: "{") {
      out += rest[..<opening]
      let inside = rest[rest.index(after: opening)...]
      if let closing = inside.firstIndex(of: "}"), let value = values[String(inside[..<closing])] {
        out += value
        rest = inside[inside.index(after: closing)...]
      } else {
        out += "{"
        rest = inside
      }
    }
    return out + rest
  }

  private static func paragraphs(_ template: String) -> [String] {
    template.split(separator: "\n\n").map { $0.trimmed }.filter { !$0.isEmpty }
  }

  private static func plain(_ paragraphs: [String], _ values: [String: String]) -> String {
    paragraphs.map { fill($0, values) }.joined(separator: "\n\n") + "\n"
  }

  // MARK: HTML

  /// Tables of attributes and a few inline styles: what every mail client shows alike. Nothing is loaded from anywhere.
  private static func document(
    _ paragraphs: [String], _ values: [String: String], action: String, subject: String, footer: String
  ) -> String {
    let body = paragraphs.map { paragraph($0, values, action: action) }.joined(separator: "\n")
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>\(subject.htmlEscaped)</title></head>
      <body style="margin:0;padding:24px 12px;background:#f3f4f1;color:#1c211d;font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif">
      <table role="presentation" width="100%" cellspacing="0" cellpadding="0"><tr><td align="center">
      <table role="presentation" width="100%" cellspacing="0" cellpadding="0" style="max-width:560px;background:#ffffff;border:1px solid #dde0da;border-radius:10px"><tr><td style="padding:28px 30px">
      \(body)
      </td></tr></table>
      <p style="max-width:560px;margin:16px auto 0;color:#5d665f;font-size:13px;text-align:left">\(footer.htmlEscaped)</p>
      </td></tr></table>
      </body></html>

      """
  }

  private static func paragraph(_ template: String, _ values: [String: String], action: String) -> String {
    if template.hasPrefix("{"), template.hasSuffix("}"), let address = values[String(template.dropFirst().dropLast())],
      address.hasPrefix("https://") || address.hasPrefix("http://")
    {
      let escaped = address.htmlEscaped
      return """
        <p style="margin:0 0 18px"><a href="\(escaped)" style="display:inline-block;padding:10px 18px;border-radius:8px;background:#1f5c46;color:#ffffff;text-decoration:none;font-weight:600">\(action.htmlEscaped)</a></p>
        <p style="margin:0 0 18px;font-size:13px;color:#5d665f;word-break:break-all">\(escaped)</p>
        """
    }
    let lines = fill(template, values).htmlEscaped.replacing("\n", with: "<br>")
    return "<p style=\"margin:0 0 16px\">\(lines)</p>"
  }
}
