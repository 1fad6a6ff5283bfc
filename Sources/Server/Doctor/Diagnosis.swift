import Custody
import Egress
import Platform

/// One thing that was looked at: how it stands, and one sentence that says so and what to do.
package struct Diagnosis: Sendable, Equatable {
  package enum Grade: String, Sendable, Comparable {
    case good, unknown, warning, bad

    private var rank: Int { [.good: 0, .unknown: 1, .warning: 2, .bad: 3][self] ?? 0 }
    package static func < (a: Grade, b: Grade) -> Bool { a.rank < b.rank }
  }

  package let topic: String
  package let grade: Grade
  package let sentence: String

  package init(_ topic: String, _ grade: Grade, _ sentence: String) {
    self.topic = topic
    self.grade = grade
    self.sentence = sentence
  }

  package var json: JSON {
    ["topic": .string(topic), "grade": .string(grade.rawValue), "sentence": .string(sentence)]
  }
}

/// Looks at the machine, the files and the keys of an installation. Reads only, except for the small file that it writes and removes
/// to measure the disk; runs beside a running server.
package struct Doctor: Sendable {
  let settings: Settings
  let clock: any StewardClock
  let machine: Machine

  package init(_ settings: Settings, clock: any StewardClock = SystemClock()) {
    self.init(settings, clock: clock, machine: Machine())
  }

  init(_ settings: Settings, clock: any StewardClock, machine: Machine) {
    self.settings = settings
    self.clock = clock
    self.machine = machine
  }

  package func examine() -> [Diagnosis] {
    versions() + directories() + database() + keys() + secrets() + time() + disk() + volumes() + [descriptors()]
      + services()
  }

  // MARK: Versions

  private func versions() -> [Diagnosis] {
    [
      Diagnosis("versions", .good, "This is Steward \(StewardVersion.current)."), sqlite(),
      Diagnosis(
        "versions", .good, "\(LinkedCurl.version); the listener's TLS is the BoringSSL that is built into this program."
      ),
    ]
  }

  private func sqlite() -> Diagnosis {
    let note =
      LinkedSQLite.hasWALResetFault
      ? " Before 3.51.3 a WAL can be damaged if two connections checkpoint: Steward lets only one; open its databases with nothing else."
      : ""
    return Diagnosis("versions", .good, "SQLite \(LinkedSQLite.version).\(note)")
  }

  // MARK: Files

  private func directories() -> [Diagnosis] {
    var found = [
      privacy("data", settings.data, "the data directory"),
      settings.keyLocation.directory.flatMap { privacy("keys", $0, "the key directory") },
    ].compactMap(\.self)
    if let facts = FileFacts(of: settings.data), machine.user != 0, facts.owner != machine.user {
      found.append(
        Diagnosis("data", .warning, "The data belongs to another user; run this as the user that Steward runs as."))
    }
    if let newest = found.map(\.grade).max(), newest == .good {
      found.append(Diagnosis("data", .good, "Data and keys can be read by their owner only."))
    }
    return found
  }

  private func privacy(_ topic: String, _ path: String, _ what: String) -> Diagnosis? {
    guard let facts = FileFacts(of: path) else {
      return Diagnosis(topic, .bad, "There is no \(path), \(what); make it with steward init, or correct the path.")
    }
    guard facts.kind == .directory else { return Diagnosis(topic, .bad, "\(path) is not a directory; name one.") }
    guard facts.mode & 0o077 == 0 else {
      return Diagnosis(topic, .bad, "Others can look into \(path); run chmod 0700 \(path).")
    }
    return Diagnosis(topic, .good, "\(path) is there and closed to others.")
  }

  private func secrets() -> [Diagnosis] {
    [
      ("the key of the certificate", settings.tls?.key), ("the mail password", settings.mail?.password),
      ("the key of the object store", settings.files?.secretKey),
    ].compactMap { what, secret in
      guard let secret else { return nil }
      if let fault = secret.fault() {
        // Credentials exist for the service alone: from a shell they cannot be seen.
        let isOutOfSight = secret.path == nil
        return Diagnosis("secrets", isOutOfSight ? .unknown : .bad, fault)
      }
      return Diagnosis("secrets", .good, "The file of \(what) can be read, and by nobody else.")
    }
  }

  // MARK: Limits

  private func descriptors() -> Diagnosis {
    guard let limit = machine.descriptorLimit else {
      return Diagnosis("limits", .unknown, "How many files may be open is not known here.")
    }
    guard limit >= 4_096 else {
      return Diagnosis(
        "limits", .warning,
        "Only \(limit) files and connections may be open at a time in this session; set LimitNOFILE=65536 in the unit.")
    }
    return Diagnosis("limits", .good, "\(limit) files and connections may be open at a time in this session.")
  }
}
