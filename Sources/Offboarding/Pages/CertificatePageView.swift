import Certificate
import Platform

/// The certificate of a case: the bundle to take home, and how to verify it without us.
struct CertificateView: Page {
  static let template = Template(
    "offboarding-certificate",
    """
    <div class="page-head"><div><p class="overline">{{t.offboarding_certificate}}</p><h1>{{vendor}}</h1><p class="lead"><span class="badge good">{{t.offboarding_state_certified}}</span> {{lead}}</p></div></div>
    <div class="split"><div><section class="card"><h2>{{t.offboarding_certificate_take}}</h2><p>{{t.offboarding_certificate_take_lead}}</p>
    <p class="toolbar"><a class="button" href="{{path}}/bundle">{{t.offboarding_certificate_bundle}}</a> <a class="button quiet" href="{{path}}/print">{{t.offboarding_certificate_print}}</a></p>
    <dl class="facts stacked"><dt>{{t.offboarding_certificate_size}}</dt><dd>{{size}}</dd><dt>SHA-256</dt><dd><code>{{sha256}}</code></dd></dl></section>
    <section class="card"><h2>{{t.offboarding_verify}}</h2><p>{{t.offboarding_verify_lead}}</p><pre><code>steward-verify --key steward.vkey {{bundleName}}</code></pre>
    <p>{{t.offboarding_verify_key}} <a href="/.well-known/steward.vkey">/.well-known/steward.vkey</a>. {{t.offboarding_verify_key_lead}}</p></section></div>
    <div><section class="card"><h2>{{t.offboarding_remains}}</h2>{{^hasRemains}}<p>{{t.offboarding_remains_nothing}}</p>{{/hasRemains}}{{#hasRemains}}<ul>{{#remains}}<li>{{.}}</li>{{/remains}}</ul>{{/hasRemains}}</section>
    <section class="card"><h2>{{t.offboarding_certificate_limits}}</h2><ul>{{#limits}}<li>{{.}}</li>{{/limits}}</ul></section></div></div>
    """)

  let title: String
  let vendor: String
  let lead: String
  let path: String
  /// The name under which the bundle is downloaded.
  let bundleName: String
  let size: String
  let sha256: String
  let limits: [String]
  let remains: [String]
  let hasRemains: Bool
  let crumbs: [Crumb]
  var section: String? { "/cases" }

  init(_ request: Request, _ file: CaseFile, _ record: BundleRecord) {
    vendor = Words.shown(file.vendorName)
    title = request.text("offboarding_certificate_title", ["vendor": vendor])
    lead = request.text(
      "offboarding_issued_by", ["name": file.closing?.by.name ?? "", "when": file.closing?.at.forPeople ?? ""])
    path = "/cases/\(file.id)/certificate"
    bundleName = CertificateAPI.bundleName(of: file.id)
    size = FileSize.text(record.size)
    sha256 = record.sha256.hex
    limits = CaseFile.certificateLimits
    remains = file.steps.flatMap { $0.completion?.remains ?? [] }.map { rest in
      let until = rest.until.map { request.text("offboarding_remains_until_day", ["day": $0.description]) }
      return request.text(
        "offboarding_remains_line",
        ["what": rest.what, "where": rest.place, "until": until ?? request.text("offboarding_remains_no_end")])
    }
    hasRemains = !remains.isEmpty
    crumbs = [Crumb(request.text("offboarding_cases_title"), "/cases"), Crumb(vendor, "/cases/\(file.id)")]
  }
}
