/// The page of the statement.
enum TrustTemplates {
  static let page = """
    <div class="page-head"><div>
    <h1>{{title}}</h1>
    <p class="lead">{{t.trust_lead}}</p>
    </div></div>
    <p class="muted">{{t.trust_as_of}} {{#at}}<time datetime="{{exact}}">{{shown}}</time>{{/at}}. {{t.trust_how}} <a href="/trust.json">{{t.trust_json}}</a> <a href="/trust/subprocessors">{{t.trust_subprocessors}}</a></p>
    {{#certifications}}<p class="certification notice good"><strong>{{standard}}</strong> {{t.trust_until}} {{#until}}<time datetime="{{exact}}">{{shown}}</time>{{/until}}</p>{{/certifications}}
    <nav class="figures trust-states" aria-label="{{t.trust_filter}}">
    {{#figures}}<a class="figure {{tone}}" href="{{path}}"{{#isCurrent}} aria-current="true"{{/isCurrent}}><strong>{{count}}</strong> <span>{{title}}</span></a>
    {{/figures}}</nav>
    <nav class="toolbar" aria-label="{{t.trust_pages}}">
    {{#pages}}<a class="button small quiet" href="{{path}}"{{#isCurrent}} aria-current="true"{{/isCurrent}}>{{title}} ({{count}})</a>
    {{/pages}}</nav>
    <details class="more"><summary>{{t.trust_words}}</summary><dl class="facts">
    <dt><span class="badge good">{{t.trust_state_proven}}</span></dt><dd>{{t.trust_word_proven}}</dd>
    <dt><span class="badge bad">{{t.trust_state_failing}}</span></dt><dd>{{t.trust_word_failing}}</dd>
    <dt><span class="badge wait">{{t.trust_state_stale}}</span></dt><dd>{{t.trust_word_stale}}</dd>
    <dt><span class="badge info">{{t.trust_state_declared}}</span></dt><dd>{{t.trust_word_declared}}</dd>
    <dt><span class="badge info">{{t.trust_state_roadmap}}</span></dt><dd>{{t.trust_word_roadmap}}</dd>
    <dt><span class="badge off">{{t.trust_state_unknown}}</span></dt><dd>{{t.trust_word_unknown}}</dd>
    <dt><span class="badge off">{{t.trust_state_not_applicable}}</span></dt><dd>{{t.trust_word_not_applicable}}</dd>
    </dl></details>
    {{#isEmpty}}<p class="empty">{{t.trust_empty}}</p>{{/isEmpty}}
    <div class="split chapters"><nav class="topics" aria-labelledby="topics"><h2 class="overline" id="topics">{{t.trust_topics}}</h2><ul>{{#chapters}}<li><a href="#topic-{{name}}">{{title}}</a> <span class="muted small">{{proven}}/{{count}}<span class="vh"> {{t.trust_state_proven}}</span></span></li>{{/chapters}}</ul></nav>
    <div>{{#chapters}}<section class="card" aria-labelledby="topic-{{name}}">
    <h2 id="topic-{{name}}">{{title}} <span class="count">{{summary}}</span></h2>
    <ul class="rows promises">
    {{#rows}}<li id="{{id}}">
    <details><summary><span class="promise">{{sentence}}</span>
    <span class="when">{{#checkedAt}}{{t.trust_checked}} <time datetime="{{exact}}">{{shown}}</time>{{/checkedAt}}{{#expiresAt}} · {{t.trust_until}} <time datetime="{{exact}}">{{shown}}</time>{{/expiresAt}}</span></summary>
    <dl class="facts">
    <dt>{{t.trust_state}}</dt><dd>{{reason}}</dd>
    <dt>{{becauseTitle}}</dt><dd>{{because}}</dd>
    <dt>{{t.trust_test}}</dt><dd>{{test}}</dd>
    {{#evidence}}<dt>{{t.trust_evidence}}</dt><dd>{{.}}</dd>{{/evidence}}
    {{#hasExemptions}}<dt>{{t.trust_goes_on}}</dt><dd><ul>{{#exemptions}}<li><strong>{{what}}.</strong> {{reason}}</li>{{/exemptions}}</ul></dd>{{/hasExemptions}}
    <dt>{{t.trust_kind}}</dt><dd>{{id}} · {{kind}}</dd>
    </dl></details>
    <span class="badge {{tone}}">{{state}}</span>
    </li>
    {{/rows}}</ul>
    </section>
    {{/chapters}}</div></div>
    """
}
