import Kernel

/// The little XML that an object store speaks. Read without a general parser: elements are found by name, entities of XML itself are resolved,
/// everything else is text. Whatever a store writes here decides at most which of our own keys are asked for next.
package struct ObjectStoreText: Sendable {
  private let text: Substring

  package init(_ bytes: [UInt8]) { text = Substring(String(decoding: bytes, as: UTF8.self)) }
  private init(_ text: Substring) { self.text = text }

  /// The insides of every element of this name, outermost first found.
  package func all(_ name: String) -> [ObjectStoreText] {
    var found: [ObjectStoreText] = []
    var rest = text
    while let start = rest.firstRange(of: "<\(name)>") {
      let inside = rest[start.upperBound...]
      guard let end = inside.firstRange(of: "</\(name)>") else { break }
      found.append(ObjectStoreText(inside[..<end.lowerBound]))
      rest = inside[end.upperBound...]
    }
    return found
  }

  /// The text of the first element of this name.
  package func first(_ name: String) -> String? { all(name).first.map { ObjectStoreText.resolved($0.text) } }

  private static let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#34;", "\""), ("&apos;", "'")]

  private static func resolved(_ text: Substring) -> String {
    guard text.contains("&") else { return String(text) }
    var out = String(text)
    // The ampersand last, so that nothing is resolved twice.
    for (entity, character) in entities + [("&amp;", "&")] { out = out.replacing(entity, with: character) }
    return out
  }

  /// What finishes an upload in parts.
  static func completion(_ parts: [ObjectStoreCall.Part]) -> String {
    let items = parts.enumerated().map { position, part in
      let tag = part.tag.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      return
        "<Part><PartNumber>\(position + 1)</PartNumber><ETag>\(tag)</ETag><ChecksumSHA256>\(part.sha256.base64)</ChecksumSHA256></Part>"
    }
    return
      "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\(items.joined())</CompleteMultipartUpload>"
  }
}
