import Foundation
import Platform
@testable import Server
import TestKit
import Testing

@Suite("Doctor")
struct DoctorTests {
  /// A machine on which nothing is wrong.
  private var machine: Machine {
    var machine = Machine()
    machine.isClockSynchronised = true
    machine.descriptorLimit = 65_536
    machine.mounts = [Machine.Mount(device: "253:1", place: "/", kind: "ext4")]
    machine.syncMicroseconds = { _ in [400, 500, 600] }
    machine.mapping = { $0 == "254:0" ? "CRYPT-LUKS2-abc" : nil }
    machine.below = { $0 == "253:1" ? ["254:0"] : [] }
    return machine
  }

  private func settings(_ house: House, _ more: String = "") throws -> Settings {
    let text = "data: \(house.directory)/data\nkeys: \(house.directory)/data.keys\n" + more
    return try Settings(SettingsFile(path: "s.yaml", text: text))
  }

  private func examined(_ house: House, _ more: String = "", _ machine: Machine? = nil) throws -> [Diagnosis] {
    Doctor(try settings(house, more), clock: house.clock, machine: machine ?? self.machine).examine()
  }

  private func worst(_ topic: String, _ found: [Diagnosis]) -> Diagnosis? {
    found.filter { $0.topic == topic }.max { $0.grade < $1.grade }
  }

  @Test("of a sound installation it finds nothing bad, and each sentence ends")
  func sound() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let found = try examined(house)
    #expect(found.filter { $0.grade == .bad } == [])
    for topic in ["versions", "clock", "disk", "sync", "volume", "encryption", "limits", "data"] {
      #expect(worst(topic, found)?.grade == .good, "\(topic): \(String(describing: worst(topic, found)))")
    }
    #expect(found.allSatisfy { $0.sentence.hasSuffix(".") })
  }

  @Test("what others can read is bad")
  func modes() async throws {
    let house = try await House.open()
    defer { house.leave() }
    chmod(house.directory + "/data", 0o755)
    #expect(worst("data", try examined(house))?.sentence.contains("chmod 0700") == true)
    chmod(house.directory + "/data", 0o700)
    chmod(house.directory + "/data.keys/root.key", 0o644)
    #expect(worst("keys", try examined(house))?.sentence.contains("chmod 0600") == true)
  }

  @Test("a damaged root key, a replica that is gone and one that differs are bad")
  func keys() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let replica = house.directory + "/replica"
    let more = "key_replicas: [\(replica)]"
    #expect(worst("replicas", try examined(house, more))?.sentence.contains("cannot be reached") == true)
    try FileManager.default.copyItem(atPath: house.directory + "/data.keys", toPath: replica)
    #expect(worst("replicas", try examined(house, more))?.grade == .good)
    try "other".write(toFile: replica + "/installation.key", atomically: false, encoding: .utf8)
    #expect(worst("replicas", try examined(house, more))?.sentence.hasPrefix("1 files") == true)
    try "zz".write(toFile: house.directory + "/data.keys/root.key", atomically: false, encoding: .utf8)
    #expect(worst("keys", try examined(house))?.grade == .bad)
  }

  @Test("a disk that answers too soon, a network file system, memory and a container's layer are told")
  func disks() async throws {
    let house = try await House.open()
    defer { house.leave() }
    var machine = machine
    machine.syncMicroseconds = { _ in [1, 2, 3] }
    #expect(worst("sync", try examined(house, "", machine))?.grade == .warning)
    for (kind, grade) in [
      ("nfs4", Diagnosis.Grade.bad), ("tmpfs", .bad), ("overlay", .warning), ("fuse.sshfs", .warning),
    ] {
      machine.mounts = [Machine.Mount(device: "0:5", place: "/", kind: kind)]
      #expect(worst("volume", try examined(house, "", machine))?.grade == grade, "\(kind)")
      #expect(worst("encryption", try examined(house, "", machine))?.grade == .unknown)
    }
    machine.mounts = [Machine.Mount(device: "8:1", place: "/", kind: "ext4")]
    #expect(worst("encryption", try examined(house, "", machine))?.grade == .warning)
  }

  @Test("the mount of a path is the longest that leads to it, and names with spaces are read")
  func mounts() {
    var machine = machine
    machine.mounts = Machine.mounts(
      parsing: """
        22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
        40 22 253:0 / /srv/my\\040data rw,relatime - xfs /dev/mapper/data rw
        41 22 0:40 / /srv/my rw - tmpfs tmpfs rw
        """)
    #expect(machine.mount(of: "/srv/my data/x")?.kind == "xfs")
    #expect(machine.mount(of: "/srv/mydata")?.kind == "ext4")
    #expect(machine.mount(of: "/srv/my/x")?.kind == "tmpfs")
  }

  @Test("a clock behind the record is bad, one that nobody keeps is a warning")
  func clock() async throws {
    let house = try await House.open()
    defer { house.leave() }
    var machine = machine
    machine.isClockSynchronised = false
    #expect(worst("clock", try examined(house, "", machine))?.grade == .warning)
    house.clock.set(House.beginning.adding(seconds: -600))
    #expect(worst("clock", try examined(house))?.sentence.contains("600 seconds behind") == true)
  }

  @Test("a certificate is tried against its key, and its end is told")
  func certificates() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let directory = house.directory
    for name in ["a", "b"] {
      let openssl = Process()
      openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
      openssl.arguments = [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
        "/CN=localhost", "-keyout", "\(directory)/\(name).key", "-out", "\(directory)/\(name).pem",
      ]
      openssl.standardError = FileHandle.nullDevice
      try openssl.run()
      openssl.waitUntilExit()
      chmod("\(directory)/\(name).key", 0o600)
    }
    house.clock.set(SystemClock().now)
    let good = "tls:\n  certificate: \(directory)/a.pem\n  key: \(directory)/a.key"
    #expect(worst("tls", try examined(house, good))?.grade == .good)
    let mixed = "tls:\n  certificate: \(directory)/a.pem\n  key: \(directory)/b.key"
    #expect(worst("tls", try examined(house, mixed))?.sentence.contains("does not belong") == true)
    house.clock.advance(seconds: 20 * 86_400)
    #expect(worst("tls", try examined(house, good))?.grade == .warning)
    house.clock.advance(seconds: 20 * 86_400)
    #expect(worst("tls", try examined(house, good))?.sentence.contains("expired") == true)
  }
}
