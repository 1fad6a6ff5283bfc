/// The Mustache text of a page or part.
///
/// While a page renders, its stored properties are in scope (by name, through reflection), and around them: `csrf` (for the
/// hidden field of every form: `<input type="hidden" name="csrf" value="{{csrf}}">`) and `t` (the text catalogue: `{{t.people_title}}`).
package struct Template: Sendable, Equatable {
  package let name: String
  package let text: String

  /// `name` is unique among all templates: "people", "case", …
  package init(_ name: String, _ text: String) {
    self.name = name
    self.text = text
  }
}

/// A link on the way to a page.
package struct Crumb: Sendable, Equatable {
  package let title: String
  package let path: String
  package init(_ title: String, _ path: String) {
    self.title = title
    self.path = path
  }
}

/// A page is a plain value and a template; rendering is pure.
///
/// Everything a template shows is a stored property of the page or of values inside it: strings, integers, booleans,
/// optionals, arrays and plain structs of these.
package protocol Page: Equatable, Sendable {
  static var template: Template { get }
  /// The document's title and the heading in the browser's tab.
  var title: String { get }
  /// The path of the navigation entry to mark as current.
  var section: String? { get }
  var crumbs: [Crumb] { get }
}

extension Page {
  package var section: String? { nil }
  package var crumbs: [Crumb] { [] }
}
