import Kernel

/// A promise to be able to show one fact later, alone (docs/format.md §3.3).
package enum Commitment {
  package static let saltBytes = 16

  /// SHA-256(salt ‖ canonical JSON of the fact).
  package static func digest(salt: [UInt8], fact: JSON) -> Digest { Digest(sha256: salt, fact.canonical) }
}

/// A fact shown together with the salt that opens its commitment: `{"fact":…,"salt":base64}`.
package struct Disclosure: Sendable, Equatable {
  package let fact: JSON
  package let salt: [UInt8]

  package init(fact: JSON, salt: [UInt8]) {
    self.fact = fact
    self.salt = salt
  }

  package init(json: JSON) throws {
    guard let members = json.object, members.count == 2, let fact = members["fact"],
      let salt = members["salt"]?.string.flatMap({ Base64.decode($0) }), salt.count == Commitment.saltBytes
    else { throw LogError("a disclosed fact has exactly a fact and a salt of \(Commitment.saltBytes) bytes in base64") }
    self.init(fact: fact, salt: salt)
  }

  package var json: JSON { ["fact": fact, "salt": .string(Base64.encode(salt))] }
  package var commitment: Digest { Commitment.digest(salt: salt, fact: fact) }
}
