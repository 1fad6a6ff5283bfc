import Kernel

/// A file of a key store, by what it is (docs/format.md §5.3). `root.key` is none: copies of a key store leave it out.
enum KeyFile: Hashable, Sendable {
  /// What is said about the root key.
  case root
  /// The same of the one that is to follow, while it is changed; in no list of files.
  case nextRoot
  /// When the last recovery kit was made; in no list of files, and in the live store only.
  case kit
  case installation
  /// The keys of the installation that came after the first, by number from 2.
  case laterInstallation(Int64)
  /// The statement that the key of this number is the installation's, signed by it and the one before: not sealed, it is public.
  case installationLink(Int64)
  /// The keys of a tenant's log by number, from 1.
  case log(TenantID, Int64)
  case index(TenantID)
  case epoch(TenantID, Int64)
  case block(TenantID, Int64)
  /// Tombstones, by an id of the file's own.
  case erased(TenantID, ID<TombstoneFile>)
  /// The tenant was erased.
  case gone(TenantID)
  /// The mark of taken slots; it only rises.
  case taken(TenantID)
  /// What is said of one series of backup keys; replaced only by what says more.
  case terms(TermKeyName.Series)
  /// The key with which a backup ends.
  case term(TermKeyName)

  /// Relative to the key store.
  var path: String {
    switch self {
    case .root: "root"
    case .nextRoot: "root.next"
    case .kit: "kit"
    case .installation: "installation.key"
    case .laterInstallation(let number): "installation-\(number).key"
    case .installationLink(let number): "installation-\(number).note"
    case .log(let tenant, 1): "tenants/\(tenant)/log.key"
    case .log(let tenant, let number): "tenants/\(tenant)/log-\(number).key"
    case .index(let tenant): "tenants/\(tenant)/index.key"
    case .epoch(let tenant, let number): "tenants/\(tenant)/epoch-\(number).key"
    case .block(let tenant, let number): "tenants/\(tenant)/blocks/\(number)"
    case .erased(let tenant, let id): "tenants/\(tenant)/erased-\(id)"
    case .gone(let tenant): "tenants/\(tenant)/gone"
    case .taken(let tenant): "tenants/\(tenant)/taken"
    case .terms(let series): "\(series.rawValue)/book"
    case .term(let name): "\(name)"
    }
  }

  var tenant: TenantID? {
    switch self {
    case .root, .nextRoot, .kit, .installation, .laterInstallation, .installationLink, .terms, .term: nil
    case .log(let tenant, _), .index(let tenant), .epoch(let tenant, _), .block(let tenant, _), .erased(let tenant, _),
      .gone(let tenant), .taken(let tenant):
      tenant
    }
  }

  /// Whether it is overwritten before it is removed. Of a block without its epoch key nothing can be had, and there are many. Tombstones hold no key,
  /// and are read without a lock: one that was overwritten and not removed would keep everybody from the tenant.
  var isOverwritten: Bool {
    switch self {
    case .block, .erased: false
    default: true
    }
  }

  var isBlock: Bool { if case .block = self { true } else { false } }

  /// The number of an epoch's key.
  var epoch: Int64? { if case .epoch(_, let number) = self { number } else { nil } }

  /// Tombstones first; epoch keys before the blocks that need them, the mark behind its blocks, the installation key last of all.
  var order: Order {
    switch self {
    case .root, .nextRoot, .kit: Order(tenant: "", kind: 0, number: 0)
    case .terms: Order(tenant: "", kind: 1, number: 0)
    case .term(let name): Order(tenant: "", kind: 2, number: name.number)
    case .gone(let tenant): Order(tenant: tenant.text, kind: -2, number: 0)
    case .erased(let tenant, let id):
      Order(tenant: tenant.text, kind: -1, number: Int64(bitPattern: (IDBits(id.text)?.high ?? 0) >> 1))
    case .log(let tenant, let number): Order(tenant: tenant.text, kind: 0, number: number)
    case .index(let tenant): Order(tenant: tenant.text, kind: 1, number: 0)
    case .epoch(let tenant, let number): Order(tenant: tenant.text, kind: 2, number: number)
    case .block(let tenant, let number): Order(tenant: tenant.text, kind: 3, number: number)
    case .taken(let tenant): Order(tenant: tenant.text, kind: 4, number: 0)
    case .laterInstallation(let number): Order(tenant: "~", kind: 5, number: number)
    case .installationLink(let number): Order(tenant: "~", kind: 6, number: number)
    case .installation: Order(tenant: "~", kind: 7, number: 0)
    }
  }

  /// Which key of a backup it is.
  var termName: TermKeyName? { if case .term(let name) = self { name } else { nil } }

  /// Whether it is a key of the same log that came after the one of this number.
  func isLaterLogKey(than number: Int64) -> Bool { if case .log(_, let own) = self { own > number } else { false } }

  struct Order: Comparable {
    let tenant: String
    let kind: Int
    let number: Int64
    static func < (a: Order, b: Order) -> Bool { (a.tenant, a.kind, a.number) < (b.tenant, b.kind, b.number) }
  }

  /// The file that a path names; nil for any other name.
  init?(path: String) {
    if path == KeyFile.installation.path || path == KeyFile.root.path {
      self = path == KeyFile.root.path ? .root : .installation
      return
    }
    if let number = KeyFile.number(in: path, behind: "installation-"), number > 1 {
      self = .laterInstallation(number)
      return
    }
    if let number = KeyFile.number(in: path, behind: "installation-", ending: ".note"), number > 1 {
      self = .installationLink(number)
      return
    }
    if let name = TermKeyName(path) {
      self = .term(name)
      return
    }
    if let series = TermKeyName.Series.allCases.first(where: { KeyFile.terms($0).path == path }) {
      self = .terms(series)
      return
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 3 || parts.count == 4, parts[0] == "tenants", let tenant = TenantID(String(parts[1])) else {
      return nil
    }
    if parts.count == 4 {
      guard parts[2] == "blocks", let number = KeyFile.number(parts[3]) else { return nil }
      self = .block(tenant, number)
    } else {
      self.init(String(parts[2]), of: tenant)
    }
  }

  /// A file directly in a tenant's directory.
  private init?(_ name: String, of tenant: TenantID) {
    switch name {
    case "log.key": self = .log(tenant, 1)
    case "index.key": self = .index(tenant)
    case "taken": self = .taken(tenant)
    case "gone": self = .gone(tenant)
    case let name where name.hasPrefix("erased-"):
      guard let id = ID<TombstoneFile>(String(name.dropFirst(7))) else { return nil }
      self = .erased(tenant, id)
    default:
      if let number = KeyFile.number(in: name, behind: "epoch-") {
        self = .epoch(tenant, number)
      } else if let number = KeyFile.number(in: name, behind: "log-"), number > 1 {
        self = .log(tenant, number)
      } else {
        return nil
      }
    }
  }

  private static func number(in name: String, behind start: String, ending: String = ".key") -> Int64? {
    guard name.hasPrefix(start), name.hasSuffix(ending) else { return nil }
    return number(name.dropFirst(start.utf8.count).dropLast(ending.utf8.count))
  }

  /// The decimal as this program writes it, so that each number has one name.
  private static func number(_ text: some StringProtocol) -> Int64? {
    guard let number = Int64(text), number >= 0, String(number) == text else { return nil }
    return number
  }
}

/// Whether the bytes of a key file are what they should be: they open under the root key, or under an epoch key that does.
struct KeyFileOpener {
  let root: SecretBytes
  /// Nil where it is not known: the installation key is then not tried.
  let installation: String?
  private var epochs: [KeyFile: SecretBytes] = [:]

  init(root: SecretBytes, installation: String?) {
    self.root = root
    self.installation = installation
  }

  /// Asked for the epoch keys of a tenant before its blocks.
  mutating func opens(_ file: KeyFile, _ bytes: [UInt8]) -> Bool {
    switch file {
    case .root: return RootFile.isOf(root, installation, bytes)
    case .nextRoot, .kit: return true
    case .installation:
      guard let installation else { return true }
      return box(bytes, SealingContext.installationKey(id: installation, number: 1))
    case .laterInstallation(let number):
      guard let installation else { return true }
      return box(bytes, SealingContext.installationKey(id: installation, number: number))
    case .installationLink: return InstallationLinkFile.isOne(bytes)
    case .log(let tenant, let number): return box(bytes, SealingContext.logKey(tenant: tenant, number: number))
    case .index(let tenant): return box(bytes, SealingContext.indexKey(tenant: tenant))
    case .epoch(let tenant, let number):
      let context = SealingContext.epoch(tenant: tenant, epoch: number)
      guard let key = try? Box.open(bytes, key: root, context: context), key.count == 32 else { return false }
      epochs[file] = SecretBytes(key)
      return true
    case .block(let tenant, let number): return block(bytes, tenant, number)
    case .erased(let tenant, let id): return TombstoneFile.open(bytes, tenant: tenant, id: id, root: root) != nil
    case .gone(let tenant): return TenantEnd.open(bytes, tenant: tenant, root: root) != nil
    case .taken: return TakenMark.parse(bytes) != nil
    case .terms(let series): return TermBook.open(bytes, series, root: root) != nil
    case .term(let name): return box(bytes, SealingContext.term(name))
    }
  }

  private func box(_ bytes: [UInt8], _ context: [UInt8]) -> Bool {
    (try? Box.open(bytes, key: root, context: context))?.count == 32
  }

  private func block(_ bytes: [UInt8], _ tenant: TenantID, _ number: Int64) -> Bool {
    guard let epoch = KeyBlock.epoch(of: bytes), let key = epochs[.epoch(tenant, epoch)] else { return false }
    return (try? KeyBlock.open(bytes, tenant: tenant, number: number, epoch: epoch, key: key)) != nil
  }
}

/// A block's file: its epoch as 8 bytes big endian ‖ box over 1,024 subject keys.
enum KeyBlock {
  static let plainSize = 32 * Int(SubjectRef.slotsPerBlock)

  /// The epoch and the first byte behind it.
  static let headSize = 9

  static func epoch(of file: [UInt8]) -> Int64? {
    guard file.count >= headSize else { return nil }
    return file[0..<8].reduce(Int64(0)) { $0 << 8 | Int64($1) }
  }

  static func seal(
    _ keys: SecretBytes, tenant: TenantID, number: Int64, epoch: Int64, key: SecretBytes
  ) throws
    -> [UInt8]
  {
    let context = SealingContext.block(tenant: tenant, epoch: epoch, block: number)
    let head = stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: epoch >> Int64($0)) }
    return head + (try Box.seal(keys.withBytes { Array($0) }, key: key, context: context))
  }

  /// The keys, one after another.
  static func open(
    _ file: [UInt8], tenant: TenantID, number: Int64, epoch: Int64, key: SecretBytes
  ) throws
    -> [UInt8]
  {
    guard self.epoch(of: file) == epoch else { throw Box.OpenError.malformed }
    let context = SealingContext.block(tenant: tenant, epoch: epoch, block: number)
    let plain = try Box.open(Array(file[8...]), key: key, context: context)
    guard plain.count == plainSize else { throw Box.OpenError.malformed }
    return plain
  }

  /// A subject's own key out of the keys of its block: a copy, so that whoever holds it long keeps no other in memory. Zeros stand where a
  /// key was destroyed.
  static func key(of subject: SubjectRef, in keys: SecretBytes) throws -> SecretBytes {
    try keys.withBytes { keys in
      let key = UnsafeRawBufferPointer(rebasing: keys[(32 * subject.slot)..<(32 * subject.slot + 32)])
      guard !key.allSatisfy({ $0 == 0 }) else { throw SubjectErased(subject: subject) }
      return SecretBytes(key)
    }
  }
}

/// The mark of taken slots as it is written: decimal and a line feed.
enum TakenMark {
  /// More than anybody has; sums of it and of what is reserved stay numbers.
  static let limit: Int64 = 1 << 48

  static func parse(_ bytes: [UInt8]) -> Int64? {
    // One spelling: what is written is what is read.
    guard bytes.count <= 20, let mark = Int64(String(decoding: bytes.dropLast(), as: UTF8.self)), mark >= 0,
      mark <= limit, text(mark) == bytes
    else { return nil }
    return mark
  }

  static func text(_ mark: Int64) -> [UInt8] { Array("\(mark)\n".utf8) }
}
