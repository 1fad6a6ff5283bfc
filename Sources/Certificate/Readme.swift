import Kernel

/// The text that explains a bundle to whoever opens it, with or without our tool.
enum Readme {
  static func text(statement: JSON, origin: String) -> String {
    let vendor = Words.line(statement["vendor"]?["name"]?.string)
    let tenant = Words.line(statement["tenant"]?["name"]?.string)
    let issued = Words.line(statement["issued_at"]?.string)
    return """
      CERTIFICATE OF OFFBOARDING
      \(vendor), left by \(tenant). Issued \(issued).
      Log: \(origin)

      WHAT THIS BUNDLE PROVES
      - The statement in statement.json was recorded in the log named above, and has not changed since.
      - The log holds every entry of the case that is in entries.jsonl, from its opening to this certificate, without a gap.
      - Who did what and when, which evidence with which SHA-256 and grade was there before each step was completed, and who
        approved it, follow from those entries by the rules of the template, which is itself on the record.

      WHAT IT DOES NOT PROVE
      - That a vendor's words are true: that is what the grades of the evidence are for.
      - What is in the evidence files: the bundle holds their SHA-256, not the files.
      - That no second chain of entries for the same case exists: the log has no object map yet.
      - Whose log it is, unless you pin the installation key (steward.vkey) that you got in another way than with this bundle.

      GRADES OF EVIDENCE
      \(Grade.allCases.map { "\($0.rawValue)  \($0.meaning)" }.joined(separator: "\n"))

      HOW TO VERIFY WITH OUR TOOL (offline, one file)
          steward-verify --key steward.vkey certificate.zip
      Exit code 0: verified. 1: not verified. 2: not usable. 3: intact, but the signer is not identified (no key pinned).
      If the installation has changed its key since you got steward.vkey, or before, add --chain steward.chain: its statements
      lead from one key to the other, and it is at /.well-known/steward.chain of the installation.

      HOW TO VERIFY WITHOUT IT
      1. unzip certificate.zip. For every line of manifest.note with three fields compare sha256sum and size of the file named.
      2. log-key.note, the checkpoint at the end of statement.tlog-proof (behind its empty line) and manifest.note are signed notes
         (C2SP signed-note). Open them with golang.org/x/mod/sumdb/note: log-key.note with the line in steward.vkey, the
         other two with the third line of log-key.note.
      3. In statement.tlog-proof, base64-decode what follows "extra ": the last line, from "{" on, is the entry of the certificate.
         SHA-256(0x00 || entry) is its leaf hash; tlog.CheckRecord of golang.org/x/mod/sumdb/tlog verifies it with the index
         and hashes of the proof against the size and root of the checkpoint.
      4. Each line of entries.jsonl is verified the same way: the leaf is the value of "entry", byte for byte.
      5. Each disclosed fact: SHA-256(salt || fact as RFC 8785 JSON), in base64, is in "commitments" of its entry. statement.json is
         disclosed like that by the last entry.
      6. Follow the entries: ordinals 0, 1, 2 ... without gaps, "previous" is the index of the one before; then read the facts
         against the template in the first of them.
      The formats are described in docs/format.md of Steward.

      """
  }
}

/// Texts of strangers, made fit for one line of a plain text.
package enum Words {
  /// Control, format and separator characters become U+FFFD: a name can neither break a line nor steer a terminal.
  package static func line(_ text: String?) -> String {
    var out = String.UnicodeScalarView()
    for scalar in (text ?? "").unicodeScalars { out.append(isPlain(scalar) ? scalar : "\u{fffd}") }
    return String(out)
  }

  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: false
    default: true
    }
  }
}
