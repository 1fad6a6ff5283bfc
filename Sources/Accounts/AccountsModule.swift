import Platform

extension Permission {
  package static let peopleRead = Permission("people.read")
  package static let peopleManage = Permission("people.manage")
}

/// People of a tenant: who they are, what they may do, how they prove it.
package struct AccountsModule: Module {
  let accounts: Accounts

  package static let tables = AccountsSchema.tables
  package static let derivations = AccountsSchema.derivations

  package init(accounts: Accounts) { self.accounts = accounts }

  package var manifest: ModuleManifest {
    ModuleManifest(
      name: "accounts", tables: AccountsModule.tables,
      permissions: [
        PermissionGrant(
          .peopleRead, roles: [.owner, .manager], summary: "See who works in the tenant, with which roles."),
        PermissionGrant(
          .peopleManage, roles: [.owner], summary: "Add, disable and readmit people; revoke anyone's tokens."),
      ],
      navigation: [NavigationEntry("/people", titleKey: "people_title", access: .permission(.peopleRead), order: 50)],
      texts: AccountsTexts.english,
      templates: [
        StartPage.template, SignInPage.template, SetupPage.template, PeoplePage.template, AccountPage.template,
      ],
      exit: DataExit(
        exporter: "GET /v1/people lists every person with roles and state.",
        eraser: "Disabling ends credentials; erasing destroys the subject key of the person's rows."),
      eraser: Eraser(
        Dictionary(
          uniqueKeysWithValues: AccountsSchema.tables.filter { $0.kind == .primary }.map {
            ($0.name, .stays(because: "An account is ended by disabling it; what it did stands under its id."))
          })), jobs: [CredentialSweep.kind])
  }

  package var routes: [Route] {
    PeopleAPI(accounts: accounts).routes + CredentialsAPI(accounts: accounts).routes
      + SignInPages(accounts: accounts).routes + PeoplePages(accounts: accounts).routes
      + AccountPages(accounts: accounts).routes
  }
}
