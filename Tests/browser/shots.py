"""Screenshots of every main page, light and dark, wide and on a phone, for people to look at: .build/screenshots."""

import away
from house import PHONE, SCREENSHOTS, WIDE, Visitor


def take(running, demo):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    manager = demo.client("manager")
    vendor = manager.get("/v1/vendors?limit=1").json["items"][0]["id"]
    cases = {case["state"]: case["id"] for case in manager.items("/v1/cases")}
    pages = {
        "vendors": "/vendors", "import": "/vendors/import", "vendor": f"/vendors/{vendor}", "cases": "/cases",
        "case-open": f"/cases/{cases['open']}", "case-certified": f"/cases/{cases['certified']}", "audit": "/audit",
    }
    owned = {
        "jobs": "/jobs", "freeze": "/freeze", "mail": "/mail", "mailbox": "/mailbox", "subprocessors": "/subprocessors",
        "leave": "/subprocessors/leave", "erasures": "/erasures", "erasure-new": f"/erasures/new?type=vendor&id={vendor}",
    }
    owned |= away.prepared(demo)
    held = away.held(demo, manager)
    owned |= {"hold-place": f"/erasures?hold=vendor&id={vendor}#holds", "vendor-free": f"/vendors/{vendor}"}
    pages |= {"vendor-held": f"/vendors/{held['vendor']['id']}", "case-held": f"/cases/{held['id']}"}
    public = {"sign-in": "/t/acme", "trust": "/trust", "providers": "/trust/subprocessors", "status": "/status"}
    for size, viewport in (("wide", WIDE), ("phone", PHONE)):
        for dark in (False, True):
            shade = f"{size}-{'dark' if dark else 'light'}"
            shoot(Visitor(running, demo, viewport=viewport, dark=dark), public, shade)
            shoot(Visitor(running, demo, viewport=viewport, dark=dark).sign_in("manager"), pages, shade)
            shoot(Visitor(running, demo, viewport=viewport, dark=dark).sign_in("owner"), owned, shade)


def shoot(visitor, pages, shade):
    for name, path in pages.items():
        visitor.go(path)
        width = visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, f"{path} is {width} px wider than the window ({shade})"
        visitor.page.screenshot(path=SCREENSHOTS / f"{name}-{shade}.png", full_page=True)
    visitor.leave()
