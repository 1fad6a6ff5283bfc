/// The look of the page: system fonts, light and dark, black on white when printed.
enum CertificateStyle {
  static let css = """
    :root { color-scheme: light dark; --ink: #1d2330; --quiet: #566074; --line: #d7dce5; --paper: #ffffff; --back: #f4f6f9; --mark: #14532d; --tint: #e7f3ec; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #e7eaf0; --quiet: #a5afc0; --line: #353d4c; --paper: #171b23; --back: #0f1218; --mark: #9be2b7; --tint: #1c3227; }
    }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
    main { max-width: 48rem; margin: 2.5rem auto; padding: 3rem; background: var(--paper); border: 1px solid var(--line); border-radius: 10px; }
    .kind { margin: 0; color: var(--mark); font-weight: 600; letter-spacing: .02em; }
    h1 { margin: .2rem 0 .6rem; font-size: 2rem; line-height: 1.2; overflow-wrap: anywhere; }
    h2 { margin: 2.4rem 0 .8rem; padding-top: 1.2rem; border-top: 1px solid var(--line); font-size: 1.2rem; }
    h3 { margin: 0 0 .2rem; font-size: 1rem; }
    p { margin: .2rem 0; overflow-wrap: anywhere; }
    .lead { font-size: 1.05rem; color: var(--quiet); }
    dl { display: grid; grid-template-columns: 12rem 1fr; gap: .35rem 1rem; margin: 1.6rem 0 0; }
    dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
    .steps { padding-left: 1.4rem; } .steps li { padding: .5rem 0 .7rem; break-inside: avoid; }
    .note { color: var(--quiet); white-space: pre-wrap; border-left: 3px solid var(--line); padding-left: .8rem; }
    table { width: 100%; border-collapse: collapse; } th { text-align: left; color: var(--quiet); font-weight: 500; }
    th:first-child { white-space: nowrap; } table + h3 { margin-top: 1.4rem; }
    th, td { padding: .5rem .6rem .5rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
    tr { break-inside: avoid; }
    .grade { display: inline-block; padding: 0 .45rem; border-radius: 5px; background: var(--tint); color: var(--mark); font-weight: 600; font-size: .9em; }
    .grades { list-style: none; padding: 0; color: var(--quiet); }
    .small { font-size: .875rem; color: var(--quiet); }
    code { font: .85em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
    @media (max-width: 40rem) { main { margin: 0; padding: 1.2rem; border: 0; border-radius: 0; } dl { grid-template-columns: 1fr; } dd { margin-bottom: .5rem; } }
    @media print {
      :root { color-scheme: light; --ink: #000; --quiet: #333; --line: #999; --paper: #fff; --back: #fff; --mark: #000; --tint: #eee; }
      body { font-size: 10.5pt; } main { max-width: none; margin: 0; padding: 0; border: 0; } h2 { break-after: avoid; }
    }
    """
}
