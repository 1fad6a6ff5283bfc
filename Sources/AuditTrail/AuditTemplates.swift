/// The pages of the trail. Tables become cards on a narrow screen, by their `data-label`s.
enum AuditTemplates {
  static let list = """
    <div class="page-head"><div>
    <h1>{{title}}</h1>
    <p class="lead">{{t.audit_lead}}</p>
    </div>
    <div class="toolbar"><a class="button quiet" href="{{exportPath}}" download>{{t.audit_export}}</a></div></div>
    {{#filter}}<div class="card"><form class="inline filters" method="get" action="/audit" role="search" aria-label="{{t.audit_filter}}">
    <div class="field"><label for="action">{{t.audit_action}}</label><select id="action" name="action">
    <option value="">{{t.audit_filter_any}}</option>
    {{#actions}}<option value="{{value}}"{{#isChosen}} selected{{/isChosen}}>{{title}}</option>
    {{/actions}}</select></div>
    <div class="field"><label for="actor">{{t.audit_actor}}</label><select id="actor" name="actor">
    <option value="">{{t.audit_filter_any}}</option>
    {{#actors}}<option value="{{value}}"{{#isChosen}} selected{{/isChosen}}>{{title}}</option>
    {{/actors}}</select></div>
    <div class="field"><label for="object">{{t.audit_object}}</label>
    <input id="object" name="object" value="{{object}}" maxlength="200" autocomplete="off" placeholder="case:…"></div>
    <div class="field"><label for="since">{{t.audit_since}}</label><input id="since" name="since" type="date" value="{{since}}"></div>
    <div class="field"><label for="until">{{t.audit_until}}</label><input id="until" name="until" type="date" value="{{until}}"></div>
    <div class="toolbar"><button type="submit">{{t.audit_filter}}</button>
    {{#isActive}}<a class="button quiet" href="/audit">{{t.audit_filter_clear}}</a>{{/isActive}}</div>
    </form></div>{{/filter}}
    {{^isEmpty}}<table class="cards">
    <caption class="vh">{{title}}</caption>
    <thead><tr><th scope="col" class="num">{{t.audit_index}}</th><th scope="col">{{t.audit_time}}</th><th scope="col">{{t.audit_actor}}</th>
    <th scope="col">{{t.audit_action}}</th><th scope="col">{{t.audit_object}}</th><th scope="col" class="num">{{t.audit_changes}}</th>
    <th scope="col"><span class="vh">{{t.audit_verify}}</span></th></tr></thead>
    <tbody>
    {{#rows}}<tr>
    <th scope="row" class="num" data-label="{{t.audit_index}}">{{index}}</th>
    <td data-label="{{t.audit_time}}">{{#time}}<time datetime="{{exact}}">{{shown}}</time>{{/time}}</td>
    <td data-label="{{t.audit_actor}}"><a href="/audit?{{actorQuery}}"{{#actorID}} title="{{.}}"{{/actorID}}>{{actor}}</a></td>
    <td data-label="{{t.audit_action}}"><a href="/audit?{{actionQuery}}"><code class="word">{{action}}</code></a></td>
    <td data-label="{{t.audit_object}}"><span><a href="/audit?{{objectQuery}}">{{object}}</a>{{#erased}} <span class="badge off plain">{{.}}</span>{{/erased}}</span></td>
    <td class="num" data-label="{{t.audit_changes}}">{{changes}}</td>
    <td class="actions"><a href="/audit/{{index}}">{{t.audit_verify}}<span class="vh"> {{t.audit_index}} {{index}}</span></a></td>
    </tr>
    {{/rows}}</tbody>
    </table>{{/isEmpty}}
    {{#isEmpty}}<p class="empty">{{t.audit_empty}}</p>{{/isEmpty}}
    {{#next}}<nav class="pages" aria-label="{{t.audit_title}}"><a class="button quiet" rel="next" href="{{.}}">{{t.audit_next}}</a></nav>{{/next}}
    """

  static let entry = """
    <h1>{{title}}</h1>
    <section class="notice {{#holds}}good{{/holds}}{{^holds}}bad{{/holds}}" aria-labelledby="verdict">
    <h2 id="verdict">{{verdict}}</h2>
    <p>{{t.audit_verdict_lead}} {{#checkedAt}}<time datetime="{{exact}}">{{shown}}</time>{{/checkedAt}} UTC.</p>
    <ul class="rows checks">
    {{#findings}}<li><span>{{text}}</span> <span class="badge {{tone}}">{{state}}</span></li>
    {{/findings}}</ul>
    </section>
    <div class="split"><div><section class="card" aria-labelledby="facts">
    <h2 id="facts">{{t.audit_facts}}</h2>
    <dl class="facts">
    {{#facts}}<dt>{{name}}</dt><dd>{{value}}{{#note}} <span class="muted">{{.}}</span>{{/note}}</dd>
    {{/facts}}</dl>
    </section>
    <section class="card" aria-labelledby="changes">
    <h2 id="changes">{{t.audit_change_records}}</h2>
    {{#hasChanges}}<p class="muted">{{t.audit_change_hint}}</p>
    <table class="cards digests">
    <thead><tr><th scope="col">{{t.audit_table}}</th><th scope="col">{{t.audit_key}}</th><th scope="col">{{t.audit_op}}</th>
    <th scope="col">{{t.audit_before}}</th><th scope="col">{{t.audit_after}}</th></tr></thead>
    <tbody>
    {{#changes}}<tr><td class="word" data-label="{{t.audit_table}}">{{table}}</td><td data-label="{{t.audit_key}}"><code>{{key}}</code></td>
    <td data-label="{{t.audit_op}}">{{op}}</td><td data-label="{{t.audit_before}}"><code>{{before}}</code></td>
    <td data-label="{{t.audit_after}}"><code>{{after}}</code>{{#erased}} <span class="badge off plain">{{.}}</span>{{/erased}}</td></tr>
    {{/changes}}</tbody>
    </table>{{/hasChanges}}
    {{^hasChanges}}<p class="empty">{{t.audit_no_changes}}</p>{{/hasChanges}}
    </section>
    </div>
    <section class="card" aria-labelledby="outside">
    <h2 id="outside">{{t.audit_without_us}}</h2>
    <p>{{t.audit_without_us_hint}}</p>
    <p class="toolbar"><a class="button" href="{{receiptPath}}" download>{{t.audit_receipt}}</a>
    <a class="button quiet" href="/.well-known/steward.vkey" download="steward.vkey">{{t.audit_vkey}}</a></p>
    <pre><code>{{command}}</code></pre>
    </section></div>
    <section class="card" aria-labelledby="internals">
    <h2 id="internals">{{t.audit_internals}}</h2>
    <details class="more"><summary>{{t.audit_leaf}}</summary><pre>{{leaf}}</pre>
    <p>{{t.audit_leaf_hash}}: <code>{{leafHash}}</code></p></details>
    <details class="more"><summary>{{t.audit_proof}}</summary><p class="muted">{{t.audit_proof_hint}}</p>
    <ol>{{#proof}}<li><code>{{hash}}</code></li>
    {{/proof}}</ol>
    <p>{{t.audit_root}}: <code>{{root}}</code></p><p>{{t.audit_size}}: {{size}}</p></details>
    <details class="more"><summary>{{t.audit_checkpoint}}</summary><pre>{{checkpoint}}</pre></details>
    <details class="more"><summary>{{t.audit_certificate}}</summary><pre>{{certificate}}</pre></details>
    </section>
    """
}
