/// The texts of the shell and of the pages that belong to no module.
package enum WebTexts {
  package static let english: [String: String] = [
    "shell_skip": "Skip to the content",
    "shell_sign_out": "Sign out",
    "shell_account": "Your account",
    "shell_status": "Status",
    "shell_trust": "What we promise, and what is proven",
    "shell_footer": "Every write is on a record that anyone can check.",
    "shell_navigation": "Main",
    "shell_trail": "Where you are",
    "shell_frozen": "Frozen",
    "shell_frozen_text":
      "Since {since} nothing is changed, sent or done in the background here. Reading and exporting go on. Reason: {reason}",
    "shell_frozen_link": "What this means",
    "error_home": "Go to the start page",
    "error_sign_in": "Sign in",
    "error_reference": "Reference",
  ]
}
