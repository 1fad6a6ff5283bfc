import Platform

/// Keeps registry ids unique within a tenant: their keyed hashes stand in a derived table, since the ids themselves are sealed.
enum VendorRegistry {
  static let table = Table(
    "vendor_registry", .derived,
    columns: [
      Column("hash", .bytes, .key, purpose: "keyed hash of a registry id", nullable: false),
      Column("vendor", .text, .key, purpose: "the vendor that has it", nullable: false),
    ],
    primaryKey: ["hash"], retention: "with the vendor")

  static let derivation = Derivation(of: table, from: VendorRecord.self) { vendor, reader in
    vendor.details.registryID.map { [.bytes(hash($0, reader)), vendor.id.value] }
  }

  static func vendor(_ registryID: String, _ reader: Reader) throws -> VendorRecord? {
    let found = try reader.rows(
      "SELECT vendor FROM vendor_registry WHERE tenant = \(reader.tenant) AND hash = \(hash(registryID, reader))")
    guard let key = found.first?.first?.text else { return nil }
    return try reader.find(VendorRecord.self, key)
  }

  /// Moves the vendor from its old registry id to its new one; `conflict` if another vendor has that.
  static func move(_ vendor: VendorID, from old: String?, to new: String?, _ work: Work) throws {
    guard old != new else { return }
    if let new, let other = try self.vendor(new, work), other.id != vendor {
      let sentence = other.trashed == nil ? "Another vendor has this registry id." : inTrash
      throw Problem(.conflict, sentence, errors: [Problem.FieldError("registry_id", sentence)])
    }
    if let old {
      try work.run("DELETE FROM vendor_registry WHERE tenant = \(work.tenant) AND hash = \(hash(old, work))", on: table)
    }
    if let new {
      try work.run(
        "INSERT INTO vendor_registry (tenant, hash, vendor) VALUES (\(work.tenant), \(hash(new, work)), \(vendor))",
        on: table)
    }
  }

  static let inTrash = "A vendor with this registry id is in the trash; bring it back instead."

  private static func hash(_ registryID: String, _ reader: Reader) -> [UInt8] {
    reader.keyedHash("vendor.registry_id", registryID)
  }
}
