import Kernel
import Synchronization

/// What can be said of the installation's backups at a moment.
package struct BackupFacts: Sendable, Equatable {
  /// One backup of the whole installation, as its signed manifest says.
  package struct Kept: Sendable, Equatable {
    package let id: String
    package let made: Instant
    package let isBase: Bool
    /// SHA-256 of its manifest.
    package let manifest: Digest

    package init(id: String, made: Instant, isBase: Bool, manifest: Digest) {
      self.id = id
      self.made = made
      self.isBase = isBase
      self.manifest = manifest
    }
  }

  /// Oldest first.
  package var kept: [Kept]
  /// Days for which they are meant to be kept.
  package var retentionDays: Int
  /// Objects of the newest backup that should be sealed, and how many of them are, by their headers.
  package var objects: Int
  package var sealedObjects: Int
  /// Keys of backups whose time was over more than a day ago, and which nobody has ended; nil while the key store cannot be asked.
  package var overdueKeys: Int?
  /// Places of the keys where one that ended more than a day ago is still, by their labels.
  package var pendingPlaces: [String]
  /// Backups of before there were keys that end: a copy of one opens for as long as the root key lives.
  package var endless: Int

  package init(
    kept: [Kept], retentionDays: Int, objects: Int, sealedObjects: Int, overdueKeys: Int? = 0,
    pendingPlaces: [String] = [], endless: Int = 0
  ) {
    self.endless = endless
    self.overdueKeys = overdueKeys
    self.pendingPlaces = pendingPlaces
    self.kept = kept
    self.retentionDays = retentionDays
    self.objects = objects
    self.sealedObjects = sealedObjects
  }

  package var newest: Instant? { kept.last?.made }
  package var oldest: Instant? { kept.first?.made }
}

/// A real backup of a hidden tenant in a directory of its own, for checks to look into.
package struct BackupSpecimen: Sendable {
  package let directory: String
  /// Stands in the clear in it.
  package let control: String
  /// First lines of all objects that should be sealed.
  package let headers: [String]
  /// Whether everything in it opens, and holds what was signed, with the root key; and whether anything does with another key.
  package let opensWithKey: Bool
  package let opensWithAnotherKey: Bool

  package init(directory: String, control: String, headers: [String], opensWithKey: Bool, opensWithAnotherKey: Bool) {
    self.directory = directory
    self.control = control
    self.headers = headers
    self.opensWithKey = opensWithKey
    self.opensWithAnotherKey = opensWithAnotherKey
  }
}

/// Small backups of one hidden tenant at a place of their own, made at whatever time, for checks to restore and to let grow old.
package struct BackupDrill: Sendable {
  /// What came back from one.
  package struct Restored: Sendable, Equatable {
    /// Where it lies.
    package let directory: String
    /// `table/id` of every row of a primary table that is there.
    package let rows: Set<String>
    /// Those whose content opens.
    package let opening: Set<String>

    package init(directory: String, rows: Set<String>, opening: Set<String>) {
      self.directory = directory
      self.rows = rows
      self.opening = opening
    }
  }

  /// Makes one as if it were that time, and removes what is over its time by the installation's rule; answers its name.
  package var make: @Sendable (Instant) async throws -> String
  /// Names of those of which anything lies there.
  package var lying: @Sendable () async throws -> Set<String>
  /// Rebuilds what one holds in a directory of its own with today's keys, as `steward backup restore` does, and looks into it.
  package var restore: @Sendable (String) async throws -> Restored
  /// Copies what lies there now to a place that no schedule knows, as somebody would who wants to keep it.
  package var copy: @Sendable () async throws -> Void
  /// Whether one opens in that copy with all that there is: today's root key and every place of the keys.
  package var opensInCopy: @Sendable (String) async throws -> Bool
  /// How many places of the keys hold a file of the key of one, and how many of them could not be asked.
  package var keyCopies: @Sendable (String) async throws -> KeyCopies
  /// Ends the keys of all of them, and removes all of it.
  package var clear: @Sendable () async -> Void

  package struct KeyCopies: Sendable, Equatable {
    package let holding: Int
    package let unknown: Int

    package init(holding: Int, unknown: Int) {
      self.holding = holding
      self.unknown = unknown
    }
  }

  package init(
    make: @escaping @Sendable (Instant) async throws -> String,
    lying: @escaping @Sendable () async throws -> Set<String>,
    restore: @escaping @Sendable (String) async throws -> Restored,
    copy: @escaping @Sendable () async throws -> Void = {},
    opensInCopy: @escaping @Sendable (String) async throws -> Bool = { _ in false },
    keyCopies: @escaping @Sendable (String) async throws -> KeyCopies = { _ in KeyCopies(holding: 0, unknown: 0) },
    clear: @escaping @Sendable () async -> Void
  ) {
    self.copy = copy
    self.opensInCopy = opensInCopy
    self.keyCopies = keyCopies
    self.make = make
    self.lying = lying
    self.restore = restore
    self.clear = clear
  }
}

/// The backups as other parts see them; `Server` puts in what knows. Until then, and without a place, nothing is known.
package final class BackupStatus: Sendable {
  private struct Source {
    var facts: @Sendable () async throws -> BackupFacts? = { nil }
    var specimen: (@Sendable (TenantID) async throws -> BackupSpecimen)?
    var drill: (@Sendable (TenantID) async throws -> BackupDrill)?
  }

  private let source = Mutex(Source())

  package init() {}

  package func bind(
    facts: @escaping @Sendable () async throws -> BackupFacts?,
    specimen: @escaping @Sendable (TenantID) async throws -> BackupSpecimen,
    drill: (@Sendable (TenantID) async throws -> BackupDrill)? = nil
  ) {
    source.withLock { $0 = Source(facts: facts, specimen: specimen, drill: drill) }
  }

  /// For a hidden tenant; whoever asks clears it.
  package func drill(of tenant: TenantID) async throws -> BackupDrill {
    guard let make = source.withLock({ $0.drill }) else {
      throw Problem(.unavailable, "Backups are not restored in this process.")
    }
    return try await make(tenant)
  }

  /// Nil while no place for backups is configured. Throws if the place cannot be read.
  package func facts() async throws -> BackupFacts? { try await source.withLock { $0.facts }() }

  /// Makes one; whoever asks removes its directory.
  package func specimen(of tenant: TenantID) async throws -> BackupSpecimen {
    guard let make = source.withLock({ $0.specimen }) else {
      throw Problem(.unavailable, "Backups are not put together in this process.")
    }
    return try await make(tenant)
  }
}
