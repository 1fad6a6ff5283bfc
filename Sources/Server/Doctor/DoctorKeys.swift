import Custody
import Platform

/// Keys, their replicas, and where they lie.
extension Doctor {
  func keys() -> [Diagnosis] { [rootKey(), apart()].compactMap(\.self) + replicas() }

  private func rootKey() -> Diagnosis {
    let path = settings.keys + "/root.key"
    if let facts = FileFacts(of: path), facts.mode & 0o077 != 0 {
      return Diagnosis("keys", .bad, "Others can read \(path); run chmod 0600 \(path).")
    }
    do {
      _ = try FileKeyProvider(path: path, dataDirectory: settings.data).rootKey()
      return Diagnosis("keys", .good, "The root key can be read and is well-formed.")
    } catch {
      return Diagnosis(
        "keys", .bad,
        (error as? Problem)?.message
          ?? "The root key cannot be read by this user; run this as the user that Steward runs as.")
    }
  }

  /// What lies on one disk is lost with one disk, and copied with one copy.
  private func apart() -> Diagnosis? {
    guard let data = FileFacts(of: settings.data), let keys = FileFacts(of: settings.keys) else { return nil }
    guard data.device == keys.device else {
      return Diagnosis("keys", .good, "Data and keys lie on different file systems.")
    }
    return Diagnosis(
      "keys", settings.keyReplicas.isEmpty ? .warning : .good,
      "Data and keys lie on one file system: whoever copies it has both, and whoever loses it loses both; put the keys on another, or a replica."
    )
  }

  private func replicas() -> [Diagnosis] {
    // Those that the key store remembers count too: a start without one of them is refused.
    let remembered = (try? KeyReplicas.recorded(in: settings.keys)) ?? []
    let places = settings.keyReplicas + remembered.filter { !settings.keyReplicas.contains($0) }
    guard !places.isEmpty else {
      return [
        Diagnosis(
          "replicas", .warning,
          "There is no replica of the keys: if \(settings.keys) is lost, all data is lost; name one under key_replicas."
        )
      ]
    }
    let original = Doctor.files(in: settings.keys)
    return places.map { replica in
      guard FileFacts(of: replica)?.kind == .directory else {
        return Diagnosis(
          "replicas", .bad, "The replica \(replica) cannot be reached: nothing new can be sealed; mount it.")
      }
      let copy = Doctor.files(in: replica)
      let different = original.filter { !Doctor.liveOnly.contains($0.key) && copy[$0.key] != $0.value }.count
      guard different == 0 else {
        return Diagnosis(
          "replicas", .bad,
          "\(different) files of the replica \(replica) are missing or differ; restart the server, which brings it up to date."
        )
      }
      return Diagnosis("replicas", .good, "The replica \(replica) is equal to the key directory.")
    }
  }

  /// What a replica never holds.
  private static let liveOnly: Set<String> = ["root.key", "replicas"]

  /// Digests by path below `directory`; files that are being written are left out.
  private static func files(in directory: String, below: String = "") -> [String: Digest] {
    var found: [String: Digest] = [:]
    for name in DirectoryList.names(in: directory + "/" + below) where !name.hasSuffix(".new") {
      let path = below.isEmpty ? name : below + "/" + name
      switch FileFacts(of: directory + "/" + path)?.kind {
      case .directory?: found.merge(files(in: directory, below: path)) { $1 }
      case .file?:
        if let bytes = try? DurableFile.read(directory + "/" + path) { found[path] = Digest(sha256: bytes) }
      default: break
      }
    }
    return found
  }
}
