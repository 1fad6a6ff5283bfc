import Custody
import Platform
import Yams

/// What stood behind a key, checked against its kind.
package enum SettingValue: Sendable, Equatable {
  case text(String)
  case texts([String])
  case integer(Int)
  case flag(Bool)
  case items([[String: SettingValue]])
}

extension SettingKey.Kind {
  /// The value of a node, or nil if it is not of this kind.
  func value(of node: Node) -> SettingValue? {
    switch self {
    case .keyPlaces: texts(node, SettingText.isKeyPlace).map(SettingValue.texts)
    case .networks: texts(node, SettingText.isNetwork).map(SettingValue.texts)
    case .flag: ["true": .flag(true), "false": .flag(false)][scalar(node) ?? ""]
    case .integer(let range):
      scalar(node).flatMap { Int($0) }.flatMap { range.contains($0) ? .integer($0) : nil }
    case .items: nil
    default: scalar(node).flatMap { isGood($0) ? .text($0) : nil }
    }
  }

  private func isGood(_ text: String) -> Bool {
    guard !text.isEmpty, text.count <= SettingLimits.longestText, !text.contains(where: \.isNewline) else {
      return false
    }
    return switch self {
    case .path: SettingText.isPath(text)
    case .keyPlace: SettingText.isKeyPlace(text)
    case .rootKey: SettingText.isRootKey(text)
    case .secretFile: SettingText.isPath(text) || SettingText.isCredentialName(text)
    case .address: (try? ListenAddress(parsing: text)) != nil
    case .origin: SettingText.isOrigin(text)
    case .host: SettingText.isHost(text)
    case .email: ControlVerbs.isAddress(text)
    case .contact: SettingText.isContact(text)
    case .digest: Digest(hex: text) != nil
    case .database: (try? PostgresServer(url: text)) != nil
    case .choice(let words): words.contains(text)
    default: true
    }
  }

  private func scalar(_ node: Node) -> String? {
    guard case .scalar(let scalar) = node else { return nil }
    return scalar.string
  }

  private func texts(_ node: Node, _ isGood: (String) -> Bool) -> [String]? {
    guard case .sequence(let sequence) = node, sequence.count <= SettingLimits.longestList else { return nil }
    let texts = sequence.compactMap { scalar($0) }
    return texts.count == sequence.count && texts.allSatisfy(isGood) ? texts : nil
  }
}

/// What texts of the configuration must look like.
enum SettingText {
  static func isPath(_ text: String) -> Bool {
    text.hasPrefix("/") && !text.utf8.contains(0) && !text.split(separator: "/").contains("..")
  }

  static func isKeyPlace(_ text: String) -> Bool {
    KeyPlaceName.isDatabase(text) ? (try? KeyPlaceName(text)) != nil : isPath(text)
  }

  static func isRootKey(_ text: String) -> Bool {
    guard let form = try? RootForm(text) else { return false }
    return form.file.map(isPath) ?? true
  }

  /// systemd.exec(5): the name of a file in `$CREDENTIALS_DIRECTORY`.
  static func isCredentialName(_ text: String) -> Bool {
    text != "." && text != ".."
      && text.utf8.allSatisfy { byte in
        isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
      }
  }

  static func isContact(_ text: String) -> Bool {
    (text.hasPrefix("mailto:") || text.hasPrefix("https:")) && !text.contains(where: \.isWhitespace)
  }

  static func isHost(_ text: String) -> Bool {
    text.utf8.count <= 253
      && text.utf8.allSatisfy {
        isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":")
      }
  }

  /// RFC 6454: what a browser calls this server; plain http only for this machine.
  static func isOrigin(_ text: String) -> Bool {
    let isSecure = text.hasPrefix("https://")
    guard isSecure || text.hasPrefix("http://localhost") || text.hasPrefix("http://127.0.0.1") else { return false }
    var rest = text.drop { $0 != "/" }.dropFirst(2)
    if let colon = rest.lastIndex(of: ":") {
      guard let port = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(port) else { return false }
      rest = rest[..<colon]
    }
    return !rest.isEmpty && isHost(String(rest)) && rest == rest.lowercased()
  }

  static func isNetwork(_ text: String) -> Bool { AddressRange(text) != nil }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}
