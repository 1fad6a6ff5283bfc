@testable import Custody
import Foundation
import Kernel
import Testing

@Suite("Chunks that are moved")
struct MovedChunkTests {
  /// `STEWARD_LONG_TESTS=1` makes the loops as long as they are run by night.
  private static let isLong = ProcessInfo.processInfo.environment["STEWARD_LONG_TESTS"] != nil

  /// A sealed file as it lies in a store.
  private struct Stored {
    let key: SecretBytes
    let context: [UInt8]
    let header: [UInt8]
    let chunks: [[UInt8]]

    init(_ count: Int, tenant: TenantID, file: FileID, key: SecretBytes) throws {
      self.key = key
      context = SealingContext.file(tenant: tenant, file: file)
      var sealer = SealedFile.Sealer(key: key, context: context)
      header = sealer.header
      let sealed = try sealer.take([UInt8](repeating: 7, count: count)) + sealer.finish()
      chunks = stride(from: 0, to: sealed.count, by: SealedFile.chunkSize + SealedFile.tagSize).map {
        Array(sealed[$0..<min($0 + SealedFile.chunkSize + SealedFile.tagSize, sealed.count)])
      }
    }
  }

  private static func open(_ chunks: [[UInt8]], header: [UInt8], key: SecretBytes, context: [UInt8]) -> Bool {
    let size = Int64(chunks.reduce(header.count) { $0 + $1.count })
    guard var opener = try? SealedFile.Opener(key: key, context: context, size: size, header: header) else {
      return false
    }
    for chunk in chunks where (try? opener.open(chunk)) == nil { return false }
    return opener.nextCount == nil
  }

  @Test("a chunk opens in its own file, under its own key and header, and nowhere else")
  func moved() throws {
    let tenants = (1...2).map { TenantID.make(at: Instant(milliseconds: $0)) }
    let keys = (0..<3).map { _ in SecretBytes.random() }
    let files = (1...3).map { FileID.make(at: Instant(milliseconds: $0)) }
    let all = try tenants.flatMap { tenant in
      try files.flatMap { file in try keys.map { try Stored(32, tenant: tenant, file: file, key: $0) } }
    }
    var random = SystemRandomNumberGenerator()
    var opened = 0
    for _ in 0..<(Self.isLong ? 1_000_000 : 4_000) {
      let (one, other) = (Int.random(in: 0..<all.count, using: &random), Int.random(in: 0..<all.count, using: &random))
      // Which of the four parts come from the other file.
      let moved = Int.random(in: 0..<16, using: &random)
      func from(_ part: Int) -> Stored { all[moved & 1 << part == 0 ? one : other] }
      let isOpen = Self.open(from(0).chunks, header: from(1).header, key: from(2).key, context: from(3).context)
      // Files of one tenant and name, or under one key, share that part.
      let isHome =
        from(0).header == from(1).header && from(1).key === from(2).key && from(1).context == from(3).context
      if isOpen != isHome { opened += 1 }
    }
    #expect(opened == 0)
  }

  @Test("chunks of a file open in their order, and none can be left out, repeated or exchanged for another's")
  func order() throws {
    let tenant = TenantID.make(at: Instant(milliseconds: 1))
    let key = SecretBytes.random()
    let stored = try (1...2).map {
      try Stored(
        2 * SealedFile.chunkSize + 5, tenant: tenant, file: FileID.make(at: Instant(milliseconds: $0)), key: key)
    }
    var random = SystemRandomNumberGenerator()
    for _ in 0..<(Self.isLong ? 4_000 : 40) {
      let count = Int.random(in: 1...4, using: &random)
      let choice = (0..<count).map { _ in
        (Int.random(in: 0...1, using: &random), Int.random(in: 0...2, using: &random))
      }
      let isHome = choice.map(\.0) == [0, 0, 0] && choice.map(\.1) == [0, 1, 2]
      let isOpen = Self.open(
        choice.map { stored[$0.0].chunks[$0.1] }, header: stored[0].header, key: key, context: stored[0].context)
      #expect(isOpen == isHome)
    }
  }
}
