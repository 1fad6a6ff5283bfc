import Kernel
import Testing

@Test("random bytes are handed out once, also to many at a time")
func randomBytesOnce() async {
  let drawn = await withTaskGroup(of: [[UInt8]].self) { group in
    for _ in 0..<8 { group.addTask { (0..<500).map { _ in RandomPool.bytes(16) } } }
    return await group.reduce(into: []) { $0 += $1 }
  }
  #expect(drawn.count == 4_000 && Set(drawn).count == 4_000)
  #expect(drawn.allSatisfy { $0.count == 16 })
}

@Test("any number of bytes can be asked for")
func randomBytesOfAnyCount() {
  for count in [0, 1, 7, 8, 9, 12, 4_095, 4_097] { #expect(RandomPool.bytes(count).count == count) }
}
