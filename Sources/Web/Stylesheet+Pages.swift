/// What only one page or two have: the case, the front page, the checks of an entry.
extension Stylesheet {
  static let pages = """
    .split.case{grid-template-columns:minmax(0,1fr) 19rem;gap:2rem}
    .case-side{order:2;position:sticky;top:5.5rem}
    .case-side .notice{padding:.7rem .9rem}
    .meter{display:inline-flex;align-items:center;gap:.7rem;font-variant-numeric:tabular-nums;white-space:nowrap}
    p.meter{display:flex}
    progress{appearance:none;width:9rem;height:.5rem;border:0;border-radius:99px;background:var(--line);overflow:hidden}
    p.meter progress{flex:1;min-width:0}
    progress::-webkit-progress-bar{background:var(--line);border-radius:99px}
    progress::-webkit-progress-value{background:var(--accent);border-radius:99px}
    progress::-moz-progress-bar{background:var(--accent);border-radius:99px}
    .step-body>ul.needs{border-top:0;margin-top:.35rem}
    .step-body>ul.needs:first-child{margin-top:-.4rem}
    ul.needs>li{padding:.45rem 0;min-height:2.6rem}
    .step-body>:last-child.needs>li:last-child{border-bottom:0}
    .evidence{background:var(--sunk);border-radius:8px;padding:.8rem 1rem}
    ul.files{list-style:none;display:grid;gap:.9rem;margin-top:.4rem;max-width:none}
    .file-head{display:flex;flex-wrap:wrap;gap:.25rem .8rem;align-items:center;justify-content:space-between;font-weight:550;overflow-wrap:anywhere}
    .hash{font-size:.85rem;color:var(--soft);max-width:none}
    .hash code{font-size:.82rem}
    .said{border-left:3px solid var(--line-strong);padding-left:.9rem;overflow-wrap:anywhere}
    .said>*+*{margin-top:.35rem}
    .step{scroll-margin-top:5.5rem}
    .step:target .step-body{border-color:var(--accent)}
    .next{color:var(--soft)}
    .step.ready .next{color:var(--wait);font-weight:550}
    .step.waiting .step-body{background:none;box-shadow:none;border-style:dashed}
    .acts{display:flex;flex-wrap:wrap;gap:.6rem;align-items:flex-start;border-top:1px solid var(--line);padding-top:1rem}
    .acts>details[open]{flex:1 1 100%;background:var(--sunk);border-radius:8px;padding:.8rem 1rem 1rem}
    .acts>details.main{order:-1}
    .acts>details>summary{list-style:none;display:inline-flex;align-items:center;min-height:2.25rem;padding:.3rem .8rem;border:1px solid var(--line-strong);border-radius:8px;background:var(--surface);color:var(--ink);font-size:.93rem}
    .acts>details>summary::-webkit-details-marker{display:none}
    .acts>details>summary::before{content:"+"/"";margin-right:.5rem;color:var(--soft)}
    .acts>details[open]>summary::before{content:"\\2212"/""}
    .acts>details>summary:hover{border-color:var(--ink)}
    .acts>details.main:not([open])>summary{background:var(--accent);border-color:var(--accent);color:var(--accent-ink)}
    .acts>details.main:not([open])>summary::before{color:inherit}
    ul.checks>li{min-height:2.6rem;padding:.45rem 0}
    .notice>ul.checks>li:last-child{border-bottom:0;padding-bottom:0}
    .notice>ul.checks{border-top-color:color-mix(in srgb,currentColor 18%,transparent)}
    .notice>ul.checks>li{border-bottom-color:color-mix(in srgb,currentColor 18%,transparent)}
    .notice .badge{padding-right:0}
    .chapters>nav{order:2;position:sticky;top:5.5rem;max-height:calc(100vh - 6.5rem);overflow-y:auto}
    .chapters{grid-template-columns:minmax(0,1fr) 16rem}
    .topics>*+*{margin-top:.5rem}
    .topics ul{list-style:none;padding:0;font-size:.93rem}
    .topics li{display:flex;gap:.75rem;justify-content:space-between;padding:.28rem 0}
    .topics li a{color:var(--soft);text-decoration:none}
    .topics li a:hover{color:var(--ink);text-decoration:underline}
    .chapters h2{display:flex;flex-wrap:wrap;gap:.2rem 1rem;align-items:baseline;justify-content:space-between;scroll-margin-top:5.5rem}
    .chapters .count{font-size:.9rem}
    .strip{list-style:none;display:flex;gap:2px;padding:0;max-width:none;height:2.2rem}
    .strip li{flex:1;min-width:0;border-radius:2px;background:var(--line)}
    .strip .good{background:var(--good)}
    .strip .wait{background:var(--wait)}
    .strip .bad{background:var(--bad)}
    .strip-ends{display:flex;justify-content:space-between;max-width:none}
    pre.letter{font-family:inherit;font-size:.97rem;line-height:1.6}
    .front{display:grid;grid-template-columns:minmax(0,1fr) 24rem;gap:2.5rem 4.5rem;align-items:start;padding-top:clamp(.5rem,7vh,4.5rem)}
    .front-words>*+*{margin-top:1rem}
    .front-words h1{font-size:clamp(2rem,1.4rem + 2.2vw,3rem);letter-spacing:-.03em;line-height:1.1}
    .front-words .toolbar{margin-top:1.6rem}
    ul.points{list-style:none;display:grid;gap:.9rem;margin-top:1.6rem;max-width:40rem}
    ul.points li{position:relative;padding-left:2.1rem;color:var(--soft)}
    ul.points strong{display:block;color:var(--ink);font-weight:600}
    ul.points li::before{content:"\\2713"/"";position:absolute;left:0;top:.1rem;width:1.4rem;height:1.4rem;display:grid;place-items:center;border-radius:50%;background:var(--good-wash);color:var(--good);font-size:.85rem;font-weight:700}

    """
}
