import Platform

/// What an erasure would take away, before it is proposed.
struct ErasureFormPage: Page {
  static let template = Template(
    "erasure-new",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.erasures_new_lead}}</p></div></div>
    {{#isHeld}}<div class="notice wait"><h2>{{t.erasures_held}}</h2><p>{{t.erasures_held_lead}}</p></div>{{/isHeld}}
    <div class="split"><div>{{#inventory}}\(InventoryView.template){{/inventory}}</div>
    <section class="card" aria-labelledby="propose"><h2 id="propose">{{t.erasures_new_submit}}</h2><p class="muted small">{{t.erasures_new_steps}}</p>
    {{#fault}}<p class="notice bad" role="alert">{{fault}}</p>{{/fault}}
    <form method="post" action="/erasures" class="stack"><input type="hidden" name="csrf" value="{{csrf}}"><input type="hidden" name="type" value="{{type}}"><input type="hidden" name="id" value="{{id}}">
    <div class="field{{#reasonFault}} wrong{{/reasonFault}}"><label for="reason">{{t.erasures_new_reason}}</label><p class="hint" id="reason-hint">{{t.erasures_new_reason_hint}}</p><input id="reason" name="reason" value="{{reason}}" maxlength="500" required autocomplete="off" aria-describedby="reason-hint">{{#reasonFault}}<p class="error">{{reasonFault}}</p>{{/reasonFault}}</div>
    {{#canSuppress}}<fieldset class="choices"><legend class="vh">{{t.erasures_new_suppress}}</legend><label class="choice"><input type="checkbox" name="suppress" value="yes"{{#suppress}} checked{{/suppress}}><span><strong>{{t.erasures_new_suppress}}</strong><br><span class="muted small">{{t.erasures_new_suppress_hint}}</span></span></label></fieldset>{{/canSuppress}}
    <p class="toolbar"><button class="danger" type="submit">{{t.erasures_new_submit}}</button> <a class="button quiet" href="{{back}}">{{t.erasures_new_cancel}}</a></p></form></section></div>
    """)

  let title: String
  let inventory: InventoryView
  let isHeld: Bool
  let type: String
  let id: String
  let reason: String
  let reasonFault: String?
  let fault: String?
  let canSuppress: Bool
  let suppress: Bool
  let back: String
  let crumbs: [Crumb]
  var section: String? { "/erasures" }

  init(_ request: Request, _ target: ErasureTarget, _ taken: Inventory, form: Form? = nil, problem: Problem? = nil) {
    let look = ErasureLook(request, target, .proposed)
    title = request.text("erasures_new_title", ["what": look.name(target, taken, request)])
    inventory = InventoryView(request, taken)
    isHeld = taken.isHeld
    type = target.kind.rawValue
    id = target.id
    reason = form?["reason"] ?? ""
    reasonFault = problem?.errors.first { $0.field == "reason" }?.message
    fault = problem.flatMap { problem in problem.errors.contains { $0.field == "reason" } ? nil : problem.message }
    canSuppress = target.kind == .vendor
    suppress = form?["suppress"] == "yes"
    back =
      switch target.kind {
      case .vendor: "/vendors/\(target.id)"
      case .case: "/cases/\(target.id)"
      case .person: "/people"
      default: "/erasures"
      }
    crumbs = [Crumb(request.text("erasures_title"), "/erasures")]
  }
}
