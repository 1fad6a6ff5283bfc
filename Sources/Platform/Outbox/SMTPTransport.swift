import Custody
import Egress
import Kernel
import Ledger

/// Sends through a mail server, over TLS or not at all.
package struct SMTPTransport: MailTransport {
  private let settings: SMTPSettings
  private let host: EgressHost
  private let rules: EgressRules
  private let egress: EgressGate

  /// Throws for settings that cannot work.
  package init(_ settings: SMTPSettings, egress: EgressGate) throws {
    self.settings = settings
    self.egress = egress
    do { host = try EgressHost(settings.host) } catch {
      throw Problem.invalid("mail.smtp.host", "Name the mail server as mail.example.com; \(settings.host) is no host.")
    }
    let ranges = settings.allowedPrivateAddresses.map { (text: $0, range: Egress.AddressRange($0)) }
    if let wrong = ranges.first(where: { $0.range == nil }) {
      throw Problem.invalid("mail.smtp.allow", "Write a range of addresses as 10.0.0.0/8, not \(wrong.text).")
    }
    rules = EgressRules(hosts: settings.isOwn ? [host] : [], ranges: ranges.compactMap(\.range))
  }

  package func admit(_ mail: OutgoingMail) async throws -> EgressPermit? {
    try await egress.admit(
      EgressIntent(
        tenant: mail.tenant, module: "mail", purpose: mail.purpose, categories: ["personal", "content"], count: 1,
        host: host.description, port: settings.port))
  }

  package func deliver(_ mail: OutgoingMail, under disclosure: Disclosure?) async -> MailOutcome {
    guard let disclosure else { return .held(.notAdmitted, said: nil) }
    var letter: SMTPLetter
    do {
      letter = try SMTPLetter(
        host: host, port: settings.port, security: settings.security == .implicit ? .implicit : .starttls,
        greeting: mail.from.domain.lowercased(), from: mail.from.address, to: [mail.to.address],
        bytes: MailFormat.bytes(of: mail))
    } catch { return .refused(.address, said: error.sentence) }
    letter.limits.connectSeconds = MailLimits.connectSeconds
    letter.limits.totalSeconds = MailLimits.totalSeconds
    letter.limits.stalledSeconds = MailLimits.stalledSeconds
    letter.caFile = settings.caFile
    if let user = settings.user {
      guard let password = password() else {
        return .held(.credentials, said: "The file with the mail server's password cannot be read.")
      }
      (letter.user, letter.password) = (user, password)
    }
    return SMTPTransport.outcome(await egress.deliver(letter, rules: rules, under: disclosure))
  }

  /// The first line of the file.
  private func password() -> SecretBytes? {
    guard let path = settings.passwordFile, let bytes = try? DurableFile.read(path) else { return nil }
    return SecretBytes(bytes.prefix { $0 != 10 && $0 != 13 })
  }

  private static func outcome(_ outcome: SMTPOutcome) -> MailOutcome {
    switch outcome {
    case .accepted(let said): .sent(said: said)
    case .declined(true, let said): .refused(.refused, said: said)
    case .declined(false, let said): .later(.deferred, said: said)
    case .unknown: .unknown(said: nil)
    case .notSent(let fault): notSent(fault)
    }
  }

  private static func notSent(_ fault: EgressFault) -> MailOutcome {
    switch fault {
    case .noTLS: .held(.noTLS, said: nil)
    case .certificate, .configuration: .held(.certificate, said: nil)
    case .credentials: .held(.credentials, said: nil)
    case .refused(.notFound), .refused(.tooBusy): .later(.unreachable, said: nil)
    case .refused(let refusal): .held(.forbiddenPlace, said: refusal.sentence)
    case .unreachable, .timeout, .tooLarge, .broken: .later(.unreachable, said: nil)
    }
  }
}
