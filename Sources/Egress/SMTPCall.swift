import CCurl
import Kernel

/// A message for a mail server (RFC 5321). TLS always: from the first byte, or by STARTTLS before anything is said of the message.
package struct SMTPLetter: Sendable {
  package enum Security: Sendable { case implicit, starttls }

  package static let maximumBytes = 8 << 20

  package let host: EgressHost
  package let port: Int
  package let security: Security
  /// What the client calls itself.
  package let greeting: String
  package let from: String
  package let to: [String]
  package let bytes: [UInt8]
  package var user: String?
  package var password: SecretBytes?
  package var caFile: String?
  package var limits = EgressLimits()

  package init(
    host: EgressHost, port: Int, security: Security, greeting: String, from: String, to: [String], bytes: [UInt8]
  ) throws(EgressRefusal) {
    guard (1...65_535).contains(port) else { throw .badRequest("its port is no number from 1 to 65535") }
    guard !bytes.isEmpty, bytes.count <= SMTPLetter.maximumBytes, (1...100).contains(to.count) else {
      throw .badRequest("it is too large")
    }
    // What stands in a command must not be able to end it (RFC 5321 §4.1.1).
    guard ([from] + to).allSatisfy(SMTPLetter.isAddress), case .name? = try? EgressHost(greeting).kind else {
      throw .badRequest("an address or name in the envelope has a character that does not belong there")
    }
    guard SMTPLetter.hasCleanLines(bytes) else {
      throw .badRequest("its lines do not all end as lines do, or are too long")
    }
    self.host = host
    self.port = port
    self.security = security
    self.greeting = greeting
    self.from = from
    self.to = to
    self.bytes = bytes
  }

  private static func isAddress(_ text: String) -> Bool {
    (3...254).contains(text.utf8.count) && text.utf8.count { $0 == UInt8(ascii: "@") } == 1
      && text.utf8.allSatisfy { $0 > 32 && $0 < 127 && !#"<>()[],;:\""#.utf8.contains($0) }
  }

  /// No bare CR or LF: two readers would see two messages (SMTP smuggling). No NUL, at most 998 characters (RFC 5322 §2.1.1).
  private static func hasCleanLines(_ bytes: [UInt8]) -> Bool {
    var (length, previous): (Int, UInt8) = (0, 0)
    for byte in bytes {
      if byte == 0 || (byte == 10) != (previous == 13) { return false }
      length = byte == 10 ? 0 : length + 1
      if length > 999 { return false }
      previous = byte
    }
    return previous == 10
  }
}

package enum SMTPOutcome: Sendable, Equatable {
  /// The server has the message and answers for it (250).
  case accepted(said: String)
  /// It will not have it, now (4xx) or ever (5xx). Nothing was delivered.
  case declined(isPermanent: Bool, said: String)
  /// The message was not handed over; trying again does no harm.
  case notSent(EgressFault)
  /// All of it was handed over and no answer came: it may be delivered.
  case unknown(EgressFault)
}

enum SMTPCall {
  static func perform(_ letter: SMTPLetter, at addresses: [Address], _ done: (SMTPOutcome) -> Void) {
    guard let transfer = Transfer(pinned: addresses, limits: letter.limits) else {
      return done(.notSent(.configuration))
    }
    let scheme = letter.security == .implicit ? "smtps" : "smtp"
    transfer.prepare(
      url: "\(scheme)://\(letter.host.inURL):\(letter.port)/\(letter.greeting)", host: letter.host, port: letter.port,
      protocols: scheme, caFile: letter.caFile)
    // Without TLS curl says EHLO and STARTTLS and nothing else.
    transfer.set(CURLOPT_USE_SSL, Int(CURLUSESSL_ALL.rawValue))
    if let user = letter.user {
      transfer.set(CURLOPT_USERNAME, user)
      if let password = letter.password { transfer.set(CURLOPT_PASSWORD, secret: password) }
    }
    transfer.set(CURLOPT_MAIL_FROM, "<\(letter.from)>")
    transfer.set(CURLOPT_MAIL_RCPT, list: letter.to.map { "<\($0)>" })
    transfer.set(upload: letter.bytes)
    let code = transfer.perform()
    done(outcome(code, transfer))
    // Here the transfer ends, and with it the connection: its QUIT keeps nobody waiting for the outcome.
  }

  /// RFC 4954 §6: needed, too weak, wrong, only with encryption.
  private static let authenticationReplies: Set<Int> = [530, 534, 535, 538]

  private static func outcome(_ code: CURLcode, _ transfer: Transfer) -> SMTPOutcome {
    let said = transfer.headerLines.last ?? ""
    if code == CURLE_OK { return .accepted(said: said) }
    let fault = transfer.fault(code)
    let reply = transfer.info(CURLINFO_RESPONSE_CODE)
    if transfer.uploadHasEnded {
      // 354 was the last word before the message; a final answer is another one.
      return (400...599).contains(reply) ? .declined(isPermanent: reply >= 500, said: said) : .unknown(fault)
    }
    if authenticationReplies.contains(reply) { return .notSent(.credentials) }
    let isAboutMessage = code == CURLE_SEND_ERROR || code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_RECV_ERROR
    if isAboutMessage, (400...599).contains(reply) { return .declined(isPermanent: reply >= 500, said: said) }
    return .notSent(fault)
  }
}
