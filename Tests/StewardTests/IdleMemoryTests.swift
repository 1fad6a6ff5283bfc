import Foundation
import Testing

@testable import Server

@Suite("A server at rest is small")
struct IdleMemoryTests {
  @Test("memory goes back once what ran has come to rest, and not again for nothing")
  func rest() {
    var rest = IdleMemory.Rest(at: 2)
    // Works; comes to rest; stays at rest, with little work in between; works again, and comes to rest.
    let seen = [8, 8.1, 8.2, 8.6, 14, 14.1].map { rest.isDue(at: $0) }
    #expect(seen == [false, true, false, false, false, true])
  }

  @Test("only executable mappings of files, which nobody can have written to, are taken out")
  func mappings() {
    let maps = """
      55d0a0000000-55d0a0010000 r--p 00000000 fe:00 123                        /usr/bin/steward
      55d0a0010000-55d0a0030000 r-xp 00010000 fe:00 123                        /usr/bin/steward
      55d0a0030000-55d0a0040000 rw-p 00030000 fe:00 123                        /usr/bin/steward
      7f0000000000-7f0000010000 r-xp 00000000 00:00 0
      7f0000010000-7f0000020000 rwxp 00000000 fe:00 124                        /usr/lib/jit.so
      7f0000020000-7f0000021000 r-xp 00000000 fe:00 125                        /usr/lib/a name.so
      7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
      nonsense
      """
    #expect(IdleMemory.code(in: maps) == [0x55d0_a001_0000..<0x55d0_a003_0000, 0x7f00_0002_0000..<0x7f00_0002_1000])
  }

  @Test("lines keep their order, and what is urgent takes with it what waits")
  func lines() throws {
    let pipe = Pipe()
    let sink = LineSink(descriptor: pipe.fileHandleForWriting.fileDescriptor)
    sink.write(Array("first\n".utf8), isUrgent: false)
    sink.write(Array("second\n".utf8), isUrgent: true)
    #expect(pipe.fileHandleForReading.availableData == Data("first\nsecond\n".utf8))
    sink.write(Array("third\n".utf8), isUrgent: false)
    #expect(pipe.fileHandleForReading.availableData == Data("third\n".utf8), "it comes by itself")
  }
}
