import Platform

/// What only the probes' register can do.
extension Register {
  /// Has the outbox say that the notices of a probe tenant were taken. Nothing is ever sent from there, so nobody else would.
  package func deliver(_ id: SubprocessorID, in tenant: TenantID) async throws -> Int {
    try checkProbe(tenant)
    guard let announced = try await provider(id).announced else { return 0 }
    let now = services.now
    let act = Act("subprocessor.probe", on: ObjectRef("subprocessor", id), by: actor)
    return try await services.ledger.write(tenant, act) { work in
      let notices = try work.fetch(Notice.self, "AND announcement = \(announced.id)")
      for notice in notices {
        guard var message = try work.find(MessageRecord.self, notice.message) else { continue }
        message.state = .sent
        message.changedAt = now
        try work.update(message)
      }
      return notices.count
    }.value
  }

  /// Removes every entry with its notices and objections, so that the next run begins with nothing.
  package func clear() async throws {
    for tenant in try await registers.audience(of: realm) {
      try checkProbe(tenant.id)
      let act = Act("subprocessor.probe", on: ObjectRef("tenant", tenant.id), by: actor)
      let isClean = try await services.ledger.read(tenant.id) { reader in try Register.rest(reader).isEmpty }
      if isClean { continue }
      _ = try await services.ledger.write(tenant.id, act) { work in
        for notice in try work.fetch(Notice.self) {
          if try work.find(MessageRecord.self, notice.message) != nil {
            try work.delete(MessageRecord.self, notice.message.text)
          }
        }
        for (table, key) in try Register.rest(work) { try Register.remove(table, key, work) }
      }
    }
  }

  private static func rest(_ reader: Reader) throws -> [(table: String, key: String)] {
    try reader.fetch(Notice.self).map { (Notice.table.name, $0.key) }
      + reader.fetch(Objection.self).map { (Objection.table.name, $0.key) }
      + reader.fetch(RegisterChange.self).map { (RegisterChange.table.name, $0.key) }
      + reader.fetch(Provider.self).map { (Provider.table.name, $0.key) }
  }

  private static func remove(_ table: String, _ key: String, _ work: Work) throws {
    switch table {
    case Notice.table.name: try work.delete(Notice.self, key)
    case Objection.table.name: try work.delete(Objection.self, key)
    case RegisterChange.table.name: try work.delete(RegisterChange.self, key)
    default: try work.delete(Provider.self, key)
    }
  }

  private func checkProbe(_ tenant: TenantID) throws {
    guard realm == .probes, registers.realm(of: tenant) == .probes else {
      throw Problem(.forbidden, "This is for the tenants of the checks only.")
    }
  }
}
