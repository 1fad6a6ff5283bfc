import Kernel

/// What a person sees when something went wrong: what it was, what to do, and where to go on.
package struct ErrorPage: Page {
  package static let template = Template(
    "error",
    """
    <div class="narrow">
    <p class="overline">{{status}}</p>
    <h1>{{title}}</h1>
    <p class="lead">{{message}}</p>
    {{#hasErrors}}<ul class="errors">{{#errors}}<li><strong>{{field}}</strong> {{message}}</li>{{/errors}}</ul>{{/hasErrors}}
    {{#reference}}<p class="muted">{{t.error_reference}}: <code>{{reference}}</code></p>{{/reference}}
    <p>{{#offersSignIn}}<a class="button" href="/">{{t.error_sign_in}}</a>{{/offersSignIn}}
    {{^offersSignIn}}<a class="button quiet" href="/">{{t.error_home}}</a>{{/offersSignIn}}</p>
    </div>
    """)

  package struct Item: Equatable, Sendable {
    package let field: String
    package let message: String
  }

  package let title: String
  package let message: String
  package let status: Int
  package let errors: [Item]
  package let hasErrors: Bool
  package let reference: String?
  package let offersSignIn: Bool

  package init(_ problem: Problem, reference: String?, isSignedIn: Bool) {
    title = problem.code.title
    message = problem.message
    status = problem.code.status
    errors = problem.errors.map { Item(field: $0.field, message: $0.message) }
    hasErrors = !problem.errors.isEmpty
    self.reference = reference
    offersSignIn = !isSignedIn && problem.code == .unauthenticated
  }
}
