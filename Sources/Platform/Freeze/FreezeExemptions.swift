import Ledger

extension FreezeRule {
  /// What goes on while a tenant is frozen. This value is what the write path goes by and what is published beside promise A44;
  /// jobs that go on are added to the publication from their own declarations.
  package static let published = FreezeRule([
    FreezeExemption(
      ["freeze.lift"], what: "Lifting the freeze", reason: "A freeze has to have an end."),
    FreezeExemption(
      ["session.*"], what: "Signing in and out",
      reason: "Reading and exporting go on, and an owner must be able to come in to lift the freeze."),
    FreezeExemption(
      ["token.revoke", "person.disable", "password.change"], what: "Withdrawing access",
      reason: "A credential that has leaked must be stopped at once; nothing of it gives access to anybody."),
    FreezeExemption(
      ["job.cancel"], what: "Cancelling background work", reason: "It only stops more."),
    FreezeExemption(
      ["optout.*", "consent.withdraw"], what: "Opt-outs and withdrawn consent",
      reason: "A person's no counts from the moment it arrives."),
    FreezeExemption(
      ["clock.*"], what: "Legal clocks", reason: "Statutory periods run on, whatever we do."),
    FreezeExemption(
      ["notice.*", "subprocessor.notice"], what: "Notices to the organisation",
      reason: """
        News about sub-processors and incidents is owed at all times: it is written and shown at once. Its mail leaves when the \
        freeze ends, and its period counts from then.
        """),
    FreezeExemption(
      ["objection.raise", "destination.remove"], what: "Objecting to a sub-processor, and taking a destination back",
      reason: "A no counts at once; it only lets less leave."),
    FreezeExemption(
      ["backup.*"], what: "Backups and their expiry", reason: "Backups must not live longer than promised."),
    FreezeExemption(
      ["restore.complete"], what: "Coming back from a backup",
      reason: "A frozen tenant that was restored has to be told so on its record."),
    FreezeExemption(
      ["key.*", "erasure.*"], what: "Rotation and destruction of keys",
      reason: "Security does not wait, and an erasure that was asked for is finished."),
    FreezeExemption(
      ["egress.result"], what: "What became of a message that was already on its way",
      reason: "What has left is on the record, whatever happened meanwhile; nothing new leaves."),
    FreezeExemption(
      ["schema.apply"], what: "Migrations", reason: "A newer version could not open the data otherwise."),
  ])
}
