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
        eraser:
          "Disabling ends credentials; erasing a person destroys the keys of name, address, credentials and mail. What they did stands under their id."
      ),
      eraser: PersonEraser.eraser, jobs: [CredentialSweep.kind])
  }

  package var routes: [Route] {
    PeopleAPI(accounts: accounts).routes + CredentialsAPI(accounts: accounts).routes
      + SignInPages(accounts: accounts).routes + PeoplePages(accounts: accounts).routes
      + AccountPages(accounts: accounts).routes
  }
}
