import Kernel
import Ledger
import Storage

extension ErasureFinding {
  /// A message with what was delivered of it here, and who outside took it.
  package mutating func add(_ letter: MessageRecord, _ reader: Reader) throws {
    subjects.append(try reader.subject(of: MessageRecord.self, letter.key))
    if try reader.find(MailboxRecord.self, letter.key) != nil {
      subjects.append(try reader.subject(of: MailboxRecord.self, letter.key))
    }
    let rows = try reader.rows(
      """
      SELECT DISTINCT c.row_key FROM log_entry e JOIN log_change c ON c.tenant = e.tenant AND c.idx = e.idx
      WHERE e.tenant = \(reader.tenant) AND e.object = \("message:\(letter.key)") AND c.tbl = 'egress_disclosure'
      """)
    told += rows.compactMap { $0[0].text.flatMap { DisclosureID($0) } }
  }
}
