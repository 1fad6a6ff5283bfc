"""The register of sub-processors as an operator keeps it, as customers read it, and as a stranger's programs see it."""

import json
import re
import time
import xml.etree.ElementTree as xml

from expect import expect, expect_equal, expect_problem, expect_receipt, expect_status, scenario
from steward import STEWARD, Demo, run

ATOM = "{http://www.w3.org/2005/Atom}"
ENTRY = {
    "name": "Example Mail & Söhne", "entity": "Example Mail GmbH", "address": "Musterweg 1, 10115 Berlin, DE",
    "contact": "privacy@mail.example", "description": "Delivers e-mail <for us>.", "purposes": ["invitation", "notice"],
    "categories": ["personal", "content"], "region": "EU", "hosts": ["smtp.mail.example:587"],
    "contract": {"dated": "2020-01-01", "expires": "2099-12-31", "reference": "drawer 7",
                 "clauses": ["security", "confidentiality", "data-protection"]}}
OWN = {**{k: v for k, v in ENTRY.items() if k != "contract"}, "kind": "own", "name": "Relay in the basement", "hosts": ["relay.acme.example:25"]}


@scenario("a sub-processor is announced to every owner, waits 30 days, and can be objected to; the public list says so at once")
def announced():
    with Demo() as demo:
        stranger, owner = demo.anonymous(), demo.client("owner")
        expect("Nobody" in stranger.get("/trust/subprocessors", Accept="text/html").body.decode(), "an empty register hands data to nobody")
        mail = keep(demo, "add", ENTRY)["id"]
        expect(mail not in stranger.get("/trust/subprocessors.json").body.decode(), "a draft is nobody's business")
        refused = steward(demo, "activate", mail)
        expect(refused.returncode == 1 and "announce it" in refused.stderr, refused.stderr)

        told = keep(demo, "announce", mail)
        expect_equal(told["posted"], 2, "owners of both organisations")
        until(lambda: keep(demo, "list")["subprocessors"][0]["notices"]["missing_total"] == 0, "both notices are sent")
        refused = steward(demo, "activate", mail)
        expect(refused.returncode == 1 and "can be activated from" in refused.stderr, refused.stderr)
        own = keep(demo, "add", OWN)["id"]
        expect_equal(keep(demo, "activate", own)["state"], "active", "the operator's own system needs no notice")

        expect_receipt(owner.post(f"/v1/subprocessors/{mail}/objection", {"reason": "We keep our mail in the house."}))
        expect_problem(demo.client("manager").post(f"/v1/subprocessors/{mail}/objection", {"reason": "No owner."}), 404)
        mine = {item["id"]: item for item in owner.items("/v1/subprocessors")}
        expect_equal(mine[mail]["admitted"], False, "the objection counts")
        expect_equal(mine[own]["admitted"], True, "the other entry does not suffer")
        published(stranger, [mail, own])
        demo.stop()
        beside = keep(demo, "list")["subprocessors"]
        expect_equal({entry["id"] for entry in beside}, {mail, own}, "the same list beside a stopped server")


def published(stranger, ids):
    listed = expect_status(stranger.get("/trust/subprocessors.json"), 200).json
    expect_equal({entry["id"] for entry in listed["subprocessors"]}, set(ids), "entries of the JSON")
    expect("drawer 7" not in json.dumps(listed) and "in the house" not in json.dumps(listed), "neither contracts nor objections are published")
    page = stranger.get("/trust/subprocessors", Accept="text/html").body.decode()
    expect(all(f'id="{name}"' in page for name in ids) and "Example Mail &amp; Söhne" in page, "entries of the page")
    answer = expect_status(stranger.get("/trust/subprocessors.atom"), 200)
    expect_equal(answer.headers["content-type"], "application/atom+xml; charset=utf-8", "type of the feed")
    feed_is_valid(answer.body, [change["at"] for change in listed["changes"]])
    for change in listed["changes"]:
        receipt = stranger.get(change["receipt"])
        expect(receipt.status == 200 and receipt.body.startswith(b"c2sp.org/tlog-proof@v1"), receipt)


def feed_is_valid(body, dates):
    """What RFC 4287 requires of a feed and its entries, and that it tells every change."""
    feed = xml.fromstring(body)
    expect_equal(feed.tag, ATOM + "feed", "root of the feed")
    for element in ("id", "title", "updated"):
        expect_equal(len(feed.findall(ATOM + element)), 1, f"the feed's {element}")
    expect(feed.find(f"{ATOM}author/{ATOM}name").text, "the feed's author")
    expect_equal([link.get("rel") for link in feed.findall(ATOM + "link")], ["self", "alternate"], "the feed's links")
    entries = feed.findall(ATOM + "entry")
    expect_equal([entry.find(ATOM + "updated").text for entry in entries], dates, "dates of the changes, newest first")
    names = [entry.find(ATOM + "id").text for entry in entries] + [feed.find(ATOM + "id").text]
    expect(len(set(names)) == len(names) and all(re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", n) for n in names), names)
    for entry in entries:
        expect(entry.find(ATOM + "title").text and entry.find(ATOM + "content").text and entry.find(ATOM + "link") is not None, "an entry lacks a part")
        expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.find(ATOM + "updated").text), "a date is RFC 3339")


@scenario("an owner takes everything along as whole files")
def exports():
    with Demo() as demo:
        owner = demo.client("owner")
        vendors = owner.items("/v1/vendors")
        lines = expect_status(owner.get("/v1/export/vendors.jsonl"), 200).body.decode().splitlines()
        expect_equal(sorted(json.loads(line)["id"] for line in lines), sorted(v["id"] for v in vendors), "vendors in the export")
        table = expect_status(owner.get("/v1/export/vendors.csv"), 200).body.decode()
        expect_equal(len(table.splitlines()) >= len(vendors) + 1, True, "rows of the table")
        expect_problem(demo.client("auditor").get("/v1/export/vendors.csv"), 404)


def steward(demo, verb, *arguments, **options):
    return run(STEWARD, "subprocessor", verb, *arguments, "--data", demo.data, **options)


def keep(demo, verb, argument=None):
    """A command that must succeed; a dict goes in as a file on standard input."""
    if isinstance(argument, dict):
        answer = steward(demo, verb, "-", "--json", input=json.dumps(argument))
    else:
        answer = steward(demo, verb, *([argument] if argument else []), "--json")
    expect(answer.returncode == 0, answer.stderr)
    return json.loads(answer.stdout)


def until(holds, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not holds():
        expect(time.monotonic() < deadline, f"waited {seconds} s: {what}")
        time.sleep(0.2)
