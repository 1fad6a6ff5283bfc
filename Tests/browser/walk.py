"""The job as people do it, in the browser: the manager with or without JavaScript, her colleague who approves, a stranger."""

import re

from house import ROOT, Visitor

REGISTER = ROOT / "Examples" / "vendors.csv"
NEW_LINES = (
    "registry_id,name,privacy_url,standard_retention_days,data_categories,purposes,deleted_on\r\n"
    '995001,"Walked, Ltd",https://walked.example/privacy,90,IP addresses; Contracts,Deliver the service,\r\n'
    "995002,,https://nameless.example/privacy,90,IP addresses,Deliver the service,\r\n"
)


def whole_job(running, demo, javascript):
    manager = Visitor(running, demo, javascript)
    manager.sign_in("manager")
    import_register(manager)
    address = open_case(manager)
    early_certificate_is_explained(manager, address)
    for _ in range(30):
        if not work_on_a_step(manager, address):
            break
        approve_what_waits(running, demo, address, javascript)
    manager.go(address).press("^issue the certificate")
    certificate(manager, address)
    audit_trail(manager)
    sign_out(manager)
    manager.leave()


def import_register(manager):
    """A good line, and one without a name that is told with its line and its reason; then the search finds the good one."""
    manager.go("/vendors").follow("^import a register")
    manager.attach("register as csv", "register.csv", NEW_LINES.encode(), "text/csv").press("^import")
    manager.reads("lines that were refused").reads("name").reads(r"\b3\b")
    manager.go("/vendors").fill("search by name", "walked").press("^search").reads("1 found")
    manager.follow("Walked, Ltd").reads("90 days").reads("Contracts")


def open_case(manager):
    """Returns the address of the case."""
    manager.follow("^offboard this vendor").fill("contract ended", "2026-11-01").press("^open a case")
    manager.reads("Walked, Ltd").reads("the case is open")
    return manager.page.url.split("?")[0]


def early_certificate_is_explained(manager, address):
    manager.go(address)
    assert not manager.has("button", "^issue the certificate"), "a certificate is offered while steps are open"
    manager.reads("can be issued once")


def work_on_a_step(manager, address):
    """Does the next thing that can be done: completes a step that has all it needs, or attaches what one lacks."""
    manager.go(address)
    if (complete := manager.form("/complete")).count():
        manager.open_around(complete)
        complete.get_by_label(re.compile("what was done", re.I)).fill("Done as agreed; checked by sampling.")
        complete.get_by_label("What", exact=True).first.fill("Invoices")
        complete.get_by_label("Where", exact=True).first.fill("The vendor’s bookkeeping")
        return send(manager, complete)
    for form in manager.form_of_missing():
        manager.open_around(form)
        for kind in kinds_of(form):
            form.get_by_label(re.compile("what does it show", re.I)).select_option(kind)
            form.get_by_label("File", exact=True).set_input_files(EVIDENCE)
            send(manager, form)
            manager.go(address)
            manager.open_around(form)
        return True
    return False


EVIDENCE = {"name": "Bestätigung.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 evidence"}


def kinds_of(form):
    """What the step needs; the last choice is always *something else*."""
    return [option.get_attribute("value") for option in form.locator("option").all()][:-1]


def send(visitor, form):
    visitor.click(form.locator("button[type=submit]").first)
    return True


def approve_what_waits(running, demo, address, javascript):
    """The colleague signs in at a browser of her own. The performer is told why he cannot approve."""
    approver = Visitor(running, demo, javascript)
    approver.sign_in("approver").go(address)
    while (form := approver.form("/approve")).count():
        approver.open_around(form)
        form.get_by_label(re.compile("note", re.I)).fill("Seen and sampled.")
        approver.click(form.get_by_role("button", name=re.compile("^approve", re.I))).go(address)
    approver.leave()


def certificate(manager, address):
    """The bundle comes as a download; the printable page is a page; the case can no longer be changed."""
    manager.go(address).reads("certified")
    if manager.has("link", "^see the certificate"):
        manager.follow("^see the certificate")
    with manager.page.expect_download() as download:
        manager.page.get_by_role("link", name=re.compile("^download the bundle", re.I)).click()
    assert download.value.suggested_filename.endswith(".zip"), download.value.suggested_filename
    manager.follow("^page to print").reads("Walked, Ltd").reads("Invoices")
    manager.go(address)
    assert not manager.form("/complete").count() and not manager.form("/evidence").count(), "a certified case can be changed"


def audit_trail(manager):
    manager.go("/audit").reads("certif")
    if manager.has("link", "^verify"):
        manager.follow("^verify").reads("verif|intact|proof")


def sign_out(manager):
    manager.go("/vendors")
    manager.open_around(manager.page.get_by_role("button", name=re.compile("sign out", re.I), include_hidden=True))
    manager.press("sign out")
    manager.page.goto("/vendors")
    manager.reads("sign in|organisation")


def everything_linked(running, demo, role, limit=60):
    """Follows every link that the role is shown, as one who clicks on everything. Each page holds to the rules of the house."""
    visitor = Visitor(running, demo)
    visitor.sign_in(role) if role else visitor.go("/trust")
    waiting, visited = [visitor.page.url], set()
    while waiting and len(visited) < limit:
        address = waiting.pop(0)
        shape = re.sub(r"[0-9a-hjkmnp-tv-z]{26}|cursor=[^&]*", "*", address.split("#")[0])
        if shape in visited:
            continue
        visited.add(shape)
        answer = visitor.page.goto(address)
        assert answer.status == 200, f"a link leads to {address}: {answer.status}"
        visitor.look()
        waiting += links(visitor)
    visitor.leave()
    return len(visited)


def links(visitor):
    """Same-origin pages; downloads and machine-readable answers are not pages."""
    hrefs = visitor.page.eval_on_selector_all("a[href]:not([download])", "all => all.map(a => a.href)")
    skip = re.compile(r"/v1/|\.json|\.jsonl|\.txt|\.zip|\.vkey|\.atom|/evidence/|/export")
    return [h.split("#")[0] for h in hrefs if h.startswith(visitor.demo.url) and not skip.search(h)]


def keyboard(running, demo):
    """The first stop of the Tab key is the skip link; every stop of the sign-in page is visible; Enter sends the form."""
    visitor = Visitor(running, demo)
    visitor.go("/t/acme")
    visitor.page.keyboard.press("Tab")
    first = visitor.page.evaluate("document.activeElement.textContent")
    assert "skip" in first.lower(), f"the first stop is {first!r}"
    person = demo.person("manager")
    visitor.fill("e-?mail", person["email"]).fill("password", person["password"])
    with visitor.page.expect_navigation():
        visitor.page.keyboard.press("Enter")
    visitor.reads("your work|nothing is open")
    visitor.leave()
