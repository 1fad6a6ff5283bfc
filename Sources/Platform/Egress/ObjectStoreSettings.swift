import Egress
import Kernel

/// An object store for sealed files, as the operator configured it.
package struct ObjectStoreSettings: Sendable {
  let place: ObjectStorePlace
  let accessKey: String
  /// Read for each call, so that a new key needs no restart.
  let secret: @Sendable () throws -> SecretBytes
  /// Whether the operator runs the store himself: then it is no sub-processor, and the register is not asked.
  let isOwn: Bool
  /// PEM certificates that vouch for the store instead of the system's.
  package var caFile: String?
  /// How much goes at once.
  package var pieces = Pieces()
  /// Ranges of addresses that may be called although they are not public.
  private let ranges: [Egress.AddressRange]

  /// `endpoint`: scheme and host. `bucketInHost`: the bucket's name is part of the host and not of the path. `privateRanges` as CIDR. Throws
  /// `Problem.invalid` for what cannot work.
  package init(
    endpoint: String, bucket: String, bucketInHost: Bool = false, region: String, prefix: String = "",
    accessKey: String, secret: @escaping @Sendable () throws -> SecretBytes, isOwn: Bool, caFile: String? = nil,
    privateRanges: [String] = []
  ) throws {
    do {
      place = try ObjectStorePlace(
        endpoint: endpoint, bucket: bucket, region: region, prefix: prefix, style: bucketInHost ? .host : .path)
    } catch { throw Problem.invalid("files", "The store of files cannot be used. \(error.sentence)") }
    // It stands in a header that is cut at slashes, commas and spaces.
    guard (1...128).contains(accessKey.utf8.count),
      accessKey.utf8.allSatisfy({ (33...126).contains($0) && $0 != 44 && $0 != 47 })
    else { throw Problem.invalid("files", "An access key is one word of letters and digits, as the store gave it.") }
    let read = privateRanges.map { (text: $0, range: Egress.AddressRange($0)) }
    if let wrong = read.first(where: { $0.range == nil }) {
      throw Problem.invalid("files", "Write a range of addresses as 10.0.0.0/8, not \(wrong.text).")
    }
    ranges = read.compactMap(\.range)
    self.accessKey = accessKey
    self.secret = secret
    self.isOwn = isOwn
    self.caFile = caFile
  }

  /// Bytes.
  package struct Pieces: Sendable {
    /// Largest object that is sent as one.
    package var put = 16 << 20
    /// A part of a larger one; S3 wants at least 5 MiB of all but the last.
    package var part = 8 << 20
    /// What is fetched at once.
    package var get: Int64 = 8 << 20
  }

  /// "s3.example.com:443", as the register names places.
  package var address: String { "\(place.host):\(place.port)" }

  package var ownPlaces: Set<EgressPlace> {
    isOwn ? [EgressPlace(host: place.host.description, port: place.port)] : []
  }

  var rules: EgressRules {
    EgressRules(hosts: isOwn || place.isThisMachine ? [place.host] : [], ranges: ranges)
  }
}
