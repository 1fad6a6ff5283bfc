import Kernel

package enum Message {}
package typealias MessageID = ID<Message>

/// What is to be sent, before it has been put into words. Its texts stand in the catalogue: `mail_<template>_subject`,
/// `mail_<template>_text`, and, for a paragraph that is nothing but the hole `{link}`, its caption `mail_<template>_action`.
package struct MailDraft: Sendable {
  package let template: String
  package let name: String
  package let email: String
  /// Holes of the template's texts.
  package let values: [String: String]
  /// Holes that open something, such as a set-up link: nobody but the recipient sees them, and they go once the message is sent.
  package let secrets: [String: String]
  /// What the gate's register calls it, as `invitation` or `reminder`.
  package let purpose: String
  /// After this it is of no use to anybody and is not sent any more.
  package let expiresAt: Instant?

  package init(
    _ template: String, to name: String, _ email: String, values: [String: String], secrets: [String: String] = [:],
    purpose: String, expiresAt: Instant? = nil
  ) {
    self.template = template
    self.name = name
    self.email = email
    self.values = values
    self.secrets = secrets
    self.purpose = purpose
    self.expiresAt = expiresAt
  }
}
