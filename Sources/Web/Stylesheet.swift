/// The design system: one sheet, made by hand, in the words that templates use as classes.
///
///     layout    .narrow  .card  .stack  .columns  .page-head (heading, then .toolbar)  .split (content, then aside)  .vh (read aloud only)
///     text      .lead  .muted  .small  .overline  .empty  code.secret  pre
///     forms     form.inline.filters: many small fields in a row
///               .field(.wrong) > label, .hint, input, .error   fieldset.choices > label.choice   form.inline  form.search
///     buttons   button, a.button: the one main action   .quiet: others   .danger   .small   .link
///     tables    table.cards: every td has data-label and becomes a card on a phone   td.num   td.actions
///     state     .badge and .notice with .good .wait .bad .info .off
///     case      ol.steps > li.step with .waiting .ready .in_review .complete   > .step-head, .step-body
///     trust     ul.rows.promises > li > details > summary > .promise, .when
///     case      .split.case > .case-side   .meter (progress, then words)   .evidence > ul.files   .said   .next
///               .acts > details.more(.main)
///     front     .front > .front-words, .card   ul.points
///     others    dl.facts(.stacked)   ul.tags   .count   ul.rows > li > .row-main   ul.rows.checks
///               nav.pages   nav.trail   .figures > .figure > strong, span
///
/// System fonts, light and dark by the reader's choice, 4.5:1 contrast in both, visible focus, prints as a document.
package enum Stylesheet {
  package static let text =
    base + layout + type + forms + tables + states + steps + promises + shell + pages + small + print

  private static let base = """
    :root{color-scheme:light dark;
    --paper:#f6f5f1;--surface:#fff;--sunk:#efede7;--ink:#1c201e;--soft:#565d59;--line:#dcdad2;--line-strong:#8b908a;
    --accent:#1f5c4d;--accent-deep:#164438;--accent-ink:#fff;--accent-wash:#e3efea;
    --good:#1d6043;--good-wash:#e0f0e6;--wait:#7a4d00;--wait-wash:#fbefd5;--bad:#a1262a;--bad-wash:#fbe6e4;--info:#234f86;--info-wash:#e4edf8;
    --off:#565d59;--off-wash:#ebeae5;--radius:10px;--shadow:0 1px 2px rgb(28 32 30/.05),0 4px 16px rgb(28 32 30/.04);
    --sans:ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Helvetica Neue",Arial,sans-serif;
    --mono:ui-monospace,"SF Mono","Cascadia Mono","Noto Sans Mono",Menlo,Consolas,monospace}
    @media (prefers-color-scheme:dark){:root{
    --paper:#121514;--surface:#1a1e1c;--sunk:#222725;--ink:#e8ebe8;--soft:#a5ada8;--line:#2e3431;--line-strong:#6f7873;
    --accent:#7fc9b2;--accent-deep:#a3dcca;--accent-ink:#0d1c17;--accent-wash:#1c312a;
    --good:#86d3a6;--good-wash:#173024;--wait:#eac06b;--wait-wash:#352a10;--bad:#f2a29c;--bad-wash:#3d1b1b;--info:#9fc3f2;--info-wash:#182a42;
    --off:#a5ada8;--off-wash:#262b29;--shadow:none}}
    *,*::before,*::after{box-sizing:border-box}
    html{font:100%/1.55 var(--sans);background:var(--paper);color:var(--ink);-webkit-text-size-adjust:100%;scroll-padding-top:5rem;accent-color:var(--accent)}
    body{margin:0;min-height:100vh;display:flex;flex-direction:column}
    h1,h2,h3,h4,p,ul,ol,dl,dd,figure,fieldset,table,pre{margin:0;padding:0}
    fieldset{border:0;min-width:0}
    a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:.18em}
    a:hover{color:var(--accent-deep);text-decoration-thickness:2px}
    :focus{outline:none}
    :focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:4px}
    main:focus-visible{outline:none}
    img,svg{max-width:100%}
    hr{border:0;border-top:1px solid var(--line);margin:1.5rem 0}
    .vh{position:absolute!important;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}

    """

  private static let layout = """
    main{flex:1;width:100%;max-width:74rem;margin:0 auto;padding:2.25rem 1.5rem 4rem}
    main>*+*{margin-top:1.5rem}
    .narrow{max-width:28rem;margin:clamp(1rem,8vh,5rem) auto 0}
    .narrow>*+*{margin-top:1rem}
    .card{background:var(--surface);border:1px solid var(--line);border-radius:var(--radius);box-shadow:var(--shadow);padding:1.5rem}
    .card>*+*{margin-top:.9rem}
    .card h2{font-size:1.15rem}
    .stack{display:grid;gap:1.1rem;justify-items:start}
    .stack>*{margin:0;width:100%}
    .stack>button{width:auto}
    .stack>.field{max-width:44rem}
    .columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:1.1rem 1.5rem;align-items:start}
    .split{display:grid;grid-template-columns:minmax(0,1fr) 20rem;gap:1.5rem;align-items:start}
    .split>:not(.card)>*+*{margin-top:1.25rem}
    .page-head{display:flex;flex-wrap:wrap;gap:1rem 1.5rem;align-items:end;justify-content:space-between}
    .page-head .lead{margin-top:.3rem}
    .toolbar{display:flex;flex-wrap:wrap;gap:.6rem;align-items:center}
    .toolbar form{display:flex;flex-wrap:wrap;gap:.6rem;align-items:center}
    .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:1rem}
    .figure{background:var(--surface);border:1px solid var(--line);border-radius:var(--radius);padding:1rem 1.25rem}
    .figure strong{display:block;font-size:1.75rem;font-weight:600;letter-spacing:-.02em;line-height:1.2;font-variant-numeric:tabular-nums}
    .figure span{color:var(--soft);font-size:.9rem}
    .figure.good strong{color:var(--good)}
    .figure.wait strong{color:var(--wait)}
    .figure.bad strong{color:var(--bad)}
    .figure.info strong{color:var(--info)}
    .card .figure{background:none}

    """

  private static let type = """
    h1{font-size:clamp(1.6rem,1.25rem + 1.2vw,2.1rem);font-weight:620;letter-spacing:-.022em;line-height:1.18;text-wrap:balance}
    h2{font-size:1.3rem;font-weight:620;letter-spacing:-.012em;line-height:1.3;text-wrap:balance}
    h3{font-size:1.05rem;font-weight:620;line-height:1.35}
    p,li,dd{text-wrap:pretty}
    p,ul:not([class]),ol:not([class]){max-width:44rem}
    ul:not([class]),ol:not([class]){padding-left:1.3rem}
    .lead{font-size:1.08rem;color:var(--soft)}
    .lead .badge{margin-right:.35rem}
    .muted{color:var(--soft)}
    .small{font-size:.9rem}
    .overline{font-size:.82rem;font-weight:600;letter-spacing:.06em;text-transform:uppercase;color:var(--soft)}
    .empty{border:1px dashed var(--line-strong);border-radius:var(--radius);padding:2rem 1.5rem;text-align:center;color:var(--soft);max-width:none}
    .empty>*{margin-inline:auto}
    .empty>*+*{margin-top:.8rem}
    .empty .toolbar{justify-content:center}
    ul.tags{list-style:none;display:flex;flex-wrap:wrap;gap:.4rem}
    ul.tags li{background:var(--sunk);border:1px solid var(--line);border-radius:6px;padding:.1rem .55rem;font-size:.93rem}
    dl.facts.stacked{grid-template-columns:minmax(0,1fr);gap:.05rem}
    dl.facts.stacked dt{font-size:.9rem}
    dl.facts.stacked dd+dt{margin-top:.65rem}
    code,pre,kbd{font-family:var(--mono);font-size:.9em}
    code{overflow-wrap:anywhere}
    pre{background:var(--sunk);border:1px solid var(--line);border-radius:8px;padding:1rem;white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.5}
    code.secret{display:block;background:var(--surface);color:var(--ink);border:1px solid var(--line-strong);border-radius:8px;padding:.75rem .9rem;user-select:all}
    time{font-variant-numeric:tabular-nums;white-space:nowrap}
    dl.facts{display:grid;grid-template-columns:minmax(8rem,max-content) minmax(0,1fr);gap:.55rem 1.5rem}
    dl.facts dt{color:var(--soft)}
    dl.facts dd{overflow-wrap:anywhere}
    ul.rows{list-style:none;border-top:1px solid var(--line)}
    ul.rows>li{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;justify-content:space-between;padding:.7rem 0;border-bottom:1px solid var(--line);min-height:3.3rem}
    ul.rows>li>*{min-width:0;overflow-wrap:anywhere}
    .card>ul.rows:last-child>li:last-child{border-bottom:0;padding-bottom:0}
    .rows>li>.badge{flex:none}
    .row-main{display:grid;gap:.1rem}
    .count{color:var(--soft);font-weight:500;margin-left:.15rem}
    details>summary{cursor:pointer}
    details.more>summary{color:var(--accent);font-weight:550;padding:.35rem 0}
    details.more[open]>summary{margin-bottom:.75rem}

    """

  private static let forms = """
    label,legend{font-weight:550}
    legend{padding:0}
    .field{display:grid;gap:.35rem;min-width:0}
    .field .hint{font-size:.9rem;color:var(--soft)}
    .field .error{color:var(--bad);font-size:.92rem;font-weight:550}
    .field .error::before{content:"";display:inline-block;width:.55em;height:.55em;margin-right:.45em;border-radius:50%;background:currentColor}
    input,select,textarea{font:inherit;color:inherit;background:var(--surface);border:1px solid var(--line-strong);border-radius:8px;padding:.6rem .75rem;width:100%;min-width:0;min-height:2.85rem}
    input:not([type=file],[type=checkbox],[type=radio]),select{height:2.85rem}
    textarea{min-height:6rem;resize:vertical;line-height:1.5}
    input:hover,select:hover,textarea:hover{border-color:var(--ink)}
    input:focus-visible,select:focus-visible,textarea:focus-visible{outline-offset:0;border-color:var(--accent);border-radius:8px}
    input[readonly]{background:var(--sunk);color:var(--soft)}
    input[type=checkbox],input[type=radio]{width:1.15rem;height:1.15rem;min-height:0;margin:.2rem 0 0;flex:none}
    input[type=file]{padding:.45rem;background:var(--sunk);border-style:dashed}
    input[type=file]::file-selector-button{font:inherit;font-weight:550;color:var(--ink);background:var(--surface);border:1px solid var(--line-strong);border-radius:6px;padding:.35rem .8rem;margin-right:.8rem;cursor:pointer}
    .wrong input,.wrong select,.wrong textarea{border-color:var(--bad);box-shadow:0 0 0 1px var(--bad)}
    .choices{display:grid;gap:.35rem}
    .choices legend{margin-bottom:.4rem}
    .choice{display:flex;gap:.7rem;align-items:flex-start;padding:.35rem 0;font-weight:400;cursor:pointer}
    form.inline,form.search{display:flex;flex-wrap:wrap;gap:.75rem;align-items:end}
    form.inline>.field,form.search>.field{flex:1 1 14rem}
    form.search input[type=search]{flex:1 1 16rem}
    button,.button{display:inline-flex;align-items:center;justify-content:center;gap:.5rem;font:inherit;font-weight:580;line-height:1.2;text-align:center;text-decoration:none;cursor:pointer;
    min-height:2.85rem;padding:.6rem 1.15rem;border-radius:8px;border:1px solid var(--accent);background:var(--accent);color:var(--accent-ink);transition:background-color .12s,border-color .12s}
    button:hover,.button:hover{background:var(--accent-deep);border-color:var(--accent-deep);color:var(--accent-ink)}
    .quiet{background:var(--surface);border-color:var(--line-strong);color:var(--ink)}
    .quiet:hover{background:var(--sunk);border-color:var(--ink);color:var(--ink)}
    .danger{background:var(--surface);border-color:var(--bad);color:var(--bad)}
    .danger:hover{background:var(--bad-wash);border-color:var(--bad);color:var(--bad)}
    button.small,.button.small{min-height:2.25rem;padding:.35rem .8rem;font-size:.9rem}
    button.link{background:none;border:0;min-height:0;padding:0;color:var(--accent);text-decoration:underline;text-underline-offset:.18em;font-weight:inherit}
    button[disabled]{opacity:.6;cursor:not-allowed}

    """

  private static let tables = """
    table{border-collapse:separate;border-spacing:0;width:100%;background:var(--surface);border:1px solid var(--line);border-radius:var(--radius);box-shadow:var(--shadow);overflow:hidden}
    caption{text-align:left;padding:0 0 .6rem;color:var(--soft)}
    th,td{text-align:left;vertical-align:middle;padding:.75rem 1rem;border-bottom:1px solid var(--line);overflow-wrap:break-word}
    td code,tbody th{overflow-wrap:anywhere}
    td code.word{overflow-wrap:break-word}
    td.word{white-space:nowrap}
    td a{text-decoration-color:var(--line-strong)}
    td a:hover{text-decoration-color:currentColor}
    thead th{font-size:.85rem;font-weight:580;color:var(--soft);background:var(--sunk);white-space:nowrap}
    tbody th{font-weight:580}
    tbody tr:last-child>*{border-bottom:0}
    tbody tr:hover>*{background:color-mix(in srgb,var(--accent-wash) 35%,transparent)}
    td.num,th.num{text-align:right;font-variant-numeric:tabular-nums}
    td.actions,th.actions{text-align:right;white-space:nowrap}
    td.actions form{display:inline-block;margin-left:.4rem}
    .card table{border:0;border-radius:0;box-shadow:none;background:none}
    .scroll{overflow-x:auto}
    nav.pages{display:flex;gap:.75rem;align-items:center;justify-content:space-between;color:var(--soft)}

    """

  private static let states = """
    .badge{display:inline-flex;align-items:center;gap:.4rem;font-size:.85rem;font-weight:580;line-height:1.3;padding:.18rem .65rem;border-radius:99px;background:var(--off-wash);color:var(--off);white-space:nowrap}
    .badge::before{content:"";width:.5rem;height:.5rem;border-radius:50%;border:2px solid currentColor}
    .badge.good{background:var(--good-wash);color:var(--good)}
    .badge.wait{background:var(--wait-wash);color:var(--wait)}
    .badge.bad{background:var(--bad-wash);color:var(--bad)}
    .badge.info{background:var(--info-wash);color:var(--info)}
    .badge.good::before,.badge.bad::before{background:currentColor}
    .badge.plain::before{display:none}
    .notice{border:1px solid var(--line);border-left:4px solid var(--off);border-radius:8px;background:var(--surface);padding:.9rem 1.1rem;max-width:none}
    .notice>*+*{margin-top:.5rem}
    .notice h2{font-size:1.05rem}
    .notice.good{border-left-color:var(--good);background:var(--good-wash)}
    .notice.wait{border-left-color:var(--wait);background:var(--wait-wash)}
    .notice.bad{border-left-color:var(--bad);background:var(--bad-wash)}
    .notice.info{border-left-color:var(--info);background:var(--info-wash)}
    ul.errors{list-style:none;display:grid;gap:.4rem}
    ul.errors li{border-left:3px solid var(--bad);padding-left:.8rem}

    """

  private static let steps = """
    ol.steps{list-style:none;counter-reset:step;display:grid}
    .step{counter-increment:step;position:relative;padding:0 0 1.5rem 3.4rem}
    .step::before{content:counter(step);position:absolute;left:0;top:0;width:2.25rem;height:2.25rem;display:grid;place-items:center;border-radius:50%;font-weight:600;font-variant-numeric:tabular-nums;background:var(--surface);border:2px solid var(--line-strong);color:var(--soft);z-index:1}
    .step::after{content:"";position:absolute;left:calc(1.125rem - 1px);top:2.25rem;bottom:0;border-left:2px solid var(--line)}
    .step:last-child::after{display:none}
    .step.ready::before{border-color:var(--accent);color:var(--accent);box-shadow:0 0 0 4px var(--accent-wash)}
    .step.in_review::before{border-color:var(--wait);color:var(--wait);background:var(--wait-wash)}
    .step.complete::before{content:"\\2713";background:var(--good);border-color:var(--good);color:var(--surface)}
    .step.complete::after{border-left-color:var(--good)}
    .step-head{display:flex;flex-wrap:wrap;gap:.35rem .9rem;align-items:center;min-height:2.25rem}
    .step-head h2,.step-head h3{font-size:1.1rem}
    .step-body{margin-top:.75rem;background:var(--surface);border:1px solid var(--line);border-radius:var(--radius);box-shadow:var(--shadow);padding:1.15rem 1.25rem}
    .step-body>*+*{margin-top:1rem}
    .step.waiting .step-head h2,.step.waiting .step-head h3{color:var(--soft)}

    """

  private static let promises = """
    .trust-states a{color:inherit;text-decoration:none}
    .trust-states a:hover,.trust-states a[aria-current]{border-color:var(--accent);background:var(--accent-wash)}
    .toolbar .button[aria-current]{border-color:var(--accent);background:var(--accent-wash);color:var(--accent)}
    .trust-states .figure{display:grid;gap:.1rem;position:relative}
    ul.promises{margin-top:.75rem}
    ul.promises summary{list-style:none;position:relative;padding-left:1.4rem;max-width:52rem}
    ul.promises summary::-webkit-details-marker{display:none}
    ul.promises summary::before{content:"";position:absolute;left:.15rem;top:.5rem;width:.45rem;height:.45rem;border:solid var(--soft);border-width:0 2px 2px 0;transform:rotate(-45deg)}
    ul.promises details[open]>summary::before{transform:rotate(45deg)}
    ul.promises details>dl{padding-left:1.4rem}
    ul.promises summary:hover .promise{text-decoration:underline;text-decoration-thickness:1px;text-underline-offset:.18em}
    ul.promises>li{flex-wrap:nowrap;align-items:flex-start;padding:.85rem 0;scroll-margin-top:5rem}
    ul.promises>li:target{background:var(--accent-wash)}
    ul.promises details{flex:1}
    ul.promises .promise{font-weight:500}
    ul.promises .when{display:block;font-size:.85rem;color:var(--soft)}
    ul.promises .when:empty{display:none}
    form.filters>.field{flex:1 1 9rem}
    form.filters input{min-width:0}
    ul.promises dl{margin:.9rem 0 .4rem;font-size:.95rem}

    """

  private static let shell = """
    .skip{position:absolute;left:1rem;top:-4rem;z-index:9;background:var(--accent);color:var(--accent-ink);padding:.7rem 1rem;border-radius:0 0 8px 8px}
    .skip:focus{top:0}
    .banner{background:var(--info-wash);color:var(--info);border-bottom:1px solid color-mix(in srgb,var(--info) 35%,transparent)}
    .banner-inner{max-width:74rem;margin:0 auto;padding:.7rem 1.5rem;overflow-wrap:anywhere}
    .banner-inner strong{margin-right:.35rem}
    .banner a{color:inherit;white-space:nowrap}
    .top{background:var(--surface);border-bottom:1px solid var(--line);position:sticky;top:0;z-index:5}
    .top-inner{max-width:74rem;margin:0 auto;padding:0 1.5rem;min-height:4rem;display:flex;align-items:center;gap:2rem}
    .brand{display:flex;align-items:center;gap:.55rem;font-weight:650;font-size:1.1rem;letter-spacing:-.015em;color:var(--ink);text-decoration:none}
    .mark{width:1.6rem;height:1.6rem;fill:var(--accent)}
    .mark-line{fill:none;stroke:var(--accent-ink);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
    .main-nav{flex:1;min-width:0}
    .main-nav ul{padding:0;max-width:none;display:flex;flex-wrap:wrap;gap:.1rem;list-style:none}
    .main-nav a{display:block;padding:.45rem .45rem;font-size:.96rem;border-radius:8px;color:var(--soft);text-decoration:none;font-weight:550;white-space:nowrap}
    .main-nav a:hover{color:var(--ink);background:var(--sunk)}
    .main-nav a:focus-visible{outline-offset:-3px}
    .main-nav a[aria-current]{color:var(--accent);background:var(--accent-wash)}
    .menu{position:relative;margin-left:auto}
    .menu summary{list-style:none;display:grid;text-align:right;line-height:1.25;padding:.4rem .7rem;border-radius:8px}
    .menu summary::-webkit-details-marker{display:none}
    .menu summary{position:relative;padding-right:1.9rem}
    .menu summary::after{content:"";position:absolute;right:.75rem;top:50%;width:.45rem;height:.45rem;margin-top:-.4rem;border:solid var(--soft);border-width:0 2px 2px 0;transform:rotate(45deg)}
    .menu summary:hover,.menu[open] summary{background:var(--sunk)}
    .menu-name{font-weight:580;font-size:.95rem}
    .menu-tenant{color:var(--soft);font-size:.85rem}
    .menu-body{position:absolute;right:0;top:calc(100% + .4rem);min-width:12rem;display:grid;gap:.15rem;padding:.5rem;background:var(--surface);border:1px solid var(--line);border-radius:var(--radius);box-shadow:0 8px 28px rgb(0 0 0/.14)}
    .menu-body a,.menu-body button.link{display:block;width:100%;text-align:left;padding:.55rem .7rem;border-radius:6px;color:var(--ink);text-decoration:none;font-weight:500}
    .menu-body a:hover,.menu-body button.link:hover{background:var(--sunk)}
    .trail ol{padding:0;max-width:none;display:flex;flex-wrap:wrap;list-style:none;font-size:.92rem;color:var(--soft)}
    .trail ol::before{content:"\\2190"/"";margin-right:.5rem}
    .trail li+li::before{content:"/"/"";margin:0 .55rem;color:var(--line-strong)}
    .trail+*{margin-top:.5rem}
    .trail a{color:var(--soft)}
    .bottom{border-top:1px solid var(--line);color:var(--soft);font-size:.9rem}
    .bottom-inner{max-width:74rem;margin:0 auto;padding:1.25rem 1.5rem;display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;justify-content:space-between}
    .bottom a{color:inherit}

    """

  private static let small = """
    @media (max-width:60rem){.split,.split.case,.split.chapters,.front{grid-template-columns:minmax(0,1fr)}
    .topics{display:none}
    .case-side{position:static;order:0}}
    @media (max-width:44rem){
    main{padding:1.5rem 1rem 3rem}
    .card{padding:1.15rem}
    .banner-inner{padding:.7rem 1rem}
    .top{position:static}
    .top-inner{flex-wrap:wrap;gap:.25rem 1rem;padding:.5rem 1rem}
    .main-nav{order:3;flex-basis:100%}
    form.filters{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr)}
    form.filters>.field:nth-child(3),form.filters>.toolbar{grid-column:1/-1}
    .toolbar>.button,.toolbar>button{flex:0 1 auto}
    dl.facts{grid-template-columns:minmax(0,1fr);gap:.1rem}
    dl.facts dd+dt{margin-top:.7rem}
    table.cards{display:block;background:none;border:0;box-shadow:none;overflow:visible}
    table.cards thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
    table.cards tbody,table.cards tr{display:block}
    table.cards tr{background:var(--surface);border:1px solid var(--line);border-radius:var(--radius);padding:.5rem 1rem;margin-bottom:.8rem}
    table.cards tr>*{display:flex;gap:1rem;justify-content:space-between;text-align:right;padding:.4rem 0;border:0}
    table.cards tr>*::before{content:attr(data-label);color:var(--soft);font-weight:400;text-align:left;flex:none}
    table.cards tbody tr:hover>*{background:none}
    table.cards tbody th{font-size:1.05rem;justify-content:flex-start;text-align:left}
    table.cards tbody th::before,table.cards td.actions::before{display:none}
    table.cards td.actions:empty{display:none}
    table.cards td.actions{flex-wrap:wrap;justify-content:flex-start}
    table.cards td.actions form{margin:0}
    .step{padding-left:0}
    .step::after{display:none}
    .step-head{padding-left:2.9rem}
    .front-words h1{font-size:2rem}
    ul.checks>li{flex-wrap:nowrap}
    .main-nav ul{gap:0;margin:0 -.45rem;flex-wrap:wrap}
    .main-nav a{padding:.5rem .42rem;font-size:.89rem}
    ul.promises>li{flex-direction:column;gap:.4rem}
    ul.promises>li>.badge{order:-1}}
    @media (prefers-reduced-motion:reduce){*{transition:none!important}}
    @media (forced-colors:active){.badge,.notice,.card{border:1px solid}}

    """

  private static let print = """
    @media print{
    @page{margin:18mm 16mm}
    :root{--paper:#fff;--surface:#fff;--sunk:#fff;--ink:#000;--soft:#333;--line:#999;--line-strong:#666;--accent:#000;--accent-deep:#000;--shadow:none;
    --good:#000;--wait:#000;--bad:#000;--info:#000;--off:#000;--good-wash:#fff;--wait-wash:#fff;--bad-wash:#fff;--info-wash:#fff;--off-wash:#fff}
    html{font-size:10.5pt}
    .top,.bottom,.trail,.skip,.toolbar,nav.pages,form,.no-print{display:none!important}
    main{max-width:none;padding:0}
    .card,.step-body,table,.notice{border:1px solid #999;box-shadow:none;break-inside:avoid}
    .badge{border:1px solid #666}
    a{color:#000}
    h1,h2,h3{break-after:avoid}
    .split{display:block}
    .split>*+*{margin-top:1rem}
    .acts,.next,details.more:not([open]),progress{display:none!important}
    .step{break-inside:avoid;padding-bottom:1rem}
    .step.complete::before{color:#000;background:#fff}
    .case-side{position:static;margin-bottom:1.5rem}
    pre{white-space:pre-wrap;overflow-wrap:anywhere}}

    """
}
