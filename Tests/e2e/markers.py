"""What a customer typed or uploaded is found in no file of the installation, and comes back from every read."""

import base64
import os
import secrets

from expect import expect, expect_equal, expect_status, scenario
from pages import Browser
from steward import Client, Demo
from urllib.parse import quote

HEADER = "registry_id,name,privacy_url,standard_retention_days,data_categories,purposes,deleted_on\r\n"


class Marks:
    """Words that occur nowhere else, one for each input."""

    def __init__(self):
        self.words = {}

    def __call__(self, where):
        # Short, so that no page boundary of a database is likely to split it, and of letters only, so that any field takes it.
        return self.words.setdefault(where, "zq" + "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(12)))


@scenario("markers planted through every input are found in no file, while reads, lists and search return them")
def planted():
    with Demo() as demo:
        mark = Marks()
        vendor, case, step, evidence, content = plant(demo, mark)
        read_back(demo, mark, vendor, case, step, evidence, content)
        expect_equal(found_on_disk(demo, mark), [], "while the server runs")
        demo.stop()
        expect_equal(found_on_disk(demo, mark), [], "after it has ended")
        demo.start()
        read_back(demo, mark, vendor, case, step, evidence, content)
        expect_equal(found_on_disk(demo, mark), [], "after a second start")


def plant(demo, mark):
    manager, owner = demo.client("manager"), demo.client("owner")
    vendor = expect_status(manager.post("/v1/vendors", {
        "name": f"{mark('vendor name')} Ltd", "registry_id": mark("registry id"),
        "privacy_url": f"https://{mark('privacy url')}.example/", "data_categories": [mark("category")]}), 201).json["id"]
    line = f"991001,{mark('imported name')},https://a.example/,30,{mark('imported category')},{mark('imported purpose')},\r\n"
    expect_status(manager.upload("/v1/vendors/import", (HEADER + line).encode(), "text/csv"), 200, 201)
    rejected = f"991002,,https://{mark('rejected url')}.example/,{mark('rejected days')},x,y,\r\n"
    manager.upload("/v1/vendors/import", (HEADER + rejected).encode(), "text/csv", f"{mark('csv file name')}.csv")
    person = {"name": mark("person name"), "email": f"{mark('person email')}@acme.example", "roles": ["member"]}
    expect_status(owner.post("/v1/people", person), 201)

    template = manager.get("/v1/templates").json["items"][0]["id"]
    body = {"vendor": vendor, "template": template, "terminated_on": "2026-11-01"}
    case = expect_status(manager.post("/v1/cases", body), 201).json
    step = next(s for s in case["steps"] if s["state"] == "ready")
    here = f"/v1/cases/{case['id']}/steps/{step['id']}"
    content = mark("file bytes").encode() * 20_000
    for need in step["needs"]["evidence"] or [{"kind": "other"}]:
        answer = manager.upload(f"{here}/evidence?kind={need['kind']}", content, "text/plain", f"{mark('file name')}.txt")
    evidence = expect_status(answer, 201).json["id"]
    expect_status(manager.post(f"{here}/complete", {"note": mark("note"), "remains": [
        {"what": mark("what remains"), "where": mark("where it remains"), "until": "2030-01-01"}]}), 200)
    plant_in_failures(demo, mark, manager)
    return vendor, case["id"], step["id"], evidence, content


def plant_in_failures(demo, mark, manager):
    """Searches and requests that fail: a log line, a temporary file or an error store would betray them."""
    manager.get(f"/v1/vendors?q={mark('search term')}")
    manager.get(f"/v1/{mark('unknown path')}?x={mark('unknown query')}")
    manager.get(f"/v1/vendors?cursor={mark('cursor')}")
    manager.request("POST", "/v1/vendors", f'{{"name":"{mark("cut-off body")}'.encode(), {"Content-Type": "application/json"})
    manager.post("/v1/vendors", {"name": mark("refused name"), "retention_days": -1})
    manager.request("POST", "/v1/vendors", b"{}", {"Content-Type": f"text/{mark('media type')}", "User-Agent": mark("user agent")})
    Client(demo.url, mark("token")).get("/v1/vendors")
    manager.request("POST", "/v1/vendors", mark("long body").encode() * 500_000, {"Content-Type": "application/json"})
    browser = Browser(demo.url)
    if browser.open("/t/acme").status == 200:
        browser.submit("password", email=f"{mark('sign-in address')}@acme.example", password=mark("password"))
    browser.open(f"/t/{mark('tenant slug')}")


def read_back(demo, mark, vendor, case, step, evidence, content):
    manager = demo.client("manager")
    one = expect_status(manager.get(f"/v1/vendors/{vendor}"), 200).body.decode()
    for where in ("vendor name", "registry id", "privacy url", "category"):
        expect(mark(where) in one, f"{where} is not in the vendor")
    for where in ("vendor name", "imported name"):
        found = expect_status(manager.get(f"/v1/vendors?q={mark(where).upper()}"), 200).json["items"]
        expect_equal(len(found), 1, f"search for the {where}")
    whole = manager.get(f"/v1/cases/{case}").body.decode()
    for where in ("vendor name", "file name"):
        expect(mark(where) in whole, f"{where} is not in the case")
    file = expect_status(manager.get(f"/v1/cases/{case}/steps/{step}/evidence/{evidence}"), 200)
    expect(file.body == content, "the file that comes back is another")
    people = demo.client("owner").get("/v1/people?limit=200").body.decode()
    expect(mark("person name") in people and mark("person email") in people, "the person is not in the list")


def found_on_disk(demo, mark):
    """(what, file) for every marker found in any encoding that software writes by accident. The credentials file holds none."""
    needles = [(where, form) for where, word in mark.words.items() for form in encodings(word)]
    found = []
    for directory, _, names in os.walk(demo.home):
        for name in names:
            path = os.path.join(directory, name)
            expect(not any(word in path for word in mark.words.values()), f"a file name tells: {path}")
            if not os.path.isfile(path):
                continue  # The local socket of the running server.
            with open(path, "rb") as file:
                content = file.read()
            found += [(where, os.path.relpath(path, demo.home)) for where, form in needles if form in content]
    return sorted(set(found))


def encodings(word):
    plain = word.encode()
    yield from {plain, word.upper().encode(), word.encode("utf-16-le"), word.encode("utf-16-be"), plain.hex().encode(),
                quote(word).encode(), plain[::-1]}
    for shift in range(3):
        # The part of the base64 that does not depend on the neighbours, at each of the three alignments.
        encoded = base64.b64encode(b"\0" * shift + plain)
        yield encoded[4 if shift else 0:(len(plain) + shift) // 3 * 4]
