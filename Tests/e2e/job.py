"""The whole job, as the privacy manager, her colleague and an auditor do it over HTTP and on the command line."""

import csv
import hashlib
import io
import json
import os
from pathlib import Path
import random
import shutil
import sys
import tempfile

from bundle import BitFlips, members, stored_zip
from expect import expect, expect_equal, expect_problem, expect_receipt, expect_status, scenario
from pages import Browser
from steward import Demo, REAL_REGISTER, SAMPLE_REGISTER, VERIFY, run

TERMINATED_ON = "2026-11-01"
#: Places at which one bit of the bundle is changed: in the members, and in the container around them.
MEMBER_FLIPS, CONTAINER_FLIPS = (2_000, 1_000) if "--long" in sys.argv else (200, 100)


@scenario("the whole job with the sample register: from the import to a certificate that an auditor verifies offline")
def sample_register():
    whole_job(SAMPLE_REGISTER)


if REAL_REGISTER.exists():
    @scenario("the whole job with a real register of 833 vendors")
    def real_register():
        whole_job(REAL_REGISTER)


def whole_job(register):
    with Demo() as demo:
        the_job(demo, register)


def the_job(house, register):
    """In any house that has its people: the demo's, or an installed one. Returns the certificate and the key it was verified with."""
    with tempfile.TemporaryDirectory() as outside:
        manager = house.client("manager")
        vendor = import_and_find(manager, register)
        colleague = add_colleague(house)
        case = open_case(manager, vendor)
        work_through(manager, colleague, case["id"])
        zip_bytes = certify(manager, case["id"])
        audit_trail(house, case["id"])
        vkey = expect_status(house.anonymous().get("/.well-known/steward.vkey"), 200).body
        house.stop()
        verify_elsewhere(Path(outside), zip_bytes, vkey)
    return zip_bytes, vkey


def import_and_find(manager, register):
    """Imports twice (the second changes nothing), then finds a vendor that only this register names."""
    content = register.read_bytes()
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))
    first = expect_status(manager.upload("/v1/vendors/import", content, "text/csv"), 200, 201).json
    counted = first["created"] + first["updated"] + first["unchanged"] + first["rejected_total"]
    expect_equal(counted, len(rows), "every line counts once")
    expect_equal(first["rejected_total"], len(first["rejected"]), "rejected lines below the cap are all told")
    again = expect_status(manager.upload("/v1/vendors/import", content, "text/csv"), 200, 201).json
    expect_equal((again["created"], again["updated"]), (0, 0), "a repeated import changes nothing")
    expect_equal(again["unchanged"] + again["rejected_total"], len(rows), "a repeated import finds every line unchanged")

    known = {vendor["registry_id"]: vendor for vendor in manager.items("/v1/vendors") if vendor["registry_id"]}
    expect(first["rejected_total"] == 0, first["rejected"][:3])
    for row in rows:
        vendor = known.get(row["registry_id"])
        expect(vendor, f"registry id {row['registry_id']} is not there after the import")
        expect_equal(vendor["relationship"], "ended" if row["deleted_on"] else "active", row["name"])
        days = row["standard_retention_days"]
        expect_equal(vendor["retention_days"], int(days) if days else None, row["name"])
        wanted = [item.strip() for item in row["data_categories"].split(";") if item.strip()]
        expect_equal(vendor["data_categories"], wanted, row["name"])
    chosen = known[next(r for r in rows if not r["deleted_on"] and r["standard_retention_days"] == "90")["registry_id"]]
    search = manager.get("/v1/vendors?limit=200&q=" + chosen["name"].split()[0].upper())
    expect(chosen["id"] in [v["id"] for v in expect_status(search, 200).json["items"]], "a word in capitals finds the vendor")
    return expect_status(manager.get(f"/v1/vendors/{chosen['id']}"), 200).json


def add_colleague(demo):
    """A second manager joins by her set-up link, which works once, and signs in; her approvals come by the approver's token."""
    email, password = "noor@acme.example", "a long pass phrase of Noor's own"
    body = {"name": "Noor Second", "email": email, "roles": ["manager"]}
    answer = expect_receipt(expect_status(demo.client("owner").post("/v1/people", body), 201)).json
    link = next(value for key, value in answer.items() if isinstance(value, str) and "/" in value).removeprefix(demo.url)

    noor = Browser(demo.url)
    expect_status(noor.open(link), 200)
    passwords = [name for name in noor.fields() if "password" in name]
    expect(passwords, f"the set-up page asks for no password: {noor.fields()}")
    expect_status(noor.submit(passwords[0], **dict.fromkeys(passwords, password)), 200)
    expect(Browser(demo.url).open(link).status >= 400, "a set-up link works a second time")

    again = Browser(demo.url)
    expect_status(again.open("/t/acme"), 200)
    expect_status(again.submit("password", email=email, password=password), 200)
    expect_status(again.open("/v1/vendors", headers={"Accept": "application/json"}), 200)
    stranger = Browser(demo.url)
    stranger.open("/t/acme")
    expect(stranger.submit("password", email=email, password="wrong " + password).status in (200, 401, 403, 422), stranger.answer)
    expect_status(stranger.open("/v1/vendors", headers={"Accept": "application/json"}), 401)
    return demo.client("approver")


def open_case(manager, vendor):
    templates = expect_status(manager.get("/v1/templates"), 200).json["items"]
    body = {"vendor": vendor["id"], "template": templates[0]["id"], "terminated_on": TERMINATED_ON}
    case = expect_receipt(expect_status(manager.post("/v1/cases", body), 201)).json
    expect_equal(case, expect_status(manager.get(f"/v1/cases/{case['id']}"), 200).json, "the answer is the body of its GET")
    expect_equal((case["state"], case["certificate"]), ("open", None), "a new case")
    expect_equal(case["template"]["hash"], templates[0]["hash"], "the case pins the template")
    for step in case["steps"]:
        expect(step["state"] in ("waiting", "ready"), step)
        expect(step["due_on"] >= TERMINATED_ON, f"{step['id']} is due before the contract ended")
    return case


def work_through(manager, approver, case_id):
    """Does what each step needs until none is open; on the way, every refusal that the contract names."""
    path = f"/v1/cases/{case_id}"
    expect_gaps(manager.post(f"{path}/certificate"))
    for _ in range(40):
        steps = manager.get(path).json["steps"]
        ready = [step for step in steps if step["state"] == "ready"]
        if all(step["state"] == "complete" for step in steps):
            return
        expect(ready, f"nothing is ready and not all is complete: {[(s['id'], s['state']) for s in steps]}")
        for step in ready:
            do_step(manager, approver, path, step)
    raise AssertionError("the case did not end")


def do_step(manager, approver, path, step):
    here = f"{path}/steps/{step['id']}"
    needs = step["needs"]
    if any(need["attached"] == 0 for need in needs["evidence"]):
        expect_gaps(manager.post(f"{here}/complete", {"note": "too early"}))
    for need in needs["evidence"]:
        attach(manager, here, need["kind"])
    remains = [{"what": "Invoices", "where": "The vendor’s bookkeeping", "until": "2034-12-31"}]
    done = expect_receipt(expect_status(manager.post(f"{here}/complete", {"note": "Done as agreed.", "remains": remains}), 200))
    state = state_of(manager, path, step["id"])
    if needs["approval"]:
        expect_equal(state, "in_review", "a step that needs approval waits for it")
        expect_problem(manager.post(f"{here}/approve", {"note": "by myself"}), 403)
        expect_receipt(expect_status(approver.post(f"{here}/return", {"note": "Please say more."}), 200))
        expect_equal(state_of(manager, path, step["id"]), "ready", "a returned step is ready again")
        expect_status(manager.post(f"{here}/complete", {"note": "Done, with more words.", "remains": remains}), 200)
        expect_receipt(expect_status(approver.post(f"{here}/approve", {"note": "Seen."}), 200))
    expect_equal(state_of(manager, path, step["id"]), "complete", f"{step['id']} after {done.status}")


def attach(manager, step_path, kind):
    content = os.urandom(70_000) + b"\x00 evidence of " + kind.encode()
    answer = manager.upload(f"{step_path}/evidence?kind={kind}", content, "application/pdf", "Bestätigung (signed) №7.pdf")
    evidence = expect_receipt(expect_status(answer, 201)).json
    expect_equal(evidence["sha256"], hashlib.sha256(content).hexdigest(), "the digest of the file")
    expect_equal(evidence["size"], len(content), "the size of the file")
    expect(evidence["grade"] in ("E0", "E1", "E2", "E3", "E4", "E5"), evidence)
    back = expect_status(manager.get(f"{step_path}/evidence/{evidence['id']}"), 200)
    expect_equal(hashlib.sha256(back.body).hexdigest(), evidence["sha256"], "the file that comes back")


def state_of(client, path, step_id):
    return next(step["state"] for step in client.get(path).json["steps"] if step["id"] == step_id)


def expect_gaps(answer):
    expect_problem(answer, 409)
    expect(answer.json["errors"], f"says nothing of what is missing: {answer}")


def certify(manager, case_id):
    path = f"/v1/cases/{case_id}/certificate"
    expect_receipt(expect_status(manager.post(path), 201))
    first = expect_status(manager.get(path, Accept="application/zip"), 200)
    second = expect_status(manager.get(path, Accept="application/zip"), 200)
    expect_equal(first.body, second.body, "the bundle is the same ever after")
    expect(b"statement" in expect_status(manager.get(path, Accept="application/json"), 200).body, "the statement as JSON")
    expect(b"<html" in expect_status(manager.get(path, Accept="text/html"), 200).body.lower(), "the printable page")
    expect_equal(manager.get(f"/v1/cases/{case_id}").json["state"], "certified", "the case")
    expect_problem(manager.post(path), 409)
    return first.body


def audit_trail(demo, case_id):
    """The auditor sees every act of the case and can take the leaves away; the trail of another tenant is not hers."""
    auditor = demo.client("auditor")
    entries = auditor.items(f"/v1/audit?object=case:{case_id}")
    expect(len(entries) > 10, f"{len(entries)} entries for the case")
    lines = expect_status(auditor.get("/v1/audit/export"), 200).body.splitlines()
    leaves = [json.loads(line) for line in lines]
    expect_equal(sum(leaf.get("object") == f"case:{case_id}" for leaf in leaves), len(entries), "the export has the same acts")
    origin, size, _ = expect_status(auditor.get("/v1/log/checkpoint"), 200).body.decode().split("\n")[:3]
    expect(origin.startswith("steward/") and int(size) >= len(leaves), f"{origin} {size} against {len(leaves)} leaves")
    other = demo.client("owner", "globex")
    expect_equal(other.items(f"/v1/audit?object=case:{case_id}"), [], "the other tenant's view of the case")


def verify_elsewhere(outside, zip_bytes, vkey):
    """An auditor's machine: one directory with the program, the key and the bundle, an empty environment, no server."""
    shutil.copy(VERIFY, outside / "steward-verify")
    (outside / "steward.vkey").write_bytes(vkey)
    (outside / "certificate.zip").write_bytes(zip_bytes)

    def verify(*arguments):
        return run("./steward-verify", *arguments, cwd=outside, env={})

    good = verify("--key", "steward.vkey", "certificate.zip")
    expect_equal(good.returncode, 0, good.stdout + good.stderr)
    expect_equal(verify("certificate.zip").returncode, 3, "without a pinned key: intact, signer not identified")
    findings = verify("--json", "--key", "steward.vkey", "certificate.zip")
    expect_equal(findings.returncode, 0, findings.stderr)
    json.loads(findings.stdout)
    (outside / "short.zip").write_bytes(zip_bytes[: len(zip_bytes) // 2])
    expect(verify("--key", "steward.vkey", "short.zip").returncode in (1, 2), "a truncated bundle")

    expect_equal(stored_zip(members(zip_bytes)), zip_bytes, "the bundle is written as docs/format.md says")
    flips = BitFlips(zip_bytes, random.Random(2026))
    for where, changed in flips.in_members(MEMBER_FLIPS):
        (outside / "changed.zip").write_bytes(changed)
        verdict = verify("--key", "steward.vkey", "changed.zip")
        expect(verdict.returncode in (1, 2), f"one changed bit in {where} passes with {verdict.returncode}: {verdict.stdout[-300:]}")
    for where, changed in flips.in_container(CONTAINER_FLIPS):
        (outside / "changed.zip").write_bytes(changed)
        verdict = verify("--key", "steward.vkey", "changed.zip")
        expect(verdict.returncode in (1, 2), f"one changed bit at {where} of the file passes with {verdict.returncode}")
