import Kernel

/// The name of a row (table and key) or of an object (type and id) as three words: what a walk through a whole log looks up two or three
/// times per entry. As text each of them would be an allocation and a hash over its bytes.
struct NameKey: Hashable {
  fileprivate let kind: UInt32
  /// Whether `bits` are those of an id; else the place of a text in `NameTable`.
  fileprivate let isID: Bool
  fileprivate let high: UInt64
  fileprivate let low: UInt64
}

/// Gives each name its key, one for one, and knows it back.
struct NameTable {
  private var kinds: [String: UInt32] = [:]
  private var kindTexts: [String] = []
  private var lastKind: (text: String, number: UInt32)?
  /// Names that are not ids: a few per tenant.
  private var others: [String: UInt64] = [:]
  private var otherTexts: [String] = []

  mutating func key(kind: some StringProtocol, name: some StringProtocol) -> NameKey {
    let kind = number(ofKind: String(kind))
    if let bits = IDBits(name) { return NameKey(kind: kind, isID: true, high: bits.high, low: bits.low) }
    let name = String(name)
    let place = others[name] ?? UInt64(otherTexts.count)
    if place == otherTexts.count {
      others[name] = place
      otherTexts.append(name)
    }
    return NameKey(kind: kind, isID: false, high: 0, low: place)
  }

  /// `<type>:<id>`, as an entry names its object.
  mutating func key(ofObject object: String) -> NameKey {
    guard let colon = object.utf8.firstIndex(of: UInt8(ascii: ":")) else { return key(kind: object, name: "") }
    return key(kind: object[..<colon], name: object[object.utf8.index(after: colon)...])
  }

  func text(of key: NameKey) -> (kind: String, name: String) {
    (kindTexts[Int(key.kind)], key.isID ? IDBits(high: key.high, low: key.low).text : otherTexts[Int(key.low)])
  }

  private mutating func number(ofKind kind: String) -> UInt32 {
    if let lastKind, kind == lastKind.text { return lastKind.number }
    let number = kinds[kind] ?? UInt32(kindTexts.count)
    if number == kindTexts.count {
      kinds[kind] = number
      kindTexts.append(kind)
    }
    lastKind = (kind, number)
    return number
  }
}
