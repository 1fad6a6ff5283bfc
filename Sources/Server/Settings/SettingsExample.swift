/// The commented example and the reference, written from the schema so that neither can fall behind it.
package enum SettingsExample {
  /// `Packaging/steward.yaml`: every key with what it does, commented out where it says what counts anyway.
  package static var text: String {
    var out = """
      # How this installation of Steward is run. Commented lines show what counts without them, or an example.
      # Check a change with: steward config check \(Settings.ordinaryFile)
      # No secret stands here: keys that end in _file, and tls.key, name the file that holds it.


      """
    for key in SettingsSchema.keys where key.section == nil { out += entry(key, indent: "") }
    for section in SettingsSchema.sections {
      out += "# \(wrapped(section.about, indent: ""))\n\(section.name):\n"
      for key in SettingsSchema.keys where key.section == section.name { out += entry(key, indent: "  ") }
    }
    return out
  }

  private static func entry(_ key: SettingKey, indent: String) -> String {
    let comment = "\(indent)# \(wrapped(key.purpose, indent: indent))\n"
    guard case .items(let members) = key.kind else {
      return comment + "\(indent)# \(key.name): \(key.ordinary ?? key.sample)\n\n"
    }
    let lines = members.enumerated().map { number, member in
      "\(indent)#   \(number == 0 ? "-" : " ") \(member.name): \(member.sample)"
    }
    return comment + "\(indent)# \(key.name):\n" + lines.joined(separator: "\n") + "\n\n"
  }

  /// Words in lines of at most 110 characters, each after the first with the comment's sign before it.
  private static func wrapped(_ text: String, indent: String) -> String {
    var lines = [""]
    for word in text.split(separator: " ") {
      let last = lines[lines.count - 1]
      if last.count + word.count > 108 - indent.count {
        lines.append(String(word))
      } else {
        lines[lines.count - 1] = last.isEmpty ? String(word) : last + " " + word
      }
    }
    return lines.joined(separator: "\n\(indent)# ")
  }

  /// The tables of docs/operations/configuration.md.
  package static var reference: String {
    var out = table(SettingsSchema.keys.filter { $0.section == nil })
    for section in SettingsSchema.sections {
      out += "\n## `\(section.name)`\n\n\(section.about)\n\n"
      out += table(SettingsSchema.keys.filter { $0.section == section.name })
    }
    return out
  }

  private static func table(_ keys: [SettingKey]) -> String {
    let rows = keys.map { key in
      let ordinary = key.ordinary.map { "`\($0)`" } ?? "–"
      return "| `\(key.path)` | \(key.kind.words.replacing("|", with: "\\|")) | \(ordinary) | \(key.purpose) |"
    }
    return (["| key | value | unless said | what it does |", "|---|---|---|---|"] + rows).joined(separator: "\n") + "\n"
  }
}
