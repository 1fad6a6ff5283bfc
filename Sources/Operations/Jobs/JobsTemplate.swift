/// The page of background work.
enum JobsTemplate {
  static let text = """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.operations_jobs_lead}}</p></div>
    {{#canFreeze}}<div class="toolbar"><a class="button quiet" href="/freeze">{{t.operations_freeze_link}}</a></div>{{/canFreeze}}</div>
    <div class="figures">{{#figures}}<div class="figure {{tone}}"><strong>{{count}}</strong> <span>{{title}}</span></div>{{/figures}}</div>
    <section class="stack" aria-labelledby="kinds"><h2 id="kinds">{{t.operations_kinds}}</h2>
    <table class="cards"><thead><tr><th scope="col">{{t.operations_what}}</th><th scope="col">{{t.operations_schedule}}</th><th scope="col">{{t.operations_next}}</th><th scope="col">{{t.operations_in_freeze}}</th><th scope="col"><span class="vh">{{t.operations_actions}}</span></th></tr></thead><tbody>
    {{#kinds}}<tr><th scope="row" data-label="{{t.operations_what}}">{{summary}}</th><td data-label="{{t.operations_schedule}}">{{schedule}}</td><td data-label="{{t.operations_next}}">{{#next}}<time>{{.}}</time>{{/next}}{{^next}}<span class="muted">{{t.operations_next_none}}</span>{{/next}}</td><td data-label="{{t.operations_in_freeze}}">{{freeze}}</td>
    <td class="actions">{{#canStart}}{{^isFrozen}}<form method="post" action="/jobs/start/{{name}}"><input type="hidden" name="csrf" value="{{csrf}}"><button class="quiet small" type="submit">{{t.operations_start}}<span class="vh">: {{summary}}</span></button></form>{{/isFrozen}}{{/canStart}}</td></tr>
    {{/kinds}}</tbody></table></section>
    <section class="stack" aria-labelledby="recent"><h2 id="recent">{{t.operations_recent}}</h2>
    {{#isEmpty}}<p class="empty">{{t.operations_none}}</p>{{/isEmpty}}
    {{^isEmpty}}<table class="cards"><thead><tr><th scope="col">{{t.operations_what}}</th><th scope="col">{{t.operations_state}}</th><th scope="col">{{t.operations_asked}}</th><th scope="col">{{t.operations_when}}</th><th scope="col"><span class="vh">{{t.operations_actions}}</span></th></tr></thead><tbody>
    {{#rows}}<tr><th scope="row" data-label="{{t.operations_what}}">{{summary}}</th><td data-label="{{t.operations_state}}"><span class="badge {{tone}}">{{state}}</span></td><td data-label="{{t.operations_asked}}"><time>{{asked}}</time></td>
    <td data-label="{{t.operations_when}}">{{#progress}}<span class="meter"><progress max="{{total}}" value="{{done}}" aria-label="{{progress}}"></progress> <span>{{progress}}</span></span>{{/progress}}{{^progress}}{{#ended}}<time>{{.}}</time>{{/ended}}{{^ended}}{{when}}{{/ended}}{{/progress}}{{#note}}<br><span class="muted small">{{.}}</span>{{/note}}</td>
    <td class="actions">{{#canRetry}}<form method="post" action="/jobs/{{id}}/retry"><input type="hidden" name="csrf" value="{{csrf}}"><button class="small" type="submit">{{t.operations_retry}}<span class="vh">: {{summary}}</span></button></form>{{/canRetry}}{{#canCancel}}<form method="post" action="/jobs/{{id}}/cancel"><input type="hidden" name="csrf" value="{{csrf}}"><button class="quiet small" type="submit">{{cancel}}<span class="vh">: {{summary}}</span></button></form>{{/canCancel}}</td></tr>
    {{/rows}}</tbody></table>{{/isEmpty}}
    {{#next}}<nav class="pages" aria-label="{{t.operations_pages}}"><a class="button quiet" rel="next" href="{{.}}">{{t.operations_older}}</a></nav>{{/next}}</section>
    """
}
