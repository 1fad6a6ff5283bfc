import Crypto
import Custody
import Egress
import Kernel
import Ledger
import Synchronization

/// Sealed files as objects `TENANT/ID` of an S3-compatible store. Nothing leaves before the gate is bound.
package final class ObjectFiles: SealedFileStore {
  static let attempts = 3
  /// Pages of a listing that are followed: ten million files of one tenant.
  static let mostPages = 10_000

  private let settings: ObjectStoreSettings
  private let clock: any StewardClock
  private let pause: @Sendable (Int) async throws -> Void
  private let bound = Mutex<StorageDoor?>(nil)

  /// `clock`: real time, whatever the rest of the process goes by, since the store compares it with its own. `pause`: waits before another attempt.
  package init(
    _ settings: ObjectStoreSettings, clock: any StewardClock = SystemClock(),
    pause: @escaping @Sendable (Int) async throws -> Void = {
      try await Task.sleep(for: .milliseconds(200 << (2 * $0)))
    }
  ) {
    self.settings = settings
    self.clock = clock
    self.pause = pause
  }

  package func bind(_ gate: EgressGate) {
    bound.withLock { $0 = gate.storage(at: settings.place, rules: settings.rules) }
  }

  fileprivate var pieces: ObjectStoreSettings.Pieces { settings.pieces }

  fileprivate func door() throws -> StorageDoor {
    guard let door = bound.withLock({ $0 }) else {
      throw Problem(.unavailable, "Files cannot be reached before the server has started.")
    }
    return door
  }

  private func key(_ tenant: TenantID, _ file: FileID) -> String { "\(tenant)/\(file)" }

  // MARK: The store

  package func create(_ tenant: TenantID, _ file: FileID) async throws -> any SealedFileSink {
    let disclosure = try await door().begin(file, of: tenant)
    return ObjectSink(self, key: key(tenant, file), disclosure)
  }

  package func open(_ tenant: TenantID, _ file: FileID) async throws -> (any SealedFileSource)? {
    try await ObjectSource(self, key: key(tenant, file))
  }

  package func remove(_ tenant: TenantID, _ file: FileID) async throws {
    let answer = try await call(.delete(key: key(tenant, file)))
    guard answer.isGood || answer.isMissing else { throw fault(answer) }
  }

  package func list(_ tenant: TenantID) async throws -> [ListedFile] {
    var (found, after): ([ListedFile], String?) = ([], nil)
    for _ in 0..<ObjectFiles.mostPages {
      let answer = try await call(.list(prefix: "\(tenant)/", after: after))
      guard answer.isGood else { throw fault(answer) }
      let page = ObjectStoreText(answer.body)
      for item in page.all("Contents") {
        guard let file = file(item, of: tenant), let size = item.first("Size").flatMap({ Int64($0) }) else { continue }
        found.append(ListedFile(id: file, size: size))
      }
      guard page.first("IsTruncated") == "true", let next = page.first("NextContinuationToken") else { return found }
      after = next
    }
    throw Problem(.tooLarge, "The object store lists more files than one organisation can have.")
  }

  package func removable(_ tenant: TenantID, _ files: Set<FileID>) async throws -> Set<FileID> {
    try await door().handedOver(files, of: tenant)
  }

  /// Parts of an upload that was broken off lie there unseen, and cost.
  package func tend(_ tenant: TenantID, before oldest: FileID) async throws {
    let answer = try await call(.listUploads(prefix: "\(tenant)/"))
    guard answer.isGood else { throw fault(answer) }
    for item in ObjectStoreText(answer.body).all("Upload") {
      guard let file = file(item, of: tenant), file < oldest, let upload = item.first("UploadId") else { continue }
      guard try await removable(tenant, [file]).contains(file) else { continue }
      let ended = try await call(.abortUpload(key: key(tenant, file), upload: upload))
      guard ended.isGood || ended.isMissing else { throw fault(ended) }
    }
  }

  package func mayHaveFiles(_ tenant: TenantID) -> Bool { true }

  private func file(_ item: ObjectStoreText, of tenant: TenantID) -> FileID? {
    guard let name = item.first("Key").flatMap({ settings.place.key(ofListed: $0) }), name.hasPrefix("\(tenant)/")
    else {
      return nil
    }
    return FileID(name.dropFirst(tenant.text.utf8.count + 1))
  }

  // MARK: Calls

  /// The answer, whatever it says. What failed on the way, or at the store for the moment, is tried again: nothing that we ask does harm twice.
  fileprivate func call(_ call: ObjectStoreCall, under disclosure: Disclosure? = nil) async throws -> HTTPAnswer {
    let door = try door()
    var last = ObjectFiles.unavailable("no attempt was made")
    for attempt in 0..<ObjectFiles.attempts {
      if attempt > 0 { try await pause(attempt - 1) }
      let key = ObjectStoreKey(id: settings.accessKey, secret: try settings.secret())
      let outcome = try await door.call(
        call, at: settings.place, by: key, now: clock.now, caFile: settings.caFile, under: disclosure)
      switch outcome {
      case .answer(let answer):
        guard [408, 429, 500, 502, 503, 504].contains(answer.status) else { return answer }
        last = ObjectFiles.unavailable("it answered \(answer.status) \(answer.code)")
      case .unknown(let fault): last = ObjectFiles.unavailable("\(fault)")
      case .notSent(let fault):
        last = ObjectFiles.unavailable("\(fault)")
        if case .unreachable = fault { continue }
        if case .timeout = fault { continue }
        throw last
      }
    }
    throw last
  }

  /// What a store's refusal means for the person; what it said is for the operator.
  fileprivate func fault(_ answer: HTTPAnswer) -> Problem {
    ObjectFiles.unavailable("it answered \(answer.status) \(answer.code)")
  }

  fileprivate static func unavailable(_ why: String) -> Problem {
    Problem(
      .unavailable, "Files cannot be kept or fetched at the moment, and nothing was changed; try again later.",
      detail: "the object store: \(why)")
  }
}

extension HTTPAnswer {
  fileprivate var isGood: Bool { (200...299).contains(status) }

  /// The store's own word for what is wrong, such as `NoSuchKey`.
  fileprivate var code: String {
    let code = ObjectStoreText(body).first("Code") ?? ""
    return String(code.filter { $0.isASCII && $0.isLetter }.prefix(60))
  }

  /// The object is not there; a bucket that is not there is a fault.
  fileprivate var isMissing: Bool { status == 404 && code != "NoSuchBucket" }
}

/// A file on its way: up to 16 MiB at once, more in parts.
private final class ObjectSink: SealedFileSink {
  private let store: ObjectFiles
  private let key: String
  private let disclosure: Disclosure
  private var held: [UInt8] = []
  private var upload: String?
  private var parts: [ObjectStoreCall.Part] = []
  private var hasher = SHA256()
  private var size = 0
  /// Whether any content may have left.
  private var hasLeft = false
  private var isEnded = false

  init(_ store: ObjectFiles, key: String, _ disclosure: Disclosure) {
    self.store = store
    self.key = key
    self.disclosure = disclosure
  }

  func append(_ bytes: [UInt8]) async throws {
    held += bytes
    size += bytes.count
    hasher.update(data: bytes)
    while held.count > store.pieces.put { try await putPart(store.pieces.part) }
  }

  func finish() async throws {
    if upload == nil {
      hasLeft = true
      let answer = try await store.call(.put(key: key, bytes: held), under: disclosure)
      guard answer.isGood, answer["etag"]?.isEmpty == false else { throw store.fault(answer) }
      try check(answer, Kernel.Digest(sha256: held))
    } else {
      while !held.isEmpty { try await putPart(min(held.count, store.pieces.part)) }
      try await finishUpload()
    }
    isEnded = true
    try await store.door().end(disclosure, .done, bytes: size, sha256: Kernel.Digest(hasher.finalize()))
  }

  func abandon() async {
    if let upload { _ = try? await store.call(.abortUpload(key: key, upload: upload)) }
    // A put whose answer was lost may have arrived.
    if hasLeft { _ = try? await store.call(.delete(key: key)) }
    guard !isEnded else { return }
    try? await store.door().end(
      disclosure, hasLeft ? .unknown : .refused, bytes: hasLeft ? size : 0, sha256: Kernel.Digest(hasher.finalize()))
  }

  // MARK: Parts

  private func begin() async throws -> String {
    if let upload { return upload }
    let answer = try await store.call(.beginUpload(key: key), under: disclosure)
    guard answer.isGood, let id = ObjectStoreText(answer.body).first("UploadId"), !id.isEmpty else {
      throw store.fault(answer)
    }
    upload = id
    return id
  }

  private func putPart(_ count: Int) async throws {
    let upload = try await begin()
    let bytes = Array(held.prefix(count))
    hasLeft = true
    let answer = try await store.call(
      .putPart(key: key, upload: upload, number: parts.count + 1, bytes: bytes), under: disclosure)
    guard answer.isGood, let tag = answer["etag"], !tag.isEmpty else { throw store.fault(answer) }
    let digest = Kernel.Digest(sha256: bytes)
    try check(answer, digest)
    parts.append(ObjectStoreCall.Part(tag: tag, sha256: digest))
    held.removeFirst(count)
  }

  private func finishUpload() async throws {
    let answer = try await store.call(
      .finishUpload(key: key, upload: upload ?? "", parts: parts), under: disclosure)
    // A refusal may come with status 200 (S3, CompleteMultipartUpload). 404: an earlier attempt whose answer was lost finished it.
    guard (answer.isGood && answer.code.isEmpty) || answer.isMissing else { throw store.fault(answer) }
    guard let source = try await ObjectSource(store, key: key, first: 1), source.size == size else {
      throw ObjectFiles.unavailable("an upload is not as large as what was sent")
    }
  }

  /// Stores that say what they got must have got this.
  private func check(_ answer: HTTPAnswer, _ digest: Kernel.Digest) throws {
    guard let said = answer["x-amz-checksum-sha256"], said != digest.base64 else { return }
    throw ObjectFiles.unavailable("it got other bytes than were sent")
  }
}

/// A stored object, fetched in ranges: a reader that is slow holds no connection, and nothing large stands in memory.
private final class ObjectSource: SealedFileSource {
  let size: Int64
  private let store: ObjectFiles
  private let key: String
  private let tag: String?
  private var held: [UInt8]
  private var start = 0
  private var next: Int64

  /// Nil if there is no such object. `first`: bytes that are fetched at once.
  init?(_ store: ObjectFiles, key: String, first asked: Int64? = nil) async throws {
    let first = asked ?? store.pieces.get
    let answer = try await store.call(.get(key: key, range: 0...first - 1, tag: nil))
    if answer.isMissing { return nil }
    self.store = store
    self.key = key
    tag = answer["etag"]
    size = try ObjectSource.size(answer, store)
    held = answer.body
    next = Int64(held.count)
    guard next == (answer.status == 200 ? size : min(first, size)) else {
      throw ObjectFiles.unavailable("it sent another range than was asked for")
    }
  }

  /// Of the whole object, RFC 9110 §14.4.
  private static func size(_ answer: HTTPAnswer, _ store: ObjectFiles) throws -> Int64 {
    switch answer.status {
    case 200: return Int64(answer.body.count)
    // An empty object has no range; no sealed file is empty.
    case 416: throw Box.OpenError.altered
    case 206:
      guard let range = answer["content-range"], range.hasPrefix("bytes 0-"), let slash = range.lastIndex(of: "/"),
        let size = Int64(range[range.index(after: slash)...])
      else { throw ObjectFiles.unavailable("it does not say how large an object is") }
      return size
    default: throw store.fault(answer)
    }
  }

  func read(_ count: Int) async throws -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(count)
    while out.count < count {
      if start == held.count { try await fetch() }
      let piece = held[start..<min(held.count, start + count - out.count)]
      out += piece
      start += piece.count
    }
    return out
  }

  private func fetch() async throws {
    guard next < size else { throw Box.OpenError.altered }
    let last = min(next + store.pieces.get, size) - 1
    let answer = try await store.call(.get(key: key, range: next...last, tag: tag))
    // 412: no longer the object that was begun; 404: no object any more.
    guard answer.status != 412, !answer.isMissing else { throw Box.OpenError.altered }
    guard answer.status == 206 else { throw store.fault(answer) }
    guard Int64(answer.body.count) == last - next + 1,
      answer["content-range"]?.hasPrefix("bytes \(next)-\(last)/") == true
    else { throw ObjectFiles.unavailable("it sent another range than was asked for") }
    (held, start, next) = (answer.body, 0, last + 1)
  }
}
