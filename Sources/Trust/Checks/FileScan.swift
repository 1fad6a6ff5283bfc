import Custody
import Glibc
import Platform

/// Looks for words in the bytes of files, as `strings` and `grep` would, in the spellings in which a program might write them.
struct FileScan {
  private let since: Instant
  private let needles: [[UInt8]]
  private let control: [UInt8]
  /// Ways in which each word is looked for.
  let spellings: Int

  private(set) var files = 0
  /// Rows of a database.
  private(set) var rows = 0
  private(set) var bytes: Int64 = 0
  /// Names of the files with a word in them.
  private(set) var found: [String] = []
  private(set) var sawControl = false

  /// `control` stands in the clear in one of the files: seeing it shows that the search sees.
  init(since: Instant, words: [String], control: String) {
    self.since = since
    self.control = Array(control.utf8)
    needles = words.flatMap { word -> [[UInt8]] in FileScan.spellings(of: word) }
    spellings = words.isEmpty ? 0 : needles.count / words.count
  }

  /// Bytes as they are, in one spelling and without a control.
  init(since: Instant, pieces: [[UInt8]]) {
    self.since = since
    control = []
    needles = pieces
    spellings = 1
  }

  /// UTF-8 in both cases, UTF-16, hex, reversed, and base64 at each of its three alignments.
  private static func spellings(of word: String) -> [[UInt8]] {
    let plain = Array(word.utf8)
    let wide: [UInt8] = plain.flatMap { byte -> [UInt8] in [byte, 0] }
    let base64 = (0..<3).map { shift -> [UInt8] in
      // Whole groups in the middle, which do not depend on what stands before and after.
      let group = plain.dropFirst((3 - shift) % 3)
      return Array(Base64.encode(Array(group.prefix(group.count / 3 * 3))).utf8)
    }
    let upper = Array(word.uppercased().utf8)
    let narrow: [[UInt8]] = [plain, upper, Array(plain.reversed()), wide, Array(Hex.encode(plain).utf8)]
    return narrow + base64
  }

  /// Everything below a directory that was written since.
  mutating func directory(_ path: String) throws {
    guard let directory = opendir(path) else {
      throw Hindered(reason: "A directory of the installation cannot be read.")
    }
    var names: [String] = []
    while let item = readdir(directory) {
      let name = withUnsafePointer(to: &item.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    closedir(directory)
    for name in names.sorted() { try entry(path + "/" + name) }
  }

  private mutating func entry(_ path: String) throws {
    var status = stat()
    // A file may go while we look, as journals do.
    guard lstat(path, &status) == 0 else { return }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: try directory(path)
    // Two seconds of grace for clocks of file systems.
    case S_IFREG where Int64(status.st_mtim.tv_sec) >= since.milliseconds / 1_000 - 2: try file(path)
    default: break
    }
  }

  /// The key store: its directory, or of a database the files of one tenant, which is where a marker of that tenant would get to.
  mutating func keys(_ store: KeyStore, of tenant: TenantID) throws {
    if let path = store.directory { return try directory(path) }
    for (name, bytes) in try store.files(of: tenant) {
      files += 1
      self.bytes += Int64(bytes.count)
      if needles.contains(where: { SearchText.contains(bytes, $0) }) { found.append(name) }
    }
  }

  /// A row as it is stored.
  mutating func row(_ table: String, _ values: [Value]) {
    rows += 1
    for value in values { look(at: value.text.map { Array($0.utf8) } ?? value.bytes ?? [], in: table) }
  }

  /// Bytes that lie somewhere under this name.
  mutating func look(at bytes: [UInt8], in name: String) {
    self.bytes += Int64(bytes.count)
    sawControl = sawControl || (!control.isEmpty && SearchText.contains(bytes, control))
    if needles.contains(where: { SearchText.contains(bytes, $0) }) { found.append(name) }
  }

  private mutating func file(_ path: String) throws {
    try Task.checkCancellation()
    let overlap = max(needles.map(\.count).max() ?? 0, control.count)
    var (window, isFound, seen) = ([UInt8](), false, Int64(0))
    var sawControl = sawControl
    try OutsideReading.read(path) { [needles, control] piece in
      seen += Int64(piece.count)
      window = Array(window.suffix(overlap)) + piece
      sawControl = sawControl || (!control.isEmpty && SearchText.contains(window, control))
      isFound = isFound || needles.contains { SearchText.contains(window, $0) }
    }
    files += 1
    bytes += seen
    self.sawControl = sawControl
    if isFound { found.append(path) }
  }
}
