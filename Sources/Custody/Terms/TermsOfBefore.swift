import Kernel

/// Keys of backups that a program of before there were any passed over when it changed the root key: they are sealed under an earlier one, which the
/// store keeps for backups, and are sealed anew before anything is settled.
enum TermsOfBefore {
  static func sealAnew(_ places: KeyPlaces, _ root: OpenRoot) throws {
    guard try TermKeyName.Series.allCases.contains(where: { try isOfBefore(.terms($0), places.live, root) }) else {
      return
    }
    try places.live.prepareToRewrite()
    for replica in try places.replicas() { try places.replica(replica).prepareToRewrite() }
    try places.locked(.store) { held in
      for place in held.replicas.map({ $0 as any KeyFiles }) + [held.live] {
        // Keys before the book, by which it is seen that this was done.
        for file in try place.terms().sorted(by: { $0.order > $1.order }) where try isOfBefore(file, place, root) {
          try sealAnew(file, held, root)
        }
      }
    }
  }

  private static func isOfBefore(_ file: KeyFile, _ place: any KeyFiles, _ root: OpenRoot) throws -> Bool {
    guard !root.earlier.isEmpty, let context = file.rootContext(""), let box = try place.read(file) else {
      return false
    }
    return !Box.isSealed(box, under: root.key, context: context)
      && root.earlier.contains { Box.isSealed(box, under: $0, context: context) }
  }

  /// The same bytes wherever it lies; the live store counts, if it has it.
  private static func sealAnew(_ file: KeyFile, _ held: HeldKeyPlaces, _ root: OpenRoot) throws {
    let copies = try [held.live.read(file)] + held.replicas.map { try $0.read(file) }
    guard let box = copies.compactMap(\.self).first, let context = file.rootContext("") else { return }
    let plain = root.earlier.lazy.compactMap { try? Box.open(box, key: $0, context: context) }.first
    let wanted = try plain.map { try Box.seal($0, key: root.key, context: context) } ?? box
    try held.rewriteWhereItIs(wanted, as: file)
  }
}
