import Kernel
import TransparencyLog

/// The file that proves an erasure (docs/format.md §9), made from its parts. The same parts give the same bytes.
package enum ErasureRecord {
  package static let format = "steward.erasure-record/1"
  /// Bytes of the whole file.
  package static let maximumBytes = 16 << 20
  static let members = ["checkpoint", "entries", "format", "log_key"]

  /// `checkpoint` and `logKeyCertificate` are whole notes; each entry's proof is of the tree of this checkpoint.
  package static func make(
    checkpoint: [UInt8], logKeyCertificate: [UInt8], entries: [Bundle.Entry]
  ) throws -> [UInt8] {
    guard entries.count <= BundleLimit.entries else {
      throw BundleError("a record holds at most \(BundleLimit.entries) entries")
    }
    let lines = try entries.map { entry -> JSON in
      [
        "entry": try JSON.parseCanonical(entry.leaf), "index": .integer(entry.index),
        "proof": .array(entry.proof.map { .string($0.base64) }), "disclosed": .array(entry.disclosed),
      ]
    }
    let record: JSON = [
      "format": .string(format), "checkpoint": .string(try text(checkpoint)),
      "log_key": .string(try text(logKeyCertificate)), "entries": .array(lines),
    ]
    return record.canonical + [0x0a]
  }

  private static func text(_ note: [UInt8]) throws -> String {
    guard let text = String(validating: note, as: UTF8.self) else { throw BundleError("a note is not UTF-8") }
    return text
  }
}

/// A record after strict reading; nothing in it is verified yet.
struct ErasureContents {
  let checkpoint: [UInt8]
  let logKeyNote: [UInt8]
  let certificate: LogKeyCertificate
  let lines: [BundleContents.Line]

  init(_ bytes: [UInt8]) throws {
    guard bytes.last == 0x0a else { throw BundleError("the record does not end with a line feed") }
    let object = try StrictObject(
      try JSON.parseCanonical(Array(bytes.dropLast())), ErasureRecord.members, "the record")
    try object.check("format", is: ErasureRecord.format)
    checkpoint = Array(try object.text("checkpoint").utf8)
    logKeyNote = Array(try object.text("log_key").utf8)
    certificate = try LogKeyCertificate.unidentified(logKeyNote)
    let entries = try object.list("entries")
    guard entries.count <= BundleLimit.entries else {
      throw BundleError("the record has more than \(BundleLimit.entries) entries")
    }
    lines = try entries.map { try BundleContents.Line($0.canonical) }
  }
}
