/// The document around every page.
enum ShellTemplate {
  static let shell = Template(
    "shell",
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{{title}} · {{product}}</title>
    <link rel="stylesheet" href="{{stylesheet}}">
    <link rel="icon" href="{{icon}}" type="image/svg+xml">
    </head>
    <body>
    <a class="skip" href="#content">{{t.shell_skip}}</a>
    <header class="top">
    <div class="top-inner">
    <a class="brand" href="/"><svg class="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="M12 2 3.5 5.5v6c0 5 3.6 8.8 8.5 10.5 4.9-1.7 8.5-5.5 8.5-10.5v-6z"/><path class="mark-line" d="m8 12 3 3 5-6"/></svg><span>{{product}}</span></a>
    {{#hasNavigation}}<nav class="main-nav" aria-label="{{t.shell_navigation}}"><ul>
    {{#navigation}}<li><a href="{{path}}"{{#isCurrent}} aria-current="page"{{/isCurrent}}>{{title}}</a></li>
    {{/navigation}}</ul></nav>{{/hasNavigation}}
    {{#person}}<details class="menu"><summary><span class="menu-name">{{name}}</span><span class="menu-tenant">{{tenantName}}</span></summary>
    <div class="menu-body">
    <a href="/account">{{t.shell_account}}</a>
    <form method="post" action="/sign-out"><input type="hidden" name="csrf" value="{{csrf}}"><button class="link" type="submit">{{t.shell_sign_out}}</button></form>
    </div></details>{{/person}}
    </div>
    </header>
    {{#banner}}<aside class="banner" aria-label="{{title}}"><div class="banner-inner"><strong>{{title}}</strong> <span>{{text}}</span>{{#link}} <a href="{{path}}">{{title}}</a>{{/link}}</div></aside>{{/banner}}
    <main id="content" tabindex="-1">
    {{#flash}}<p class="notice good" role="status">{{flash}}</p>{{/flash}}
    {{#trail}}<nav class="trail" aria-label="{{t.shell_trail}}"><ol>{{#items}}<li><a href="{{path}}">{{title}}</a></li>{{/items}}</ol></nav>{{/trail}}
    {{{content}}}
    </main>
    <footer class="bottom"><div class="bottom-inner"><span>{{t.shell_footer}}</span> <a href="/trust">{{t.shell_trust}}</a> <a href="/status">{{t.shell_status}}</a></div></footer>
    </body>
    </html>
    """)
}
