import Custody
import Foundation
import Platform

/// Keys, their replicas, and where they lie.
extension Doctor {
  func keys() -> [Diagnosis] { [rootKey(), kit(), kitNamesKey(), apart()].compactMap(\.self) + replicas() + labels() }

  /// As what the records of erasures, which customers read, name the places of the keys.
  private func labels() -> [Diagnosis] {
    guard let text = try? String(contentsOfFile: settings.data + "/steward.vkey", encoding: .utf8),
      let key = try? VerifierKey(parsing: text.trimmed), let store = try? settings.keyLocation.place
    else { return [] }
    let installation = String(key.name.drop { $0 != "/" }.dropFirst())
    let replicas = (try? KeyReplicas.recorded(at: store).map(\.description)) ?? []
    let places = [(store.description, true)] + replicas.map { ($0, false) }
    return places.map { place, isLive in
      let label = KeyPlaceLabel.text(place, isLive: isLive, installation: installation)
      return Diagnosis("keys", .good, "Records of erasures call \(place) \(label).")
    }
  }

  private func rootKey() -> Diagnosis {
    do {
      guard let path = try settings.keyLocation.rootKeyFile else { return try wrappedRootKey() }
      if let facts = FileFacts(of: path), facts.mode & 0o077 != 0 {
        return Diagnosis("keys", .bad, "Others can read \(path); run chmod 0600 \(path).")
      }
      let place = try settings.keyLocation.place
      _ =
        try KeyStore.isMade(at: place)
        ? KeyStore(at: place, provider: FileKeyProvider(path: path, dataDirectory: settings.data)).providerKind
        : FileKeyProvider(path: path, dataDirectory: settings.data).rootKey().description
      return Diagnosis("keys", .good, "The root key can be read and is well-formed.")
    } catch {
      return Diagnosis(
        "keys", .bad,
        (error as? Problem)?.message
          ?? "The root key cannot be read by this user; run this as the user that Steward runs as.")
    }
  }

  /// Kept by somebody else, who is asked.
  private func wrappedRootKey() throws -> Diagnosis {
    let location = settings.keyLocation
    let provider = try location.provider(dataDirectory: settings.data)
    if case .passphrase(nil) = try location.root {
      return Diagnosis("keys", .good, "The root key opens with a passphrase, which is asked for at each start.")
    }
    _ = try KeyStore(at: try location.place, provider: provider)
    return Diagnosis(
      "keys", .good, "The root key is kept by \(provider.kind), key \(provider.keyName), which gives it.")
  }

  /// A kit from before the root key was changed opens nothing.
  private func kit() -> Diagnosis? {
    guard let place = try? settings.keyLocation.place, let standing = try? RootStanding.read(at: place) else {
      return nil
    }
    if standing.isChanging {
      return Diagnosis(
        "keys", .bad,
        "A change of the root key was broken off; finish it with the same `steward keys root --to …` as before.")
    }
    guard standing.kitIsStale else { return nil }
    return Diagnosis(
      "keys", .bad,
      "The root key was changed\(standing.made.map { " on \($0)" } ?? "") and no recovery kit was made since: the old one opens nothing; make one with steward keys recovery."
    )
  }

  /// A kit from before the installation changed its key names the earlier one to whoever restores with it.
  private func kitNamesKey() -> Diagnosis? {
    guard let bytes = try? DurableFile.read(settings.data + "/steward.chain"),
      let since = try? InstallationTrust.links(bytes).last?.since, let place = try? settings.keyLocation.place,
      let standing = try? RootStanding.read(at: place), !standing.kitIsStale
    else { return nil }
    if let kit = standing.kit, kit.made >= since { return nil }
    return Diagnosis(
      "keys", .warning,
      "The installation's key was changed on \(since) and no recovery kit was made since: the old one names the old key; make one with steward keys recovery."
    )
  }

  /// What lies on one disk is lost with one disk, and copied with one copy.
  private func apart() -> Diagnosis? {
    guard settings.keyLocation.directory != nil else { return database() }
    guard let data = FileFacts(of: settings.data), let keys = FileFacts(of: settings.keys) else { return nil }
    guard data.device == keys.device else {
      return Diagnosis("keys", .good, "Data and keys lie on different file systems.")
    }
    return Diagnosis(
      "keys", settings.keyReplicas.isEmpty ? .warning : .good,
      "Data and keys lie on one file system: whoever copies it has both, and whoever loses it loses both; put the keys on another, or a replica."
    )
  }

  private func database() -> Diagnosis {
    do {
      let place = try settings.keyLocation.place
      guard try KeyStore.isMade(at: place) else {
        return Diagnosis(
          "keys", .bad, "The database \(settings.keys) holds no key store; make one with steward init, or correct keys."
        )
      }
      let data = try settings.database?.url ?? DataPlace.databaseURL(ofDirectory: settings.data)
      guard let data, place.isSameDatabase(as: data) else {
        return Diagnosis("keys", .good, "The database of the keys answers and holds a key store.")
      }
      return Diagnosis(
        "keys", .warning,
        "Data and keys lie in one database: whoever copies it has both but the root key, and whoever loses it loses both; name another under keys."
      )
    } catch {
      return Diagnosis(
        "keys", .bad, (error as? Problem)?.message ?? "The database \(settings.keys) of the keys cannot be asked.")
    }
  }

  private func replicas() -> [Diagnosis] {
    guard let store = try? settings.keyLocation.place else { return [] }
    // Those that the key store remembers count too: a start without one of them is refused.
    let remembered = (try? KeyReplicas.recorded(at: store).map(\.description)) ?? []
    let places = settings.keyReplicas + remembered.filter { !settings.keyReplicas.contains($0) }
    guard !places.isEmpty else {
      return [
        Diagnosis(
          "replicas", .warning,
          "There is no replica of the keys: if \(settings.keys) is lost, all data is lost; name one under key_replicas."
        )
      ]
    }
    return places.map { replica($0, of: store) }
  }

  private func replica(_ text: String, of store: KeyPlaceName) -> Diagnosis {
    guard let name = try? KeyPlaceName(text), let different = try? KeyReplicas.differences(of: name, from: store) else {
      return Diagnosis(
        "replicas", .bad,
        "The replica \(text) cannot be reached: nothing new can be sealed; mount it, or start its database.")
    }
    guard different == 0 else {
      return Diagnosis(
        "replicas", .bad,
        "\(different) files of the replica \(text) are missing or differ; restart the server, which brings it up to date."
      )
    }
    return Diagnosis("replicas", .good, "The replica \(text) is equal to the key store.")
  }
}
