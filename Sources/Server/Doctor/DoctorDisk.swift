import Custody
import Platform

/// Time, space, and whether the disk keeps its word.
extension Doctor {
  // MARK: Time

  func time() -> [Diagnosis] {
    let synchronised =
      switch machine.isClockSynchronised {
      case true?: Diagnosis("clock", .good, "A time service keeps the clock.")
      case false?:
        Diagnosis(
          "clock", .warning,
          "Nothing keeps the clock: times on the record may be wrong; run a time service such as systemd-timesyncd or chrony."
        )
      case nil: Diagnosis("clock", .unknown, "Whether a time service keeps the clock cannot be seen here.")
      }
    return [synchronised, ahead()].compactMap(\.self)
  }

  /// The record never goes back: a clock behind it is held until it has caught up.
  private func ahead() -> Diagnosis? {
    guard let latest = inspection()?.latest else { return nil }
    let seconds = (latest.milliseconds - clock.now.milliseconds) / 1_000
    guard seconds > 5 else { return nil }
    return Diagnosis(
      "clock", .bad,
      "The clock is \(seconds) seconds behind the last entry: new entries carry that entry's time until it has caught up; correct the clock."
    )
  }

  func inspection() -> Inspection? {
    try? Inspection.run(dataDirectory: settings.data, systemSlug: Tenants.systemSlug)
  }

  // MARK: Space

  func disk() -> [Diagnosis] {
    places.compactMap { what, path in space(what, path) } + [honesty()]
  }

  /// The directories of this installation; keys in a database have none.
  private var places: [(String, String)] {
    [("data", settings.data)] + (settings.keyLocation.directory.map { [("keys", $0)] } ?? [])
  }

  private func space(_ what: String, _ path: String) -> Diagnosis? {
    guard let volume = machine.volume(path) else { return nil }
    let free = "\(volume.freeBytes >> 20) MiB"
    let isTight = volume.freeBytes < 1 << 30 || volume.freeBytes < volume.sizeBytes / 20
    if volume.freeBytes < 200 << 20 {
      return Diagnosis("disk", .bad, "Only \(free) are free for \(what): writes will soon be refused; free space now.")
    }
    if volume.inodes > 0, volume.freeInodes < volume.inodes / 20 {
      return Diagnosis("disk", .warning, "Few inodes are left for \(what); remove small files from that volume.")
    }
    return isTight
      ? Diagnosis("disk", .warning, "\(free) are free for \(what); plan for more before it fills.")
      : Diagnosis("disk", .good, "\(free) are free for \(what).")
  }

  /// No disk that has to move or to burn something answers within a few microseconds.
  private func honesty() -> Diagnosis {
    let times = machine.syncMicroseconds(settings.data).sorted()
    guard !times.isEmpty else {
      return Diagnosis(
        "sync", .unknown,
        "Whether the disk keeps its word was not measured: this user cannot write to the data directory.")
    }
    let median = times[times.count / 2]
    let figure = "4 KiB and a sync take \(Int(median)) µs"
    if median < 15 {
      return Diagnosis(
        "sync", .warning,
        "\(figure): so soon no disk has written; a power cut may lose what was acknowledged. Look for write caches without a battery, or a virtual disk that ignores syncs."
      )
    }
    return median > 50_000
      ? Diagnosis("sync", .warning, "\(figure): every write waits as long; use a faster disk.")
      : Diagnosis("sync", .good, "\(figure), as with a disk that waits until it has written.")
  }

  // MARK: Volumes

  func volumes() -> [Diagnosis] {
    places.flatMap { what, path -> [Diagnosis] in
      guard let mount = machine.mount(of: path) else {
        return [Diagnosis("volume", .unknown, "Which file system \(path) lies on cannot be seen here.")]
      }
      return [kind(what, mount), encryption(what, mount)]
    }
  }

  private func kind(_ what: String, _ mount: Machine.Mount) -> Diagnosis {
    switch mount.kind {
    case "nfs4" where what == "keys":
      Diagnosis(
        "volume", .warning,
        "The keys lie on nfs4, which several servers may share: its locks hold; see to it that the share is exported with sync."
      )
    case "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "virtiofs", "afs", "lustre":
      Diagnosis(
        "volume", .bad,
        "The \(what) lie on \(mount.kind), over the network, where locks and syncs do not hold; use a local disk.")
    case let kind where kind.hasPrefix("fuse"):
      Diagnosis(
        "volume", .warning,
        "The \(what) lie on \(kind): whether syncs hold depends on the program behind it; use a local disk.")
    case "tmpfs", "ramfs":
      Diagnosis("volume", .bad, "The \(what) lie in memory (\(mount.kind)) and are gone with the power; use a disk.")
    case "overlay", "aufs":
      Diagnosis(
        "volume", .warning, "The \(what) lie in a container's own layer (\(mount.kind)) and go with it; mount a volume."
      )
    default: Diagnosis("volume", .good, "The \(what) lie on \(mount.kind) at \(mount.place).")
    }
  }

  private func encryption(_ what: String, _ mount: Machine.Mount) -> Diagnosis {
    guard !mount.device.hasPrefix("0:") else {
      return Diagnosis(
        "encryption", .unknown,
        "Whether the volume of the \(what) is encrypted cannot be seen from here; ask whoever keeps the machine.")
    }
    return isEncrypted(mount.device, depth: 0)
      ? Diagnosis("encryption", .good, "The volume of the \(what) is encrypted (dm-crypt).")
      : Diagnosis(
        "encryption", .warning,
        "No encryption of the volume of the \(what) was found: content is sealed anyway, times and ids are not; use LUKS, or know that the disk below encrypts."
      )
  }

  private func isEncrypted(_ device: String, depth: Int) -> Bool {
    if machine.mapping(device)?.hasPrefix("CRYPT-") == true { return true }
    return depth < 8 && machine.below(device).contains { isEncrypted($0, depth: depth + 1) }
  }
}
