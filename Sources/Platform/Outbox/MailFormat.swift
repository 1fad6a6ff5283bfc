import Kernel

/// A message as bytes: RFC 5322 headers, RFC 2047 encoded words, RFC 2046 alternatives in quoted-printable. Seven bits, lines of at
/// most 78 characters, CRLF everywhere. The same message gives the same bytes but for the mark of a repetition.
enum MailFormat {
  static func bytes(of mail: OutgoingMail) -> [UInt8] {
    let boundary = "=_steward_\(mail.id)"
    var lines = [
      "Date: \(date(mail.date))", "From: \(mailbox(mail.from))", "To: \(mailbox(mail.to))",
      header("Subject", mail.subject), "Message-ID: <\(mail.wireID)>", "MIME-Version: 1.0",
      // RFC 3834 §5: no answers from absent people, please.
      "Auto-Submitted: auto-generated",
    ]
    if mail.isRepeat { lines.append("Steward-Attempt: \(mail.attempt); possibly repeated") }
    lines += [
      "Content-Type: multipart/alternative;", " boundary=\"\(boundary)\"", "", "--\(boundary)",
      "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "",
      quotedPrintable(mail.text), "--\(boundary)", "Content-Type: text/html; charset=utf-8",
      "Content-Transfer-Encoding: quoted-printable", "", quotedPrintable(mail.html), "--\(boundary)--", "",
    ]
    return Array(lines.joined(separator: "\r\n").utf8)
  }

  /// "Sat, 21 Nov 2026 12:51:19 +0000" (RFC 5322 §3.3).
  static func date(_ instant: Instant) -> String {
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let (year, month, day) = instant.day.civil
    let time = instant.description.dropFirst(11).prefix(8)
    return "\(days[(instant.day.daysSince1970 + 4) % 7]), \(day) \(months[month - 1]) \(year) \(time) +0000"
  }

  /// `Anna Berg <anna@acme.example>`; the name quoted or encoded where it needs to be.
  static func mailbox(_ address: MailAddress) -> String {
    guard !address.name.isEmpty else { return "<\(address.address)>" }
    let name = address.name
    if isPlain(name), name.utf8.count <= 60 {
      let escaped = name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
      return "\"\(escaped)\"\r\n <\(address.address)>"
    }
    return encodedWords(name) + "\r\n <\(address.address)>"
  }

  static func header(_ name: String, _ value: String) -> String {
    let value = MailText.flat(value)
    if isPlain(value), name.utf8.count + value.utf8.count <= 74 { return "\(name): \(value)" }
    return "\(name):\r\n \(encodedWords(value))"
  }

  private static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { (32...126).contains($0) } && !text.contains("=?")
  }

  /// Base64 words of at most 75 characters, split between characters, one on a line (RFC 2047 §2).
  static func encodedWords(_ text: String) -> String {
    var words: [[UInt8]] = [[]]
    for scalar in text.unicodeScalars {
      let bytes = Array(String(scalar).utf8)
      if (words.last?.count ?? 0) + bytes.count > 45 { words.append([]) }
      words[words.count - 1] += bytes
    }
    return words.map { "=?utf-8?B?\(Base64.encode($0))?=" }.joined(separator: "\r\n ")
  }

  /// RFC 2045 §6.7.
  static func quotedPrintable(_ text: String) -> String {
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    return lines.map(quotedLine).joined(separator: "\r\n")
  }

  private static func quotedLine(_ line: Substring) -> String {
    let bytes = Array(line.utf8)
    var (out, width) = ("", 0)
    for (position, byte) in bytes.enumerated() {
      let isBlank = byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
      let isLiteral =
        isBlank ? position + 1 < bytes.count : (33...126).contains(byte) && byte != UInt8(ascii: "=")
      let piece = isLiteral ? String(Unicode.Scalar(byte)) : "=" + Hex.encode([byte]).uppercased()
      if width + piece.utf8.count > 75 {
        out += "=\r\n"
        width = 0
      }
      out += piece
      width += piece.utf8.count
    }
    return out
  }
}
