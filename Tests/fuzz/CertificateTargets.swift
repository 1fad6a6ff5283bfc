import Certificate
import Kernel
import TransparencyLog

extension Target {
  static let certificate: [Target] = [zip, bundle, resigned, receipt, erasure]

  private static let honest = Result { try SampleCase().zip() }

  private static let zip = Target(
    "zip",
    seeds: {
      [
        try StoredZip.encode([StoredZip.Member(name: "a.txt", data: [1, 2, 3]), StoredZip.Member(name: "b", data: [])]),
        try honest.get(),
      ]
    }
  ) { input in
    oneSpelling("zip", input) { try StoredZip.encode(try StoredZip.decode(input)) }
  }

  /// The input says what to change in an honest bundle: place (2 bytes), new byte, and so on. Only the honest one verifies.
  private static let bundle = Target("bundle", seeds: { [[0, 9, 255], [1, 200, 7, 40, 1, 2]] }) { input in
    guard let honest = try? honest.get() else { fail("no sample bundle") }
    var changed = honest
    for start in stride(from: 0, to: input.count - 2, by: 3) {
      let place = (Int(input[start]) << 8 | Int(input[start + 1])) * honest.count / 65_536
      changed[place] = input[start + 2]
    }
    let verdict = BundleVerifier.verify(zip: changed, pin: SampleCase().pin)
    must(verdict.outcome != .verified || changed == honest, "bundle: another one verifies")
    must(changed != honest || verdict.outcome == .verified, "bundle: the honest one does not verify")
  }

  /// The first byte names a member, the rest is what it holds now; the manifest is signed anew, so that the readers behind it are reached.
  private static let resigned = Target(
    "resigned",
    seeds: {
      try StoredZip.decode(try honest.get()).enumerated().map { [UInt8($0.offset)] + $0.element.data }
    }
  ) { input in
    guard let number = input.first, let honest = try? honest.get(), var members = try? StoredZip.decode(honest) else {
      return
    }
    let place = Int(number) % members.count
    let before = members[place].data
    members[place] = StoredZip.Member(name: members[place].name, data: Array(input.dropFirst()))
    if members[place].name != Bundle.Name.manifest, let signed = try? manifest(of: members) {
      members[members.count - 1] = StoredZip.Member(name: Bundle.Name.manifest, data: signed)
    }
    guard let zip = try? StoredZip.encode(members) else { return }
    let verdict = BundleVerifier.verify(zip: zip, pin: SampleCase().pin)
    let isFree = [Bundle.Name.readme, Bundle.Name.page].contains(members[place].name)
    must(
      verdict.outcome != .verified || isFree || members[place].data == before,
      "resigned: another \(members[place].name) verifies")
  }

  /// docs/format.md §6.4.
  private static func manifest(of members: [StoredZip.Member]) throws -> [UInt8] {
    guard let old = members.last else { throw Refused() }
    let head = try Note.parse(old.data).text.split(separator: "\n").prefix(3)
    let lines = members.dropLast().map { "\(Digest(sha256: $0.data).hex) \($0.data.count) \($0.name)" }
    return try SampleCase().log.sign(text: (head.map(String.init) + lines).joined(separator: "\n") + "\n")
  }

  private static let receipt = Target(
    "receipt",
    seeds: {
      guard let member = try StoredZip.decode(try honest.get()).first(where: { $0.name == Bundle.Name.proof }) else {
        throw Refused()
      }
      return [member.data]
    }
  ) { input in
    guard let honest = try? honest.get(), let members = try? StoredZip.decode(honest) else { return }
    let verdict = ReceiptVerifier.verify(input, entry: nil, pin: SampleCase().pin)
    let own = members.first { $0.name == Bundle.Name.proof }?.data
    must(verdict.outcome != .verified || input == own, "receipt: another one verifies")
  }

  /// Nobody knows the key, so whatever is read is not verified.
  private static let erasure = Target(
    "erasure", texts: [#"{"checkpoint":"","entries":[],"format":"steward.erasure-record/1","log_key":""}"# + "\n"]
  ) { text in
    let verdict = ErasureVerifier.verify(Array(text.utf8), pin: SampleCase().pin)
    must(verdict.outcome != .verified, "erasure: a record verifies that nobody signed")
  }
}
