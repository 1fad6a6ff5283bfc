import Kernel
import TransparencyLog

extension Target {
  static let log: [Target] = [note, proof, leaf, change, tile]

  static let signer = Result {
    try NoteSigner(name: "steward/01kah5zzzz0000000000000000", seed: SecretBytes([UInt8](repeating: 1, count: 32)))
  }
  static let digest = Digest(sha256: [1, 2, 3])

  private static let note = Target(
    "note",
    seeds: {
      let signer = try Target.signer.get()
      let key = signer.verifierKey
      return [
        try signer.sign(text: Checkpoint(origin: key.name, size: 300, root: digest).text),
        try LogKeyCertificate(key: key, since: Instant(milliseconds: 1_795_248_000_000)).signed(by: signer),
        Array(key.description.utf8),
      ]
    }
  ) { input in
    if let text = String(validating: input, as: UTF8.self) {
      oneSpelling("verifier key", input) { Array(try VerifierKey(parsing: text).description.utf8) }
      oneSpelling("checkpoint", input) { Array(try Checkpoint(parsing: text).text.utf8) }
      oneSpelling("certificate", input) { Array(try LogKeyCertificate(parsing: text).text.utf8) }
    }
    guard let note = try? Note.parse(input) else { return }
    must(!note.signatures.isEmpty && note.text.hasSuffix("\n"), "note: without text or signatures")
    oneSpelling("checkpoint", Array(note.text.utf8)) { Array(try Checkpoint(parsing: note.text).text.utf8) }
    guard let signer = try? Target.signer.get(), note.verified(by: signer.verifierKey) else { return }
    must(honestTexts.contains(note.text), "note: verified, but never signed: \(note.text)")
  }

  /// All that the key has ever signed here.
  private static let honestTexts: Set<String> = {
    guard let key = try? signer.get().verifierKey else { return [] }
    return [
      Checkpoint(origin: key.name, size: 300, root: digest).text,
      LogKeyCertificate(key: key, since: Instant(milliseconds: 1_795_248_000_000)).text,
    ]
  }()

  private static let proof = Target(
    "proof",
    seeds: {
      let signer = try Target.signer.get()
      let checkpoint = try signer.sign(text: Checkpoint(origin: signer.verifierKey.name, size: 3, root: digest).text)
      let receipt = try Receipt.make(
        index: 1, hashes: [digest, digest], checkpoint: checkpoint, certificate: Array("a certificate\n\n".utf8),
        leaf: try entry.encoded())
      return [receipt.encoded, Array(receipt.header.utf8)]
    }
  ) { input in
    oneSpelling("proof", input) { try LogProof(parsing: input).encoded }
    oneSpelling("receipt", input) { try Receipt(parsing: input).encoded }
    if let text = String(validating: input, as: UTF8.self) {
      oneSpelling("receipt header", input) { Array(try Receipt(header: text).header.utf8) }
    }
  }

  private static let entry = LeafEntry(
    time: Instant(milliseconds: 1_795_248_000_000),
    command: CommandID.make(at: Instant(milliseconds: 1_795_248_000_000)),
    actor: "person:01kah5zzzz000000000000000a", action: "vendor.create", object: "vendor:01kah5zzzz000000000000000b",
    ordinal: 0,
    previous: nil, instruction: nil, changeCount: 1, changeRoot: digest, commitments: [digest])

  private static let leaf = Target(
    "leaf",
    seeds: {
      [
        try entry.encoded(),
        try LeafBatch(time: Instant(milliseconds: 1_795_248_000_000), count: 1, state: digest, map: nil).encoded(),
      ]
    }
  ) { input in
    guard let leaf = try? Leaf(parsing: input) else { return }
    switch leaf {
    case .command(let entry): oneSpelling("entry", input) { try entry.encoded() }
    case .batch(let batch): oneSpelling("batch", input) { try batch.encoded() }
    }
    must((try? JSON.parseCanonical(input)) != nil, "leaf: read by the scanner, but no canonical JSON")
  }

  private static let change = Target(
    "change",
    seeds: {
      [
        ChangeRecord(table: "vendor", key: "01kah5zzzz000000000000000b", op: .insert, before: nil, after: digest)
          .encoded
      ]
    }
  ) { input in
    oneSpelling("change", input) { try ChangeRecord(parsing: input).encoded }
  }

  private static let tile = Target("tile", texts: ["tile/0/x001/234", "tile/0/x001/234.p/5", "tile/entries/000"]) {
    text in
    oneSpelling("tile", Array(text.utf8)) { Array(try some(TilePath(path: text)).description.utf8) }
    if let path = TilePath(path: text) {
      for size in [0, 1, 256, 70_000, Int64.max] { _ = path.isWithin(size: size) }
    }
  }
}
