import Kernel

/// Our own files that pages refer to. A name holds the hash of the content, so browsers may keep it for ever.
package struct Assets: Sendable {
  package struct File: Sendable {
    package let path: String
    package let type: String
    package let bytes: [UInt8]

    init(_ name: String, _ ending: String, type: String, _ text: String) {
      bytes = Array(text.utf8)
      path = "/assets/\(name)-\(Digest(sha256: bytes).hex.prefix(16)).\(ending)"
      self.type = type
    }

    /// A year, unchanging (RFC 8246).
    package var response: Response {
      .bytes(bytes, type: type).header("Cache-Control", "public, max-age=31536000, immutable")
    }
  }

  package let files: [File]
  package let stylesheetPath: String
  package let iconPath: String

  package init() {
    let stylesheet = File("steward", "css", type: "text/css; charset=utf-8", Stylesheet.text)
    let icon = File("mark", "svg", type: "image/svg+xml", Assets.icon)
    files = [stylesheet, icon]
    stylesheetPath = stylesheet.path
    iconPath = icon.path
  }

  private static let icon = """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="#1f5c4d" d="M12 1 3 4.700v6.500c0 5.200 3.800 9.200 9 11.100 5.200-1.900 9-5.900 9-11.100V4.700z"/><path fill="none" stroke="#fff" stroke-width="2.200" stroke-linecap="round" stroke-linejoin="round" d="m7.800 12 3 3 5.300-6.200"/></svg>
    """
}
