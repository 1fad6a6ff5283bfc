import Kernel
import TransparencyLog

/// The members of a bundle after strict reading; nothing in it is verified yet.
struct BundleContents {
  struct Line {
    let leaf: [UInt8]
    let entry: LeafEntry
    let index: Int64
    let proof: [Digest]
    let disclosed: [Disclosure]
  }

  let members: [StoredZip.Member]
  let statement: Disclosure
  let certify: Receipt
  let logKeyNote: [UInt8]
  let certificate: LogKeyCertificate
  let lines: [Line]
  let evidence: JSON
  let manifest: [UInt8]

  init(members: [StoredZip.Member]) throws {
    guard members.map({ Array($0.name.utf8) }) == Bundle.Name.all.map({ Array($0.utf8) }) else {
      throw BundleError("the ZIP does not have the members \(Bundle.Name.all.joined(separator: ", ")) in this order")
    }
    self.members = members
    let data = members.map(\.data)
    statement = try Disclosure(json: BundleContents.json(data[2], Bundle.Name.statement))
    certify = try Receipt(parsing: data[3])
    logKeyNote = data[4]
    certificate = try LogKeyCertificate.unidentified(data[4])
    lines = try BundleContents.lines(data[5])
    evidence = try BundleContents.json(data[6], Bundle.Name.evidence)
    manifest = data[7]
  }

  private static func json(_ bytes: [UInt8], _ name: String) throws -> JSON {
    guard bytes.last == 0x0a else { throw BundleError("\(name) does not end with a line feed") }
    do { return try JSON.parseCanonical(Array(bytes.dropLast())) } catch { throw BundleError("\(name): \(error)") }
  }

  private static func lines(_ bytes: [UInt8]) throws -> [Line] {
    guard bytes.last == 0x0a else { throw BundleError("\(Bundle.Name.entries) does not end with a line feed") }
    let lines = bytes.dropLast().split(separator: 0x0a, omittingEmptySubsequences: false)
    guard lines.count <= BundleLimit.entries else {
      throw BundleError("the bundle has more than \(BundleLimit.entries) entries")
    }
    return try lines.enumerated().map { number, line in
      do { return try Line(Array(line)) } catch {
        throw BundleError("\(Bundle.Name.entries), line \(number + 1): \(error)")
      }
    }
  }
}

extension BundleContents.Line {
  init(_ bytes: [UInt8]) throws {
    let object = try StrictObject(try JSON.parseCanonical(bytes), ["entry", "index", "proof", "disclosed"], "an entry")
    leaf = object.json("entry").canonical
    entry = try LeafEntry(parsing: leaf)
    index = try object.integer("index")
    let texts = try object.texts("proof")
    proof = texts.compactMap { Digest(base64: $0) }
    guard proof.count == texts.count else {
      throw BundleError("the inclusion proof holds something that is not a hash")
    }
    disclosed = try object.list("disclosed").map(Disclosure.init(json:))
  }
}
