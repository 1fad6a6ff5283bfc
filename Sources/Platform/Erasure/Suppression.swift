import Foundation
import Kernel
import Ledger
import Storage

package enum SuppressionNoun {}
package typealias SuppressionID = ID<SuppressionNoun>

/// By what a vendor is recognised.
package struct VendorIdentity: Sendable, Equatable {
  package let name: String
  package let registryID: String?
  package let url: String?

  package init(name: String, registryID: String?, url: String?) {
    self.name = name
    self.registryID = registryID
    self.url = url
  }

  /// Each kind in its comparable form (docs/format.md §9.4); what is empty then is left out.
  package var marks: [(kind: Suppression.Kind, text: String)] { marks(of: VendorIdentity.compatible) }

  /// What a mark of it may have been made from: also by a program that took compatible characters, or composed and decomposed ones, for
  /// different letters.
  package var asked: [(kind: Suppression.Kind, text: String)] {
    let forms: [(String) -> String] = [
      VendorIdentity.compatible, { $0 }, { $0.precomposedStringWithCanonicalMapping },
      { $0.decomposedStringWithCanonicalMapping },
    ]
    // By their bytes, which is what is hashed: Swift takes canonically equivalent texts for equal.
    return forms.flatMap { marks(of: $0) }.reduce(into: []) { found, next in
      if !found.contains(where: { $0.kind == next.kind && $0.text.utf8.elementsEqual(next.text.utf8) }) {
        found.append(next)
      }
    }
  }

  private func marks(of form: (String) -> String) -> [(kind: Suppression.Kind, text: String)] {
    let all: [(Suppression.Kind, String?)] = [
      (.registryID, registryID.map { VendorIdentity.letters(form($0)) }), (.name, VendorIdentity.letters(form(name))),
      (.url, url.map { VendorIdentity.address(form($0)) }),
    ]
    return all.compactMap { kind, text in text.flatMap { $0.isEmpty ? nil : (kind: kind, text: $0) } }
  }

  /// Lower case between two NFKC normalisations (UAX #15), since either undoes some of the other.
  private static func compatible(_ text: String) -> String {
    text.precomposedStringWithCompatibilityMapping.lowercased().precomposedStringWithCompatibilityMapping
  }

  private static func letters(_ text: String) -> String {
    var kept = String.UnicodeScalarView()
    for scalar in text.lowercased().unicodeScalars
    where scalar.properties.isAlphabetic || scalar.properties.numericType != nil { kept.append(scalar) }
    return String(kept)
  }

  private static func address(_ text: String) -> String {
    var rest = String(decoding: SearchText.fold(text), as: UTF8.self).trimmed[...]
    for prefix in ["https://", "http://", "www."] where rest.hasPrefix(prefix) { rest = rest.dropFirst(prefix.count) }
    if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
    while rest.last == "/" { rest = rest.dropLast() }
    return String(rest)
  }
}

/// A mark that stops an erased vendor from coming back: a keyed hash, which tells nobody what it was and survives the erasure.
package struct Suppression: Record, Equatable {
  package enum Kind: String, Sendable, CaseIterable {
    case registryID = "registry_id"
    case name, url
  }

  package static let table = Table(
    "suppression", .primary,
    columns: [
      Column("erasure", .text, .key, purpose: "the erasure that asked for it", nullable: false),
      Column("kind", .text, .operational, purpose: "registry_id, name or url", nullable: false),
      Column("is_weak", .integer, .operational, purpose: "1 if the vendor had a registry id", nullable: false),
      Column("made_at", .integer, .operational, purpose: "when it was made", nullable: false),
    ],
    sealed: [
      Column("mark", .bytes, .content, purpose: "keyed hash by which the vendor is recognised", nullable: false)
    ],
    indexes: [Index(["erasure"])], retention: "until an owner lifts it")

  /// Finds the marks.
  package static let marks = Table(
    "suppression_mark", .derived,
    columns: [
      Column("suppression", .text, .key, purpose: "which mark it is", nullable: false),
      Column("hash", .bytes, .key, purpose: "keyed hash by which a vendor is recognised", nullable: false),
    ], primaryKey: ["suppression"], indexes: [Index(["hash"])], retention: "with the mark")

  package static let derivation = Derivation(of: marks, from: Suppression.self) { record, _ in
    [record.id.value, .bytes(record.mark)]
  }

  package let id: SuppressionID
  package let erasure: String
  package let kind: Kind
  /// The vendor had a registry id, so that a URL alone says little.
  package let isWeak: Bool
  package let madeAt: Instant
  package let mark: [UInt8]

  package var key: String { id.text }
  package var plain: [String: Value] {
    ["erasure": .text(erasure), "kind": .text(kind.rawValue), "is_weak": isWeak.value, "made_at": madeAt.value]
  }
  package var content: [String: CBOR] { ["mark": .bytes(mark)] }

  init(id: SuppressionID, erasure: String, kind: Kind, isWeak: Bool, madeAt: Instant, mark: [UInt8]) {
    self.id = id
    self.erasure = erasure
    self.kind = kind
    self.isWeak = isWeak
    self.madeAt = madeAt
    self.mark = mark
  }

  package init(_ row: OpenedRow) throws {
    id = try row.keyID()
    erasure = try row.text("erasure")
    kind = Kind(rawValue: try row.text("kind")) ?? .name
    isWeak = try row.integer("is_weak") == 1
    madeAt = try row.instant("made_at")
    mark = row.content["mark"]?.bytes ?? []
  }

  private static func hash(_ kind: Kind, _ text: String, _ reader: Reader) -> [UInt8] {
    reader.keyedHash("vendor.suppressed.\(kind.rawValue)", text)
  }

  /// Marks a vendor that is about to be erased.
  package static func place(_ vendor: VendorIdentity, erasure: String, in work: Work) throws {
    for (kind, text) in vendor.marks {
      let record = Suppression(
        id: .make(at: work.now), erasure: erasure, kind: kind, isWeak: vendor.registryID != nil, madeAt: work.now,
        mark: hash(kind, text, work))
      try work.insert(record)
      try work.run(
        """
        INSERT INTO suppression_mark (tenant, suppression, hash)
        VALUES (\(work.tenant), \(record.id), \(record.mark))
        """, on: marks)
    }
  }

  /// The mark that stops this vendor, if there is one. Nearly no tenant has any, so that is asked first.
  package static func match(_ vendor: VendorIdentity, _ reader: Reader) throws -> Suppression? {
    guard try exist(reader) else { return nil }
    for (kind, text) in vendor.asked {
      let found = try reader.rows(
        "SELECT suppression FROM suppression_mark WHERE tenant = \(reader.tenant) AND hash = \(hash(kind, text, reader))"
      )
      for row in found {
        guard let key = row[0].text, let mark = try reader.find(Suppression.self, key) else { continue }
        // Vendors with registry ids often share the address of one notice.
        if kind == .url, mark.isWeak, vendor.registryID != nil { continue }
        return mark
      }
    }
    return nil
  }

  /// Throws `conflict` for a vendor that was erased and must not come back.
  package static func refuse(_ vendor: VendorIdentity, _ reader: Reader) throws {
    guard let mark = try match(vendor, reader) else { return }
    throw Problem(.conflict, mark.reason, errors: [Problem.FieldError(mark.field, mark.reason)])
  }

  /// The member of a vendor by which it was recognised.
  package var field: String { kind == .url ? "privacy_url" : kind.rawValue }

  package var reason: String {
    """
    This vendor was erased on \(madeAt.day) and is not to come back (recognised by its \
    \(kind == .registryID ? "registry id" : kind == .name ? "name" : "URL")); an owner can lift that under Erasures.
    """
  }

  /// Lets a vendor come back: all marks of one erasure go.
  package static func lift(_ erasure: String, in work: Work) throws -> Int {
    let marks = try work.fetch(Suppression.self, "AND erasure = \(erasure)")
    for mark in marks {
      try work.delete(Suppression.self, mark.key)
      try work.run(
        "DELETE FROM suppression_mark WHERE tenant = \(work.tenant) AND suppression = \(mark.id)", on: Suppression.marks
      )
    }
    return marks.count
  }
}

extension Suppression {
  package static func exist(_ reader: Reader) throws -> Bool {
    try !reader.rows("SELECT 1 FROM suppression WHERE tenant = \(reader.tenant) LIMIT 1").isEmpty
  }
}
