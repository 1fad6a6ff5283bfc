import Kernel

/// What a place says of one series of backup keys (docs/format.md §5.8): which were taken and for what, and which have ended.
///
/// A box under the root key, so that nobody who lacks it can end a key. Copies at several places are put together by `merge`: what was taken
/// stays taken and what ended stays ended, whichever copy is older.
struct TermBook: Equatable {
  /// A key that is in use.
  struct Held: Equatable {
    let backup: String
    let taken: Instant
    /// Its end; nil: the schedule of its place says so.
    var until: Instant?
  }

  /// A key that was ended, until its end was seen at every place that was named, and told.
  struct Ending: Equatable {
    let backup: String
    /// Of each place that was ever named when it was gone there; nil: not yet.
    var ends: [String: Instant?]
    /// Whether somebody has put on the record what was known last.
    var isTold: Bool
  }

  /// Numbers up to it were handed out.
  var taken: Int64 = 0
  var held: [Int64: Held] = [:]
  var ending: [Int64: Ending] = [:]
  /// Ascending, apart from one another.
  private(set) var ended: [ClosedRange<Int64>] = []

  func isEnded(_ number: Int64) -> Bool {
    var (low, high) = (0, ended.count)
    while low < high {
      let middle = (low + high) / 2
      if ended[middle].upperBound < number { low = middle + 1 } else { high = middle }
    }
    return low < ended.count && ended[low].contains(number)
  }

  mutating func end(_ numbers: ClosedRange<Int64>) {
    var united = numbers
    var others: [ClosedRange<Int64>] = []
    for range in ended {
      if range.upperBound < united.lowerBound - 1 || range.lowerBound > united.upperBound + 1 {
        others.append(range)
      } else {
        united = min(range.lowerBound, united.lowerBound)...max(range.upperBound, united.upperBound)
      }
    }
    ended = (others + [united]).sorted { $0.lowerBound < $1.lowerBound }
    held = held.filter { !numbers.contains($0.key) }
  }

  /// Takes in what another copy says; where both speak of one key this one counts.
  mutating func merge(_ other: TermBook) {
    for (number, ending) in other.ending where !isEnded(number) { self.ending[number] = ending }
    for (number, there) in other.held {
      guard let here = held[number] else {
        if number > taken { held[number] = there }
        continue
      }
      if here.until == nil { held[number]?.until = there.until }
    }
    for range in other.ended { end(range) }
    held = held.filter { !isEnded($0.key) }
    taken = max(taken, other.taken)
  }

  /// What all of these say; the last counts most. Nil if there is none.
  static func merged(_ books: [TermBook]) -> TermBook? {
    guard var book = books.last else { return nil }
    for other in books.dropLast() { book.merge(other) }
    return book
  }

  // MARK: Bytes

  func seal(_ series: TermKeyName.Series, root: SecretBytes) throws -> [UInt8] {
    let held = held.sorted { $0.key < $1.key }.map { number, held -> CBOR in
      [.integer(number), .text(held.backup), .integer(held.taken.milliseconds), TermBook.time(held.until)]
    }
    let ending = ending.sorted { $0.key < $1.key }.map { number, ending -> CBOR in
      [.integer(number), .text(ending.backup), .bool(ending.isTold), .map(ending.ends.mapValues(TermBook.time))]
    }
    let runs = ended.flatMap { [CBOR.integer($0.lowerBound), .integer($0.upperBound)] }
    let plain = CBOR.array([.integer(taken), .array(held), .array(ending), .array(runs)])
    return try Box.seal(plain.encoded, key: root, context: SealingContext.terms(series))
  }

  private static func time(_ instant: Instant?) -> CBOR { instant.map { .integer($0.milliseconds) } ?? .null }

  /// Nil if it does not open, or is not such a file.
  static func open(_ box: [UInt8], _ series: TermKeyName.Series, root: SecretBytes) -> TermBook? {
    guard let plain = try? Box.open(box, key: root, context: SealingContext.terms(series)),
      let parts = (try? CBOR.decode(plain))?.array, parts.count == 4,
      let taken = parts[0].integer, (0...TermKeyName.largest).contains(taken), let held = parts[1].array,
      let ending = parts[2].array, let runs = parts[3].array, runs.count % 2 == 0
    else { return nil }
    var book = TermBook(taken: taken)
    for item in held {
      guard let item = item.array, item.count == 4, let number = item[0].integer, let backup = item[1].text,
        let taken = item[2].integer
      else { return nil }
      book.held[number] = Held(
        backup: backup, taken: Instant(milliseconds: taken),
        until: item[3].integer.map { Instant(milliseconds: $0) })
    }
    for item in ending {
      guard let item = item.array, item.count == 4, let number = item[0].integer, let backup = item[1].text,
        let isTold = item[2].bool, let ends = item[3].map
      else { return nil }
      let times = ends.mapValues { $0.integer.map { Instant(milliseconds: $0) } }
      book.ending[number] = Ending(backup: backup, ends: times, isTold: isTold)
    }
    for place in stride(from: 0, to: runs.count, by: 2) {
      guard let first = runs[place].integer, let last = runs[place + 1].integer, first > 0, first <= last,
        last <= TermKeyName.largest, book.ended.last.map({ $0.upperBound < first }) ?? true
      else { return nil }
      book.ended.append(first...last)
    }
    return book
  }

  /// What opens of a series at these places, in their order. Throws where books lie there and none opens.
  static func read(
    _ series: TermKeyName.Series, at places: [any KeyFiles], root: SecretBytes
  ) throws -> [TermBook?] {
    let boxes = try places.map { try $0.read(.terms(series)) }
    let books = boxes.map { $0.flatMap { open($0, series, root: root) } }
    guard books.contains(where: { $0 != nil }) || boxes.allSatisfy({ $0 == nil }) else {
      let path = KeyFile.terms(series).path
      throw Problem(
        .conflict, "\(path) opens at no place of the keys; bring back a good copy of it.", detail: path)
    }
    return books
  }
}
