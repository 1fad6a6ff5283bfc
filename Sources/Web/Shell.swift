/// What a page is set into: who is looking, where they can go, what just happened.
package struct Shell: Sendable, Equatable {
  package struct Link: Sendable, Equatable {
    package let title: String
    package let path: String
    package init(title: String, path: String) {
      self.title = title
      self.path = path
    }
  }

  /// The person menu; nil when nobody is signed in.
  package struct Person: Sendable, Equatable {
    package let name: String
    package let tenantName: String
    package init(name: String, tenantName: String) {
      self.name = name
      self.tenantName = tenantName
    }
  }

  package let productName: String
  package let navigation: [Link]
  package let person: Person?
  /// The form token; empty when nobody is signed in.
  package let csrf: String
  /// A text that is shown once.
  package let flash: String?
  /// What everybody here has to know on every page; nil in ordinary times.
  package let banner: Banner?

  package struct Banner: Sendable, Equatable {
    package let title: String
    package let text: String
    package let link: Link?
    package init(title: String, text: String, link: Link?) {
      self.title = title
      self.text = text
      self.link = link
    }
  }

  package init(
    productName: String, navigation: [Link], person: Person?, csrf: String, flash: String?, banner: Banner? = nil
  ) {
    self.productName = productName
    self.navigation = navigation
    self.person = person
    self.csrf = csrf
    self.flash = flash
    self.banner = banner
  }
}
