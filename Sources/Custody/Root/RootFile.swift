import Kernel

/// What stands in a key store about its root key (docs/format.md §5.7): who keeps it, what opens it there, and the root keys before it, which
/// backups may still need.
package struct RootFile: Sendable, Equatable {
  package static let version = "steward/root/v1"
  /// Root keys before this one that are kept.
  package static let mostEarlier = 16
  static let largest = 256 << 10
  static let largestWrapped = 16 << 10

  /// What a root key is told apart by, and what its sealed form is bound to.
  package struct Head: Sendable, Equatable {
    package let installation: String
    /// From 1; every change of the root key adds one.
    package let number: Int64
    package let made: Instant
    /// Of the provider, such as `vault`.
    package let provider: String
    /// What the provider calls its own key; `-` where it has none.
    package let key: String

    var context: [UInt8] {
      CBOR.array([
        "steward/root-key/v1", .text(installation), .integer(number), .integer(made.milliseconds), .text(provider),
        .text(key),
      ]).encoded
    }
  }

  /// A root key that was replaced, under the one that is.
  package struct Earlier: Sendable, Equatable {
    package let number: Int64
    package let ended: Instant
    let box: [UInt8]

    static func context(_ installation: String, _ number: Int64) -> [UInt8] {
      CBOR.array(["steward/earlier-root/v1", .text(installation), .integer(number)]).encoded
    }
  }

  package let head: Head
  /// 32 hexadecimal digits that a root key is known by and that say nothing about it.
  package let id: String
  /// What the provider wrapped: 32 bytes that open `box`. Nil for a root key that lies in a file of its own.
  let wrapped: [UInt8]?
  let box: [UInt8]?
  /// The newest first.
  package var earlier: [Earlier] = []

  init(_ head: Head, root: SecretBytes, wrapped: [UInt8]? = nil, box: [UInt8]? = nil) {
    self.head = head
    self.wrapped = wrapped
    self.box = box
    id = RootFile.id(of: root, head.installation)
  }

  static func id(of root: SecretBytes, _ installation: String) -> String {
    let context = CBOR.array(["steward/root-id/v1", .text(installation)]).encoded
    return Hex.encode(DerivedKey(root, context: context).commitment.prefix(16))
  }

  // MARK: Earlier roots

  /// The root keys before this one, the newest first. Throws if one does not open.
  func earlierRoots(under root: SecretBytes) throws -> [SecretBytes] {
    try earlier.map { earlier in
      do {
        let context = Earlier.context(head.installation, earlier.number)
        return SecretBytes(try Box.open(earlier.box, key: root, context: context))
      } catch {
        throw Problem(
          .unavailable, "An earlier root key does not open with this one; restore the key store from a replica.",
          detail: "root: earlier \(earlier.number)")
      }
    }
  }

  static func earlier(
    _ root: SecretBytes, number: Int64, ended: Instant, under new: SecretBytes, _ installation: String
  ) throws -> Earlier {
    let context = Earlier.context(installation, number)
    return Earlier(
      number: number, ended: ended, box: try Box.seal(root.withBytes { Array($0) }, key: new, context: context))
  }
}

// MARK: - Text

extension RootFile {
  package var bytes: [UInt8] {
    var lines = [
      RootFile.version, "installation \(head.installation)", "number \(head.number)", "made \(head.made)",
      "provider \(head.provider)", "key \(head.key)", "id \(id)", "wrapped \(wrapped.map { Base64.encode($0) } ?? "-")",
      "box \(box.map { Base64.encode($0) } ?? "-")",
    ]
    lines += earlier.map { "earlier \($0.number) \($0.ended) \(Base64.encode($0.box))" }
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  /// Throws `Problem.unavailable` for anything but what `bytes` writes.
  package init(_ bytes: [UInt8]) throws {
    guard bytes.count <= RootFile.largest, let read = RootFile(reading: bytes), read.bytes == bytes else {
      throw Problem(
        .unavailable, "What the key store says about its root key is damaged; restore the file `root` from a replica.")
    }
    self = read
  }

  private init?(reading bytes: [UInt8]) {
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let names = ["installation", "number", "made", "provider", "key", "id", "wrapped", "box"]
    guard lines.count >= names.count + 2, lines[0] == RootFile.version[...], lines.last == "" else { return nil }
    var values: [String: String] = [:]
    for (name, line) in zip(names, lines[1...]) {
      guard line.hasPrefix(name + " ") else { return nil }
      values[name] = String(line.dropFirst(name.count + 1))
    }
    guard let installation = values["installation"], let number = values["number"].flatMap({ Int64($0) }), number > 0,
      let made = values["made"].flatMap({ Instant($0) }), let provider = values["provider"], let key = values["key"],
      let id = values["id"], Hex.decode(id)?.count == 16
    else { return nil }
    let read = lines[(names.count + 1)..<(lines.count - 1)].map(RootFile.earlier(reading:))
    guard read.count <= RootFile.mostEarlier else { return nil }
    earlier = read.compactMap(\.self)
    guard earlier.count == read.count else { return nil }
    head = Head(installation: installation, number: number, made: made, provider: provider, key: key)
    self.id = id
    wrapped = RootFile.sealed(values["wrapped"])
    box = RootFile.sealed(values["box"])
  }

  private static func sealed(_ text: String?) -> [UInt8]? {
    text.flatMap { $0 == "-" ? nil : Base64.decode($0) }
  }

  private static func earlier(reading line: Substring) -> Earlier? {
    let words = line.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 4, words[0] == "earlier", let number = Int64(words[1]), let ended = Instant(words[2]),
      let box = Base64.decode(words[3])
    else { return nil }
    return Earlier(number: number, ended: ended, box: box)
  }
}
