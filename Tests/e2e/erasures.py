"""What was erased is gone from every file and every old copy, the rest is there, and an auditor can try it again."""

import http.client
import json
import os
from pathlib import Path
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from engines import engines, Fleet, SQLITE
from expect import expect, expect_equal, expect_receipt, expect_status, scenario
from fixtures import a_vendor
from job import certify, open_case, work_through
from markers import encodings, Marks
from steward import BINARIES, ROOT, STEWARD, VERIFY, Demo, audit_verify, run

RERUN = ROOT / "Examples" / "erasure_rerun.py"
#: Servers that share a database let go of keys by a lease of 25 s.
FINAL_SECONDS = 60


def propose(owner, kind, name, suppress=False):
    return expect_receipt(expect_status(owner.post("/v1/erasures", {
        "object": {"type": kind, "id": name}, "reason": "They asked for it.", "suppress": suppress}), 201)).json


def confirm(owner, erasure):
    return expect_receipt(expect_status(owner.post(f"/v1/erasures/{erasure['id']}/confirm"), 200)).json


def wait_until(owner, erasure, state="final", seconds=FINAL_SECONDS):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = expect_status(owner.get(f"/v1/erasures/{erasure['id']}"), 200).json
        if now["state"] == state:
            return now
        time.sleep(0.2)
    raise AssertionError(f"the erasure is {now['state']} after {seconds} s: {json.dumps(now)[:800]}")


def erase(owner, kind, name, suppress=False):
    erasure = propose(owner, kind, name, suppress)
    expect_equal(confirm(owner, erasure)["state"], "started", "after the confirmation")
    return wait_until(owner, erasure)


def record_of(demo, erasure, home):
    path = Path(home) / "erasure.json"
    path.write_bytes(expect_status(demo.client("auditor").get(f"/v1/erasures/{erasure['id']}/record"), 200).body)
    result = run(VERIFY, "erasure", "--key", demo.data / "steward.vkey", path)
    expect_equal(result.returncode, 0, result.stdout + result.stderr)
    return path


def files_below(directory):
    for folder, _, names in os.walk(directory):
        for name in names:
            path = Path(folder) / name
            if path.is_file():
                yield path


def holding(directory, needles):
    return sorted(str(p) for p in files_below(directory) if any(n in p.read_bytes() for n in needles))


@scenario("a vendor with a certified case is erased and an auditor tries it again: proofs hold, nothing of it comes back from anywhere, others are untouched")
def erased():
    for engine in engines():
        with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home, Fleet(engine) as fleet:
            fleet.start()
            the_erasure(fleet, engine, Path(home))


def the_erasure(fleet, engine, home):
    demo, mark, place, old = fleet.servers[0], Marks(), home / "place", home / "old"
    manager, owner = demo.client("manager"), demo.client("owner")
    vendor = expect_status(manager.post("/v1/vendors", {"name": f"{mark('vendor')} Ltd"}), 201).json
    case = open_case(manager, vendor)
    work_through(manager, demo.client("approver"), case["id"])
    (home / "certificate.zip").write_bytes(certify(manager, case["id"]))
    other = a_vendor(manager, f"{mark('other')} Ltd")
    steward("backup", "create", "--data", fleet.data, "--to", place)
    if engine.name == "SQLite":
        demo.stop()
        shutil.copytree(fleet.data, old)
        demo.start()
        manager, owner = demo.client("manager"), demo.client("owner")
    sealed = sealed_bytes(old, vendor["id"])
    erasure = erase(owner, "vendor", vendor["id"], suppress=True)
    expect(erasure["key_copies"] and all(copy["ended_at"] for copy in erasure["key_copies"]), erasure["key_copies"])
    for server in fleet.servers:
        expect_status(server.client("manager").get(f"/v1/vendors/{vendor['id']}"), 410)
        expect_status(server.client("manager").get(f"/v1/cases/{case['id']}"), 410)
        expect_status(server.client("manager").get(f"/v1/vendors/{other}"), 200)
    again = expect_status(manager.post("/v1/vendors", {"name": f"{mark('vendor').upper()} LTD"}), 409)
    expect("not to come back" in again.body.decode(), again)
    record = record_of(demo, erasure, home)
    expect_equal(run(VERIFY, "--key", fleet.data / "steward.vkey", home / "certificate.zip").returncode, 0, "the certificate from before")
    needles = [form for word in mark.words.values() for form in encodings(word)]
    expect_equal(holding(fleet.data, needles + sealed) + holding(fleet.keys, needles + sealed), [], "files that hold it")
    for server in fleet.servers:
        server.stop()
    rerun(fleet, record, place, old if engine.name == "SQLite" else None)
    if engine.name == "SQLite":
        serves_old(demo, fleet, old, vendor["id"], other)


def sealed_bytes(old, vendor):
    """The middle of the ciphertext of the vendor, as it lay in the old copy; nothing where there is no copy."""
    found = []
    for path in (old / "tenants").glob("*.db") if old.is_dir() else []:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        if database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'vendor'").fetchone():
            found += [row[0][60:100] for row in database.execute("SELECT sealed FROM vendor WHERE id = ?", [vendor])]
        database.close()
    if found:
        expect(holding(old, found), "the old copy does not hold the ciphertext: this says nothing")
    return found


def rerun(fleet, record, place, old):
    more = ["--old", old] if old else []
    result = subprocess.run([sys.executable, RERUN, "--record", record, "--key", fleet.data / "steward.vkey", "--data", fleet.data,
                             "--keys", fleet.keys, "--from", place, "--bin", BINARIES, *more], capture_output=True, text=True)
    expect_equal(result.returncode, 0, result.stdout + result.stderr)
    expect(f"{6 if old else 5} of 6 steps were tried" in result.stdout, result.stdout)
    expect(f"is gone from {fleet.keys}" in result.stdout and "not looked into" not in result.stdout, result.stdout)
    absent = subprocess.run([sys.executable, RERUN, "--record", place / "no-such.json", "--key", fleet.data / "steward.vkey",
                             "--data", fleet.data], capture_output=True, text=True)
    expect(absent.returncode == 2 and "--record" in absent.stderr, absent.stderr)


def serves_old(demo, fleet, old, vendor, other):
    """An old copy of the data with today's keys: what was erased is erased again before anything is served."""
    shutil.rmtree(fleet.data)
    shutil.copytree(old, fleet.data)
    demo.start()
    manager = demo.client("manager")
    expect_status(manager.get(f"/v1/vendors/{vendor}"), 410)
    expect_status(manager.get(f"/v1/vendors/{other}"), 200)
    demo.stop()
    expect_equal(audit_verify(fleet.data, "--keys", fleet.keys).returncode, 0, "the old copy")


KILLS = 100 if "--long" in sys.argv else 6


@scenario(f"killed {KILLS} times while it erases: each erasure that was confirmed comes to its end by itself, with a record that verifies")
def killed():
    for engine in engines():
        with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home, Fleet(engine) as fleet:
            killed_while_erasing(engine, fleet, home)


def killed_while_erasing(engine, fleet, home):
    """Whoever comes next finds earlier erasures at any step, too: nobody waits for them in between."""
    draw, erasures, demo = random.Random(time.time_ns()), [], fleet.servers[0]
    fleet.start()
    for _ in range(KILLS):
        erasures.append(propose(demo.client("owner"), "vendor", a_vendor(demo.client("manager"), "Short-lived Ltd")))
        sender = threading.Thread(target=ignored, args=[demo.client("owner"), f"/v1/erasures/{erasures[-1]['id']}/confirm"])
        sender.start()
        time.sleep(draw.random() * (0.12 if engine is SQLITE else 0.4))
        for server in fleet.servers:
            server.kill()
        sender.join()
        fleet.start()
        owner = demo.client("owner")
        if expect_status(owner.get(f"/v1/erasures/{erasures[-1]['id']}"), 200).json["state"] == "proposed":
            confirm(owner, erasures[-1])
    for erasure in erasures:
        record_of(demo, wait_until(demo.client("owner"), erasure, seconds=2 * FINAL_SECONDS), home)
    for server in fleet.servers:
        server.stop()
    verdict = audit_verify(fleet.data, "--keys", fleet.keys)
    expect_equal(verdict.returncode, 0, verdict.stdout + verdict.stderr)


def ignored(client, path):
    try:
        client.post(path)
    except (OSError, http.client.HTTPException):
        pass


def steward(*command, code=0):
    result = run(STEWARD, *command)
    expect_equal(result.returncode, code, f"{command}: {result.stdout}{result.stderr}")
    return result
