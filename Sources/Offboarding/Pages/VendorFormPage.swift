import Platform

/// The form for a new vendor or a changed one.
struct VendorFormPage: Page {
  static let template = Template(
    "offboarding-vendor-form",
    """
    <div class="page-head"><div><h1>{{title}}</h1></div></div>
    {{#fault}}<div class="notice bad" role="alert"><p>{{fault}}</p></div>{{/fault}}
    <form method="post" action="{{action}}" class="card stack"><input type="hidden" name="csrf" value="{{csrf}}">
    <div class="field{{#nameFault}} wrong{{/nameFault}}"><label for="name">{{t.offboarding_vendor_name}}</label><input id="name" name="name" value="{{name}}" required maxlength="300">{{#nameFault}}<p class="error">{{nameFault}}</p>{{/nameFault}}</div>
    <div class="field{{#registryFault}} wrong{{/registryFault}}"><label for="registry_id">{{t.offboarding_vendor_registry_id}}</label><p class="hint">{{t.offboarding_registry_hint}}</p><input id="registry_id" name="registry_id" value="{{registryID}}" maxlength="100">{{#registryFault}}<p class="error">{{registryFault}}</p>{{/registryFault}}</div>
    <div class="field{{#urlFault}} wrong{{/urlFault}}"><label for="privacy_url">{{t.offboarding_vendor_privacy_url}}</label><input id="privacy_url" name="privacy_url" type="url" value="{{privacyURL}}" maxlength="2048" placeholder="https://">{{#urlFault}}<p class="error">{{urlFault}}</p>{{/urlFault}}</div>
    <div class="field{{#retentionFault}} wrong{{/retentionFault}}"><label for="retention_days">{{t.offboarding_retention_label}}</label><p class="hint">{{t.offboarding_retention_hint}}</p><input id="retention_days" name="retention_days" value="{{retention}}" inputmode="numeric" maxlength="9">{{#retentionFault}}<p class="error">{{retentionFault}}</p>{{/retentionFault}}</div>
    <div class="field{{#categoriesFault}} wrong{{/categoriesFault}}"><label for="data_categories">{{t.offboarding_vendor_categories}}</label><p class="hint">{{t.offboarding_list_hint}}</p><textarea id="data_categories" name="data_categories" rows="3">{{categories}}</textarea>{{#categoriesFault}}<p class="error">{{categoriesFault}}</p>{{/categoriesFault}}</div>
    <div class="field{{#purposesFault}} wrong{{/purposesFault}}"><label for="purposes">{{t.offboarding_vendor_purposes}}</label><p class="hint">{{t.offboarding_list_hint}}</p><textarea id="purposes" name="purposes" rows="3">{{purposes}}</textarea>{{#purposesFault}}<p class="error">{{purposesFault}}</p>{{/purposesFault}}</div>
    <div class="field{{#endedFault}} wrong{{/endedFault}}"><label for="ended_on">{{t.offboarding_ended_on_label}}</label><p class="hint">{{t.offboarding_ended_on_hint}}</p><input id="ended_on" name="ended_on" type="date" value="{{endedOn}}">{{#endedFault}}<p class="error">{{endedFault}}</p>{{/endedFault}}</div>
    <p class="toolbar"><button type="submit">{{t.offboarding_save}}</button> <a class="button quiet" href="{{back}}">{{t.offboarding_cancel}}</a></p></form>
    """)

  let title: String
  let action: String
  let back: String
  let name: String
  let registryID: String
  let privacyURL: String
  let retention: String
  let categories: String
  let purposes: String
  let endedOn: String
  let fault: String?
  let nameFault: String?
  let registryFault: String?
  let urlFault: String?
  let retentionFault: String?
  let categoriesFault: String?
  let purposesFault: String?
  let endedFault: String?
  let crumbs: [Crumb]
  var section: String? { "/vendors" }

  /// `form` is what was sent and refused, else the fields show `vendor`.
  init(_ request: Request, _ vendor: VendorRecord?, form: Form? = nil, problem: Problem? = nil) {
    let details = vendor?.details
    func value(_ field: String, _ stored: String?) -> String { form.map { $0[field] ?? "" } ?? stored ?? "" }
    func fault(_ field: String) -> String? { problem?.errors.first { $0.field == field }?.message }
    title = vendor.map { Words.shown($0.details.name) } ?? request.text("offboarding_add_vendor")
    action = vendor.map { "/vendors/\($0.id)" } ?? "/vendors"
    back = vendor.map { "/vendors/\($0.id)" } ?? "/vendors"
    name = value("name", details?.name)
    registryID = value("registry_id", details?.registryID)
    privacyURL = value("privacy_url", details?.privacyURL)
    retention = value("retention_days", details?.retentionDays.map(String.init))
    categories = value("data_categories", details?.dataCategories.joined(separator: "; "))
    purposes = value("purposes", details?.purposes.joined(separator: "; "))
    endedOn = value("ended_on", details?.endedOn?.description)
    self.fault = problem?.message
    nameFault = fault("name")
    registryFault = fault("registry_id")
    urlFault = fault("privacy_url")
    retentionFault = fault("retention_days")
    categoriesFault = fault("data_categories")
    purposesFault = fault("purposes")
    endedFault = fault("ended_on")
    crumbs = [Crumb(request.text("offboarding_vendors_title"), "/vendors")]
  }
}

extension VendorDraft {
  /// From the fields of the form, which shows everything: an empty field empties the member.
  init(form: Form) throws(Problem) {
    self.init()
    func text(_ field: String) -> Change<String> {
      let text = Words.trimmed(form[field] ?? "")
      return text.isEmpty ? .clear : .set(text)
    }
    name = .set(Words.trimmed(form["name"] ?? ""))
    registryID = text("registry_id")
    privacyURL = text("privacy_url")
    dataCategories = .set(Words.list(form["data_categories"] ?? ""))
    purposes = .set(Words.list(form["purposes"] ?? ""))
    var faults: [Problem.FieldError] = []
    if case .set(let days) = text("retention_days") {
      if let days = Int(days) {
        retentionDays = .set(days)
      } else {
        faults.append(.init("retention_days", "Retention is a whole number of days from 0 to 36500."))
      }
    } else {
      retentionDays = .clear
    }
    if case .set(let day) = text("ended_on") {
      if let day = Day(day) {
        (endedOn, relationship) = (.set(day), .set(.ended))
      } else {
        faults.append(.init("ended_on", "A day is written like 2026-11-21."))
      }
    } else {
      (endedOn, relationship) = (.clear, .set(.active))
    }
    guard faults.isEmpty else { throw InvalidInput(errors: faults).problem }
  }
}
