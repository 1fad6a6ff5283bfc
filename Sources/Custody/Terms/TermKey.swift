import Crypto
import Kernel

/// The name of the key with which a backup ends (docs/format.md §7.2): `backups/17`, under which it lies in the key store.
package struct TermKeyName: Hashable, Sendable, CustomStringConvertible {
  /// What is numbered together.
  package enum Series: String, Sendable, CaseIterable {
    /// Made ahead of need, so that a copy of the key store that is weeks old opens last night's backup.
    case backups
    /// For backups that checks make and end at once: they must not use up what is made ahead.
    case trials

    /// So many lie there beyond the last that was taken.
    package var reserve: Int64 { self == .backups ? 64 : 0 }
  }

  /// Far beyond any series.
  static let largest: Int64 = 1 << 48

  package let series: Series
  /// From 1.
  package let number: Int64

  package init(_ series: Series, _ number: Int64) {
    self.series = series
    self.number = number
  }

  /// Nil for anything but the one way in which such a key is named.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let series = Series(rawValue: String(parts[0])), let number = Int64(parts[1]),
      (1...TermKeyName.largest).contains(number), String(number) == parts[1]
    else { return nil }
    self.init(series, number)
  }

  package var description: String { "\(series.rawValue)/\(number)" }
}

/// A key that ends with the term of one backup.
package struct TermKey: Sendable {
  package let name: TermKeyName
  let secret: SecretBytes

  /// HKDF-Extract (RFC 5869 §2.2) of the root key with this key as salt: nothing is had of it without both.
  func wrapping(_ root: SecretBytes) -> SecretBytes {
    secret.withBytes { salt in
      root.withBytes { root in
        let code = HKDF<SHA256>.extract(inputKeyMaterial: SymmetricKey(data: root), salt: salt)
        return SecretBytes(code.withUnsafeBytes { Array($0) })
      }
    }
  }
}

/// The time of a backup is over, and its key was destroyed on purpose.
package struct TermEnded: Error, Sendable {
  package let name: TermKeyName

  package var problem: Problem {
    Problem(
      .gone, "The time of this backup is over, and its key was destroyed: no copy of it opens any more.",
      detail: "\(name)")
  }
}

extension TermKeyName {
  /// None of the places that were asked has it.
  var missing: Problem {
    Problem(
      .unavailable,
      "No place of the keys that was read has the key of this backup (\(self)): name a replica, or a copy of the key store that is less old, with --keys-from and the recovery kit."
    )
  }
}

/// Finds the keys of backups at places of the keys.
struct TermKeyFinder {
  let places: [any KeyPlace]
  let root: SecretBytes

  /// Throws `TermEnded` if any place says that it ended: what an older copy still has of it does not count.
  func key(_ name: TermKeyName) throws -> TermKey {
    for place in places {
      if let box = (try? place.read(.terms(name.series))) ?? nil,
        let book = TermBook.open(box, name.series, root: root), book.isEnded(name.number)
      {
        throw TermEnded(name: name)
      }
    }
    var isThere = false
    for place in places {
      guard let box = (try? place.read(.term(name))) ?? nil else { continue }
      isThere = true
      let context = SealingContext.term(name)
      if let key = try? Box.open(box, key: root, context: context), key.count == 32 {
        return TermKey(name: name, secret: SecretBytes(key))
      }
    }
    if isThere { throw Box.OpenError.wrongKeyOrPlace }
    throw name.missing
  }
}
