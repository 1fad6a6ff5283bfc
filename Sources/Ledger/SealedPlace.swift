import Custody
import Kernel

/// Where sealed bytes are claimed to belong, as in docs/format.md §5.1.
package struct SealedPlace: Sendable, Hashable {
  package var tenant: TenantID
  package var table: String
  package var key: String
  package var schema: Int64
  package var subject: SubjectRef

  package init(tenant: TenantID, table: String, key: String, schema: Int64, subject: SubjectRef) {
    self.tenant = tenant
    self.table = table
    self.key = key
    self.schema = schema
    self.subject = subject
  }
}

extension Ledger {
  /// Tells whether sealed bytes of a row open at `place` with the subject key that `tenant` holds under the place's slot.
  /// Gives no content. For checks: refused unless both tenants are hidden.
  package func opens(_ box: [UInt8], at place: SealedPlace, keysOf tenant: TenantID) async throws -> Bool {
    guard self.tenant(tenant)?.isHidden == true, self.tenant(place.tenant)?.isHidden == true else {
      throw Problem(.forbidden, "Only rows of probe tenants can be tried.")
    }
    let context = SealingContext.row(tenant: place.tenant, table: place.table, key: place.key, schema: place.schema)
    let key = try await using(tenant) { try $0.keys.key(of: place.subject) }
    return (try? Box.open(box, key: key, context: context)) != nil
  }
}
