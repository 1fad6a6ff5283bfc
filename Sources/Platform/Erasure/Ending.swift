import Kernel
import Ledger

/// What an erasure was confirmed for takes up nothing more: from that transaction on, until its rows are gone. Otherwise what comes between the
/// parts of a large erasure would stay, and a hold that somebody was promised would hold nothing.
package enum Ending {
  /// Whether an erasure of one of these objects has begun.
  package static func isUnderWay(_ objects: [ObjectRef], _ reader: Reader) throws -> Bool {
    try objects.contains { object in
      try !reader.rows(
        """
        SELECT 1 FROM erasure WHERE tenant = \(reader.tenant) AND object_type = \(object.type)
        AND object_id = \(object.id) AND state IN ('started', 'pending') LIMIT 1
        """
      ).isEmpty
    }
  }

  /// Throws `conflict` for it.
  package static func refuse(_ objects: [ObjectRef], _ reader: Reader) throws {
    if try isUnderWay(objects, reader) {
      throw Problem(.conflict, "This is being erased; nothing can be done with it any more.")
    }
  }
}
