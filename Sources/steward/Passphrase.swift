import Custody
import Glibc
import Platform

/// Passphrases come from the terminal, without echo; where there is none, one line each from standard input. Never from a flag or the
/// environment, where others on the machine would see them.
enum Passphrase {
  /// An existing one, asked once.
  static func ask(_ prompt: String) throws -> SecretBytes {
    let passphrase = isatty(0) == 1 ? try TerminalLine.read(prompt) : try InputLine.read(prompt)
    guard passphrase.count > 0 else { throw Problem.invalid("passphrase", "The passphrase is empty; give it again.") }
    return passphrase
  }

  /// That of a recovery kit, asked for only where there is one.
  static func ask(ofKit file: String) throws -> SecretBytes {
    guard access(file, R_OK) == 0 else {
      throw Problem(
        .badRequest, "There is no recovery kit at \(file) that can be read: \(String(cString: strerror(errno))).")
    }
    return try ask("Passphrase of the recovery kit")
  }

  /// A new one, asked twice and held to the rule.
  static func askNew(_ prompt: String) throws -> SecretBytes {
    if isatty(0) == 1 {
      Terminal.say(
        "Choose a passphrase of at least \(PassphraseRule.minimumLength) characters; six random words are a good one.")
    }
    let passphrase = try ask(prompt)
    try PassphraseRule.check(passphrase)
    let again = try ask("The same again")
    let isSame = passphrase.withBytes { first in again.withBytes { first.elementsEqual($0) } }
    guard isSame else {
      throw Problem.invalid("passphrase", "The two passphrases differ; give the new passphrase twice.")
    }
    return passphrase
  }
}

/// A line that grows in one place of memory, so that no copy of a secret stays behind when it is overwritten.
private struct SecretLine {
  private var bytes: [UInt8]

  init() {
    bytes = []
    bytes.reserveCapacity(PassphraseRule.maximumBytes)
  }

  mutating func append(_ byte: UInt8) throws {
    guard bytes.count < PassphraseRule.maximumBytes else {
      wipe()
      throw Problem.invalid("passphrase", "A passphrase has at most \(PassphraseRule.maximumBytes) bytes.")
    }
    bytes.append(byte)
  }

  /// Takes back the last character: its continuation bytes (UTF-8) and its first.
  mutating func removeLast() {
    while let byte = bytes.popLast(), byte & 0xc0 == 0x80 {}
  }

  mutating func wipe() {
    for position in bytes.indices { bytes[position] = 0 }
    bytes.removeAll(keepingCapacity: true)
  }

  mutating func secret() -> SecretBytes {
    defer { wipe() }
    return SecretBytes(bytes)
  }
}

/// A line from a pipe or a file, byte by byte, so that the next question finds the next line.
private enum InputLine {
  static func read(_ prompt: String) throws -> SecretBytes {
    var line = SecretLine()
    var byte: UInt8 = 0
    var isWhole = false
    while true {
      let count = Glibc.read(0, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1 else { break }
      isWhole = true
      if byte == UInt8(ascii: "\n") { break }
      try line.append(byte)
    }
    guard isWhole else {
      throw Problem.invalid("passphrase", "Standard input ended before: \(prompt). Give one passphrase a line.")
    }
    return line.secret()
  }
}

/// A line from the terminal without echo. Signals by key are off meanwhile: whoever breaks off must not be left with a silent terminal.
private enum TerminalLine {
  private static let interrupt: UInt8 = 3
  private static let endOfInput: UInt8 = 4
  private static let eraseLine: UInt8 = 21

  static func read(_ prompt: String) throws -> SecretBytes {
    let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
    guard terminal >= 0 else {
      throw Problem(.unavailable, "The terminal cannot be opened; give the passphrase on standard input.")
    }
    defer { close(terminal) }
    var before = termios()
    guard tcgetattr(terminal, &before) == 0 else {
      throw Problem(.unavailable, "The terminal cannot be made silent; give the passphrase on standard input.")
    }
    var silent = before
    silent.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
    guard tcsetattr(terminal, TCSAFLUSH, &silent) == 0 else {
      throw Problem(.unavailable, "The terminal cannot be made silent; give the passphrase on standard input.")
    }
    write("\(prompt): ", terminal)
    defer {
      tcsetattr(terminal, TCSAFLUSH, &before)
      write("\n", terminal)
    }
    return try line(terminal)
  }

  private static func line(_ terminal: Int32) throws -> SecretBytes {
    var line = SecretLine()
    var byte: UInt8 = 0
    while true {
      let count = Glibc.read(terminal, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1 else { return line.secret() }
      switch byte {
      case UInt8(ascii: "\n"), UInt8(ascii: "\r"), endOfInput: return line.secret()
      case interrupt:
        line.wipe()
        throw Problem(.conflict, "Broken off; nothing was done.")
      case 8, 127: line.removeLast()
      case eraseLine: line.wipe()
      default: try line.append(byte)
      }
    }
  }

  private static func write(_ text: String, _ terminal: Int32) {
    _ = Array(text.utf8).withUnsafeBytes { Glibc.write(terminal, $0.baseAddress, $0.count) }
  }
}
