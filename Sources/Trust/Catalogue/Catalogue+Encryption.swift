/// How data and secrets are sealed, at rest and on the way.
extension Catalogue {
  static let encryption: [Promise] = [
    Promise(
      "F9", .encryption, "E/O",
      "Data on its way to and from this installation is protected by TLS 1.2 or later.",
      because: """
        The listener offers TLS 1.3 only unless its operator writes otherwise; links inside the installation are held \
        to the same.
        """,
      test: "openssl s_client -tls1_1 and -tls1_2 against this host.",
      .checked()),
    Promise(
      "F10", .encryption, "E",
      "Your data is encrypted at rest with AES-256.",
      because: """
        What a customer types or uploads is sealed with AES-256-GCM under keys of its tenant before it is written. The \
        check plants random markers through the API, looks for them in the bytes of every file of the installation and, where \
        PostgreSQL holds the data, in every column of every row written since, and opens a known answer.
        """,
      test: """
        Enter a word nobody else would, copy the data directory, and search it for the word with strings and grep.
        """,
      .checked()),
    Promise(
      "F11", .encryption, "E",
      "Encryption keys are kept in a managed key store.",
      because: """
        The root key is wrapped by a key management service and every other key is sealed under it. The check has the service unwrap \
        it, tries it under another installation's name, and looks for keys in the key store and in databases. An installation whose root key \
        lies in a file, a token or a passphrase never reads proven here.
        """,
      test: """
        Dump database, key store and configuration: no key is in them. Disable the key at the service: the server does not start.
        """,
      .checked()),
    Promise(
      "F22", .encryption, "O",
      "All connections to this installation use TLS 1.2 or later with weak cipher suites turned off.",
      because: """
        A scan of our own listener, at least daily, sends hellos of every version from SSL 3.0 on with every family of suites \
        and reads what is agreed to. Where TLS ends at a proxy before us, the sentence reads unknown.
        """,
      test: "Run a scanner of your own against this host.",
      .checked()),
    Promise(
      "F23", .encryption, "E",
      "In databases and backups, what you type or upload is encrypted with AES-256.",
      because: """
        A backup is sealed chunk by chunk, with the key's id in its header; there is no way to write one in the clear. The \
        check plants markers, opens stored rows, makes a real backup, reads its headers, searches its bytes, and tries it with \
        its key and with another.
        """,
      test: "Look at the header of a backup; try to restore it without its key.",
      .checked()),
    Promise(
      "F24", .encryption, "E",
      "Secrets are kept in a vault and can be used only by the identity they were given to.",
      because: "A grant names the identity of a workload and a purpose.",
      test: "Ask for a secret as another module: it is denied, and the denial is on the log.",
      .planned(with: "the secrets vault, a module that this version does not have")),
    Promise(
      "F25", .encryption, "E",
      "Application code never touches your credentials.",
      because: """
        A broker signs and sends on the caller's behalf; modules hold handles, and no verb reads a secret.
        """,
      test: "Look for a read verb in the API; search the memory of the process for a planted secret.",
      .planned(with: "the secrets vault")),
    Promise(
      "F26", .encryption, "E",
      """
      Transactional e-mail goes out over TLS, through Microsoft Graph with certificate-based authentication.
      """,
      because: """
        The mail adapter signs its client assertion with a certificate; there is no way back to plain text.
        """,
      test: "Point it at a server without TLS: the message is held. Inspect the assertion and the headers.",
      .planned(with: "e-mail send-out")),
    Promise(
      "A5", .encryption, "E",
      "Connections use TLS 1.3.",
      because: """
        1.3 is the lowest version offered unless the operator writes minimum = 1.2, which turns this sentence red.
        """,
      test: "openssl s_client -tls1_2 fails.",
      .checked()),
    Promise(
      "A6", .encryption, "E",
      "Browsers are told to use HTTPS only (HSTS).",
      because: "The header is on every answer, for a year or longer, with preload.",
      test: "curl -I, and read Strict-Transport-Security.",
      .checked()),
    Promise(
      "A7", .encryption, "O",
      "No deprecated ciphers are offered.",
      because: "The same scan as F22; it looks for every suite that is agreed to, one after another.",
      test: "Run a scanner of your own against this host.",
      .checked()),
    Promise(
      "A8", .encryption, "O",
      "Public TLS laboratories grade this host A+.",
      because: """
        Our own scorer follows their published rules; the sentence reads proven only with a stored external report \
        that is fresh.
        """,
      test: "Run a public TLS test; a lower grade makes this sentence stale.",
      .planned(with: "external TLS reports")),
    Promise(
      "A9", .encryption, "E",
      "What you type or upload is encrypted with AES-256 on every volume and in every backup of the database.",
      because: """
        The application seals data and backups itself with AES-256-GCM, which holds whatever the volume underneath does. The \
        check plants markers, searches what lies on the volumes of data and keys, all rows that PostgreSQL was handed since where it holds \
        the data, and a real backup, and finds none of them.
        """,
      test: "Take a volume or a backup away and try to read it.",
      .checked()),
    Promise(
      "A10", .encryption, "E",
      """
      Each tenant's content is encrypted by the application itself, under keys of that tenant: what belongs to one \
      tenant does not open as another's.
      """,
      because: """
        The key of every row is derived from its subject key, tenant, table and id. The check takes stored rows of two \
        tenants, opens each where it belongs, and tries each in the other's place and with the other's key.
        """,
      test: "Swap the ciphertexts of two tenants' rows in a copy of the database and try to open them.",
      .checked()),
    Promise(
      "A11", .encryption, "E",
      "Tokens for other services are kept in the vault, and nowhere else.",
      because: "The vault has the only column type for secrets; the schema forbids them elsewhere.",
      test: "Scan a dump of the database for high-entropy strings.",
      .planned(with: "the secrets vault")),
    Promise(
      "A12", .encryption, "E",
      "The key of the vault is not kept beside the data.",
      because: """
        It is unwrapped by a key service on another machine, and what that is asked with lies on no disk of this one. An installation whose \
        root key lies in a file never reads proven here.
        """,
      test: "Take the database and the disk image: nothing opens.",
      .checked()),
    Promise(
      "A13", .encryption, "E",
      "Operators see no more of a secret than its masked tail.",
      because: """
        The API gives the last four characters of a long secret, and none of a short one, in one constant shape; no \
        verb reveals it, not even to an administrator.
        """,
      test: "Try every verb with an operator's token; read the log of what was shown.",
      .planned(with: "the secrets vault")),
  ]
}
