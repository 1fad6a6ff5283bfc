import Accounts
import AuditTrail
import Offboarding
import Platform
import Trust

/// The modules of the product, in one place. What one needs of another is handed over here.
enum ModuleList {
  static func modules(_ accounts: Accounts, core: CoreModule, trust: TrustRuntime) -> [any Module] {
    [
      core,
      AccountsModule(accounts: accounts),
      OffboardingModule(),
      AuditTrailModule(),
      TrustModule(trust),
    ]
  }

  /// The tables of all modules but the core's, which the ledger needs before any module exists.
  static let tables: [Table] = AccountsModule.tables + OffboardingModule.tables + TrustModule.tables
}
