"""Headless Chromium around one demo server. Every page that is visited is held to the rules of the house.

The rules: no request leaves the origin, the content security policy is never hit, no script error, no axe violation."""

from contextlib import contextmanager
from pathlib import Path
import re
import shutil
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests" / "e2e"))
from steward import Demo  # noqa: E402,F401

SCREENSHOTS = ROOT / ".build" / "screenshots"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def chromium():
    """Debian's, under either of its names; a browser that Playwright brought along would do as well."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    return None


@contextmanager
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        try:
            yield running
        finally:
            running.close()


class Visitor:
    """One person at one browser window. `broken` collects every breach of the rules of the house."""

    def __init__(self, running, demo, javascript=True, viewport=None, dark=False):
        self.demo, self.javascript, self.broken, self.seen = demo, javascript, [], set()
        self.context = running.new_context(
            java_script_enabled=javascript, viewport=viewport or WIDE, color_scheme="dark" if dark else "light",
            reduced_motion="reduce", base_url=demo.url, accept_downloads=True)
        self.context.on("request", self.note_request)
        self.page = self.context.new_page()
        self.page.set_default_timeout(8_000)
        self.page.on("console", self.note_console)
        self.page.on("pageerror", lambda error: self.broken.append(f"script error: {error}"))

    def note_request(self, request):
        if not request.url.startswith((self.demo.url + "/", "data:", "blob:", "about:")):
            self.broken.append(f"{self.page.url} asks for {request.url}")

    def note_console(self, message):
        if re.search("content security policy|refused to", message.text, re.I):
            self.broken.append(f"{self.page.url}: {message.text}")

    def go(self, path, status=200):
        answer = self.page.goto(path)
        assert answer.status == status, f"{path}: wanted {status}, saw {answer.status}"
        return self.look()

    def look(self):
        """Holds the page that is open to the rules. A page is looked at by axe once for each shape of its address."""
        assert self.page.title().strip(), f"{self.page.url} has no title"
        shape = re.sub(r"[0-9a-hjkmnp-tv-z]{26}", "*", self.page.url.split("?")[0])
        if self.javascript and shape not in self.seen:
            self.seen.add(shape)
            self.broken += [f"{shape}: {finding}" for finding in axe_findings(self.page)]
        return self

    def sign_in(self, role, tenant="acme"):
        person = self.demo.person(role, tenant)
        self.go(f"/t/{tenant}")
        self.fill("e-?mail", person["email"])
        self.fill("password", person["password"])
        return self.press("sign in")

    def fill(self, label, value):
        self.page.get_by_label(re.compile(label, re.I)).first.fill(value)
        return self

    def attach(self, label, name, content, media_type):
        field = self.page.get_by_label(re.compile(label, re.I)).first
        field.set_input_files({"name": name, "mimeType": media_type, "buffer": content})
        return self

    def form(self, ending):
        """The first form on the page whose action ends like this."""
        return self.page.locator(f"form[action$='{ending}']").first

    def form_of_missing(self):
        """The evidence form of each step that says what it lacks and that can be worked on now."""
        steps = self.page.locator(":has(> details > form[action$='/evidence'])")
        return [step.locator("form[action$='/evidence']") for step in steps.all() if step.locator("details[open]").count()]

    def open_around(self, form):
        """Opens the fold in which a form lies, as a person does: by its summary, which needs no JavaScript."""
        fold = form.locator("xpath=ancestor::details")
        if fold.count() and fold.first.get_attribute("open") is None:
            fold.first.locator("summary").first.click()

    def press(self, name):
        return self.click(self.page.get_by_role("button", name=re.compile(name, re.I)).first)

    def follow(self, name):
        return self.click(self.page.get_by_role("link", name=re.compile(name, re.I)).first)

    def click(self, target):
        """Every click here leads to a page; the next step must not overtake the answer."""
        with self.page.expect_navigation():
            target.click()
        return self.look()

    def has(self, role, name):
        return self.page.get_by_role(role, name=re.compile(name, re.I)).count() > 0

    def reads(self, words):
        text = self.page.locator("body").inner_text()
        assert re.search(words, text, re.I), f"{self.page.url} does not say {words!r}:\n{text[:1500]}"
        return self

    def leave(self):
        """Ends the visit; raises if a rule was broken on the way."""
        self.context.close()
        assert not self.broken, "\n".join(dict.fromkeys(self.broken))


def axe_findings(page):
    """Every violation that axe-core finds, one a line, with the place on the page."""
    results = Axe().run(page).response
    return [f"{finding['id']}: {finding['help']} at {node['target'][0]}"
            for finding in results["violations"] for node in finding["nodes"][:3]]
