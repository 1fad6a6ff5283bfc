import Custody
import Platform

/// What surrounds the server: TLS, mail, backups, and whether it runs.
extension Doctor {
  func services() -> [Diagnosis] { tls() + [mail(), files(), backup(), heartbeat()] }

  private func tls() -> [Diagnosis] {
    guard let tls = settings.tls else {
      return [
        settings.listen.isLoopback && settings.trustedProxies.isEmpty
          ? Diagnosis(
            "tls", .warning, "No certificate is set up: only this machine can connect; set up tls, or name a proxy.")
          : Diagnosis("tls", .good, "TLS ends at the proxy that is named in the configuration.")
      ]
    }
    let pair: CertificatePair
    do { pair = try CertificatePair(tls) } catch {
      return [
        Diagnosis("tls", .bad, (error as? Problem)?.message ?? "The certificate cannot be read; look at its file.")
      ]
    }
    let days = (pair.expires.milliseconds - clock.now.milliseconds) / 86_400_000
    if pair.expires < clock.now {
      return [Diagnosis("tls", .bad, "The certificate expired on \(pair.expires.day); renew it now.")]
    }
    return [
      Diagnosis(
        "tls", days < 14 ? .warning : .good,
        "Certificate and key belong together; it expires in \(days) days, on \(pair.expires.day)."
          + (days < 14 ? " Renew it." : ""))
    ]
  }

  private func mail() -> Diagnosis {
    settings.mail.map { Diagnosis("mail", .good, "Mail goes through \($0.host):\($0.port).") }
      ?? Diagnosis("mail", .warning, "No mail is set up: invitations and reminders reach nobody; fill in mail.")
  }

  private func files() -> Diagnosis {
    Diagnosis(
      "files", .good,
      settings.files.map { "Files go to the bucket \($0.bucket) of \($0.endpoint)." }
        ?? "Files lie where the rows lie.")
  }

  private func backup() -> Diagnosis {
    guard let backup = settings.backup else {
      return Diagnosis(
        "backup", .warning, "No backup is set up; name a place under backup, on another volume or machine.")
    }
    guard FileFacts(of: backup.place)?.kind == .directory else {
      return Diagnosis("backup", .bad, "The place of backups \(backup.place) cannot be reached; mount it.")
    }
    guard let newest = Doctor.newest(in: backup.place) else {
      return Diagnosis(
        "backup", .warning, "There is no backup in \(backup.place) yet; make one with steward backup create.")
    }
    let hours = (clock.now.milliseconds / 1_000 - newest) / 3_600
    return hours > 25
      ? Diagnosis(
        "backup", .bad, "The newest backup is \(hours) hours old; look at the log for why the nightly one is missing.")
      : Diagnosis("backup", .good, "The newest backup is \(max(0, hours)) hours old.")
  }

  private func heartbeat() -> Diagnosis {
    guard let inspection = inspection() else {
      return Diagnosis(
        "server", .unknown, "The record cannot be read by this user; run this as the user that Steward runs as.")
    }
    guard let last = inspection.heartbeat else {
      return Diagnosis("server", .warning, "There is no heartbeat yet; start the server.")
    }
    let seconds = (clock.now.milliseconds - last.milliseconds) / 1_000
    return seconds > 150
      ? Diagnosis(
        "server", .warning, "The last heartbeat is \(seconds / 60) minutes old; start the server, or look at its log.")
      : Diagnosis("server", .good, "The last heartbeat is \(max(0, seconds)) seconds old.")
  }
}

extension Doctor {
  /// Seconds since 1970 at which anything directly in `directory` changed last; nil if it is empty.
  private static func newest(in directory: String) -> Int64? {
    DirectoryList.names(in: directory).compactMap { FileFacts(of: directory + "/" + $0)?.modifiedSeconds }.max()
  }
}
