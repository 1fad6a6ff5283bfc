import Platform

extension VendorDesk {
  /// Puts a vendor into the trash, and those of its cases that are not there yet with it.
  package func discard(_ id: VendorID, by person: PersonID) async throws -> Written<VendorRecord> {
    let tenant = tenant
    return try await ledger.write(tenant, Act("vendor.trash", on: ObjectRef("vendor", id), by: actor)) { work in
      guard var vendor = try work.find(VendorRecord.self, id) else { throw try work.absence("vendor", id.text) }
      guard vendor.trashed == nil else { throw Trash.lying }
      let cases = try CaseStore.heads(of: id, work)
      let about = cases.map { ObjectRef("case", $0.file.id) } + [ObjectRef("tenant", tenant)]
      guard try !work.isHeld([RowRef(table: "vendor", id: id.text)], about: about) else { throw Trash.held }
      let trashed = Trashed(at: work.now, by: person)
      vendor.trashed = trashed
      try work.update(vendor)
      for record in cases where record.file.trashed == nil {
        var head = record.file
        head.trashed = trashed
        try work.update(CaseRecord(head))
      }
      return vendor
    }
  }

  /// Brings it back with the cases that went with it. Cases that somebody put into the trash by themselves stay there.
  package func restore(_ id: VendorID) async throws -> Written<VendorRecord> {
    try await ledger.write(tenant, Act("vendor.restore", on: ObjectRef("vendor", id), by: actor)) { work in
      guard var vendor = try work.find(VendorRecord.self, id) else { throw try work.absence("vendor", id.text) }
      guard let trashed = vendor.trashed else { throw Trash.notThere }
      vendor.trashed = nil
      try work.update(vendor)
      for record in try CaseStore.heads(of: id, work) where record.file.trashed == trashed {
        var head = record.file
        head.trashed = nil
        try work.update(CaseRecord(head))
      }
      return vendor
    }
  }

  /// The latest first.
  package func trashed(limit: Int) async throws -> [VendorRecord] {
    try await ledger.read(tenant) {
      try $0.fetch(VendorRecord.self, "AND trashed_at IS NOT NULL ORDER BY trashed_at DESC, id LIMIT \(limit)")
    }
  }
}

extension CaseStore {
  /// The heads of all cases of a vendor, in the trash or not.
  static func heads(of vendor: VendorID, _ reader: Reader) throws -> [CaseRecord] {
    try reader.fetch(CaseRecord.self, "AND vendor = \(vendor) ORDER BY id")
  }
}
