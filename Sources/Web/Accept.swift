/// Which of the things we can send is wanted (RFC 9110 §12.5.1). JSON unless HTML is asked for by name.
package enum Accept {
  package static func prefersHTML(_ header: String?) -> Bool {
    guard let header else { return false }
    let html = quality(of: "text/html", in: header)
    return html > 0 && html >= quality(of: "application/json", in: header)
  }

  /// The first of `offers` that the header names with the highest quality; wildcards count for less than names.
  package static func choose(_ header: String?, among offers: [String]) -> String? {
    guard let header, !header.trimmed.isEmpty else { return offers.first }
    var best: (offer: String, quality: Int)?
    for offer in offers {
      let quality = max(quality(of: offer, in: header) * 2, wildcardQuality(for: offer, in: header))
      if quality > (best?.quality ?? 0) { best = (offer, quality) }
    }
    return best?.offer
  }

  /// Quality in thousandths with which `type` is named literally; 0 if it is not.
  private static func quality(of type: String, in header: String) -> Int {
    items(header).filter { $0.essence == type }.map(quality).max() ?? 0
  }

  private static func wildcardQuality(for type: String, in header: String) -> Int {
    let family = (type.split(separator: "/").first.map(String.init) ?? "") + "/*"
    return items(header).filter { $0.essence == "*/*" || $0.essence == family }.map(quality).max() ?? 0
  }

  private static func items(_ header: String) -> [MediaType] {
    HeaderText.split(header, at: ",").prefix(64).compactMap { MediaType($0) }
  }

  private static func quality(_ item: MediaType) -> Int {
    guard let text = item.parameters["q"] else { return 1_000 }
    guard let value = Double(text), value >= 0, value <= 1 else { return 0 }
    return Int(value * 1_000)
  }
}
