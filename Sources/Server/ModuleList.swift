import Accounts
import AuditTrail
import Backup
import Custody
import Erasures
import Offboarding
import Operations
import Platform
import Subprocessors
import Trust

/// The modules of the product, in one place. What one needs of another is handed over here.
package enum ModuleList {
  static func modules(
    _ accounts: Accounts, core: CoreModule, trust: TrustRuntime, status: StatusModule, registers: Registers,
    backups: BackupSettings?
  ) -> [any Module] {
    [
      core,
      AccountsModule(accounts: accounts),
      OffboardingModule(),
      AuditTrailModule(),
      BackupModule(backups),
      ErasuresModule(),
      OperationsModule(),
      SubprocessorsModule(registers: registers, exports: exports),
      MailModule(),
      TrustModule(trust),
      status,
    ]
  }

  /// What a tenant can take along, each from the module that has it.
  private static let exports = [
    ExportPart("vendors", titleKey: "subprocessors_export_vendors", path: "/v1/vendors"),
    ExportPart("cases", titleKey: "subprocessors_export_cases", path: "/v1/cases"),
    ExportPart("people", titleKey: "subprocessors_export_people", path: "/v1/people"),
    ExportPart("audit", titleKey: "subprocessors_export_audit", path: "/v1/audit/export", isFile: true),
  ]

  /// The tables of all modules but the core's, which the ledger needs before any module exists.
  static let tables: [Table] =
    AccountsModule.tables + OffboardingModule.tables + SubprocessorsModule.tables + TrustModule.tables
    + BackupModule.tables + StatusModule.tables + ErasuresModule.tables

  /// With the core's.
  package static let everyTable = CoreModule(assets: Assets(), readiness: Readiness()).manifest.tables + tables

  /// Off the record, and yet worth more than a restore has: what waits to be done, and when a session was last used. Turns are of servers
  /// that no longer are.
  package static let tablesThatMove = everyTable.filter { $0.kind == .transient && $0.name != "server_turn" }.map(
    \.name)

  /// How each derived table among them is made from primary rows.
  /// What it takes to verify from the inside.
  package static func inside(_ keys: KeyLocation) -> Verification.Inside {
    Verification.Inside(keys: keys, derivations: derivations, underway: Erasure.underway)
  }

  package static let derivations: [Derivation] =
    AccountsModule.derivations + OffboardingModule.derivations
    + ErasuresModule.derivations
}
