/// The text catalogue: every sentence that a page shows, by key. English now; another language is another dictionary.
package struct Texts: Sendable {
  package let strings: [String: String]

  package init(_ strings: [String: String]) { self.strings = strings }

  /// The text under `key`, with `{name}` replaced. An unknown key shows as itself, so that a page is never lost over a text.
  package func callAsFunction(_ key: String, _ values: [String: String] = [:]) -> String {
    var text = strings[key] ?? key
    for (name, value) in values { text = text.replacing("{\(name)}", with: value) }
    return text
  }

  package func has(_ key: String) -> Bool { strings[key] != nil }

  /// All catalogues as one. The second result names keys that occur twice.
  package static func merging(_ catalogues: [[String: String]]) -> (texts: Texts, duplicates: [String]) {
    var all: [String: String] = [:]
    var duplicates: [String] = []
    for (key, text) in catalogues.joined() where all.updateValue(text, forKey: key) != nil { duplicates.append(key) }
    return (Texts(all), duplicates.sorted())
  }
}
