"""Backed up while it serves, destroyed, and restored elsewhere from the place and the recovery kit; damaged in every object; killed while at it."""

import json
import os
from pathlib import Path
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from expect import expect, expect_equal, expect_receipt, expect_status, scenario
from fixtures import a_place_for_evidence, a_vendor
from job import certify, open_case, work_through
from markers import Marks, encodings
from steward import STEWARD, VERIFY, Client, Demo, audit_verify, run

LONG = "--long" in sys.argv
KILLS = 50 if LONG else 5
#: Bits changed in each object of the place; --long changes one in every byte of the small ones.
FLIPS = 40 if LONG else 3
PASSPHRASE = "seven quiet herons cross the marsh\n"


def steward(*command, code=0, **options):
    result = run(STEWARD, *command, **options)
    expect_equal(result.returncode, code, f"{command}: {result.stdout}{result.stderr}")
    return result


def create(demo, place, *more):
    return json.loads(steward("backup", "create", "--data", demo.data, "--to", place, "--json", *more).stdout)


def a_kit(demo, home):
    kit = Path(home) / "kit.txt"
    steward("keys", "recovery", "--data", demo.data, "--to", kit, input=PASSPHRASE * 2)
    return kit


def objects(place):
    return sorted(p for p in Path(place).rglob("*") if p.is_file() and p.name != "lock")


class Load:
    """Writers that go on until told to stop; `acknowledged` holds what was answered with a receipt."""

    def __init__(self, demo, count=8):
        self.token, self.url, self.stopped, self.acknowledged = demo.person("manager")["token"], demo.url, False, []
        self.threads = [threading.Thread(target=self.write, args=[n], daemon=True) for n in range(count)]

    def write(self, number):
        client, count = Client(self.url, self.token), 0
        while not self.stopped:
            count += 1
            answer = expect_receipt(client.post("/v1/vendors", {"name": f"Load {number}-{count}"}))
            self.acknowledged.append(answer.json["id"])

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        for thread in self.threads:
            thread.join(20)


@scenario("backed up under load, data and keys destroyed, restored elsewhere from the recovery kit: same state, old certificates verify, it serves")
def disaster():
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home, Demo(Path(home) / "one") as demo:
        place, replica, mark = Path(home) / "place", Path(home) / "replica.keys", Marks()
        demo.stop()
        steward("keys", "replicate", "--data", demo.data, "--keys-replica", replica)
        demo.start()
        certificate, load = the_job_under_load(demo, place, mark)
        create(demo, place)
        kit = a_kit(demo, home)
        checkpoint = expect_status(demo.client("auditor").get("/v1/log/checkpoint"), 200).body.decode()
        people = len(demo.client("owner").items("/v1/people"))
        vkey = expect_status(demo.anonymous().get("/.well-known/steward.vkey"), 200).body
        steward("backup", "verify", place, "--data", demo.data)
        demo.kill()
        shutil.rmtree(demo.data)
        shutil.rmtree(demo.keys)
        nothing_in_the_clear(place, mark)
        steward("backup", "verify", place, "--recovery", kit, input=PASSPHRASE)
        again = Demo(Path(home) / "two")
        report = restore(place, again.data, kit)
        expect(any(t["checkpoint"] and checkpoint.startswith(t["checkpoint"]) for t in report["tenants"]), "the state is another one")
        expect_equal(audit_verify(again.data).returncode, 0, "the restored record")
        old_certificate_verifies(home, certificate, vkey)
        with again:
            serves(again, certificate, load, people)
        expect_equal(audit_verify(again.data).returncode, 0, "the record that went on")
        expect(not create(again, place)["base"], "the next backup goes on with the chain")
        steward("backup", "verify", place, "--data", again.data)


def the_job_under_load(demo, place, mark):
    """A base in the middle of writes, the job done, an increment in the middle of writes. Returns the certificate and the load."""
    manager = demo.client("manager")
    with Load(demo) as load:
        base = create(demo, place)
        expect(base["base"] and base["number"] == 1, base)
        vendor = expect_status(manager.post("/v1/vendors", {"name": f"Vendor {mark('vendor')}"}), 201).json
        case = open_case(manager, vendor)
        work_through(manager, demo.client("approver"), case["id"])
        certificate = (case["id"], certify(manager, case["id"]))
        path, kind = a_place_for_evidence(manager)
        content = (mark("file") + " ").encode() * 20_000
        expect_status(manager.upload(f"{path}?kind={kind}", content, "text/plain", f"{mark('file name')}.txt"), 201)
        increment = create(demo, place)
    expect(not increment["base"] and increment["number"] == 2, increment)
    expect(len(load.acknowledged) > 20, f"only {len(load.acknowledged)} writes: this says little")
    return certificate, load


@scenario("restored with the kit and a copy of the keys that is 30 backups old; with one that lacks the key of the backup it says what to do")
def old_keys():
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home, Demo(Path(home) / "one") as demo:
        place, replica, old = Path(home) / "place", Path(home) / "replica.keys", Path(home) / "old.keys"
        demo.stop()
        steward("keys", "replicate", "--data", demo.data, "--keys-replica", replica)
        demo.start()
        create(demo, place, "--base")
        kit = a_kit(demo, home)
        shutil.copytree(replica, old)
        for _ in range(30):
            newest = create(demo, place, "--base")
        demo.kill()
        manifest = (place / newest["backup"] / "manifest").read_text()
        expect("\nterm backups/31\n" in manifest, f"the backup names another key: {manifest}")
        for gone in (demo.data, demo.keys, replica):
            shutil.rmtree(gone)
        steward("backup", "verify", place, "--recovery", kit, "--keys-from", old, input=PASSPHRASE)
        report = restore(place, Path(home) / "again", kit, "--keys-from", old)
        expect_equal(report["backup"], newest["backup"], "the newest backup comes back")
        expect_equal(audit_verify(Path(home) / "again").returncode, 0, "the restored record")
        (old / "backups" / "31").unlink()
        for command in (["backup", "verify", place], ["restore", "--from", place, "--data", Path(home) / "none"]):
            said = steward(*command, "--recovery", kit, "--keys-from", old, code=2, input=PASSPHRASE)
            expect("--keys-from" in said.stderr and "backups/31" in said.stderr, f"does not say what to do: {said.stderr}")


def restore(place, data, kit, *more):
    result = steward("restore", "--from", place, "--data", data, "--recovery", kit, "--json", *more, input=PASSPHRASE)
    return json.loads(result.stdout)


def nothing_in_the_clear(place, mark):
    needles = [form for word in mark.words.values() for form in encodings(word)]
    for path in objects(place):
        content = path.read_bytes()
        expect(not any(needle in content for needle in needles), f"a marker is in {path.name}")
        expect(b"acme" not in content.lower() or path.stat().st_size > 1 << 16, f"the name of a tenant is in {path.name}")


def old_certificate_verifies(home, certificate, vkey):
    (Path(home) / "old.zip").write_bytes(certificate[1])
    (Path(home) / "old.vkey").write_bytes(vkey)
    expect_equal(run(VERIFY, "--key", Path(home) / "old.vkey", Path(home) / "old.zip").returncode, 0, "the old certificate")


def serves(again, certificate, load, people):
    manager = again.client("manager")
    vendors = {vendor["id"] for vendor in manager.items("/v1/vendors")}
    lost = [key for key in load.acknowledged if key not in vendors]
    expect_equal(lost, [], "acknowledged writes that are lost")
    bundle = expect_status(manager.get(f"/v1/cases/{certificate[0]}/certificate", Accept="application/zip"), 200).body
    expect(bundle == certificate[1], "the certificate is another one")
    expect_equal(len(again.client("owner").items("/v1/people")), people, "people who are found by their addresses")
    expect_receipt(manager.post("/v1/vendors", {"name": "After the restore"}))


@scenario("one changed bit anywhere in a place is found by verify, with and without keys, and refused by restore")
def changed_bits():
    draw = random.Random(2026)
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home, Demo(Path(home) / "one") as demo:
        place = Path(home) / "place"
        create(demo, place)
        a_vendor(demo.client("manager"))
        create(demo, place)
        demo.stop()
        for path in objects(place):
            sound = path.read_bytes()
            offsets = {0, len(sound) - 1} | {draw.randrange(len(sound)) for _ in range(FLIPS)}
            if LONG and len(sound) < 1_000:
                offsets = range(len(sound))
            for number, offset in enumerate(offsets):
                changed = bytearray(sound)
                changed[offset] ^= 1 << draw.randrange(8)
                path.write_bytes(changed)
                steward("backup", "verify", place, code=1)
                if number == 0:
                    steward("backup", "verify", place, "--data", demo.data, code=1)
                    refused(place, Path(home) / "new", demo.keys)
            path.write_bytes(sound)
        steward("backup", "verify", place, "--data", demo.data)
        taken_away(demo, place)


def refused(place, new, keys):
    steward("restore", "--from", place, "--data", new, "--keys", keys, code=1)
    expect(not (new / "control.db").exists(), "a refused restore left something that a server would open")
    shutil.rmtree(new, ignore_errors=True)


def taken_away(demo, place):
    """A place that lost its newest backup looks sound by itself; the installation knows better."""
    newest = sorted(p for p in place.iterdir() if p.is_dir())[-1]
    shutil.rmtree(newest)
    steward("backup", "verify", place)
    said = steward("backup", "verify", place, "--data", demo.data, code=1)
    expect(newest.name in said.stdout, f"does not name {newest.name}: {said.stdout}")
    for words, code in ((["verify", place / "none"], 2), (["list", place / "none"], 2), (["verify", demo.tmp], 2)):
        steward("backup", *words, code=code)


@scenario(f"killed {KILLS} times during a backup and {KILLS} times during a restore: the next one succeeds, earlier backups stay good")
def killed():
    draw = random.Random(time.time_ns())
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home, Demo(Path(home) / "one") as demo:
        manager, place = demo.client("manager"), Path(home) / "place"
        path, kind = a_place_for_evidence(manager)
        for number in range(3):
            answer = manager.upload(f"{path}?kind={kind}", os.urandom(12 << 20), "application/octet-stream", f"{number}.bin")
            expect_status(answer, 201)
        demo.stop()
        started = time.monotonic()
        create(demo, place)
        backup_seconds = time.monotonic() - started
        broken = 0
        for kill in range(KILLS):
            broken += killed_after(
                moment(draw, backup_seconds, kill), "backup", "create", "--data", demo.data, "--to", place, "--base")
            steward("backup", "verify", place)
        create(demo, place, "--base")
        steward("backup", "verify", place, "--data", demo.data)
        expect_equal([p for p in place.rglob("*.new")], [], "temporary files")
        expect(broken > 0, "no backup was broken off: this says nothing")
        killed_restores(draw, demo, place, Path(home) / "two")


def killed_restores(draw, demo, place, new):
    def command(where):
        return "restore", "--from", place, "--data", where, "--keys", demo.keys

    started = time.monotonic()
    steward(*command(new))
    seconds, broken = time.monotonic() - started, 0
    for kill in range(KILLS):
        shutil.rmtree(new)
        broken += killed_after(moment(draw, seconds, kill), *command(new))
        if (new / "control.db").exists():
            expect_equal(audit_verify(new).returncode, 0, f"kill {kill + 1}: what looks whole is not")
        else:
            expect_equal(run(STEWARD, "serve", "--data", new, "--keys", demo.keys).returncode, 2, "half a directory is opened")
            steward(*command(new))
            expect_equal(audit_verify(new).returncode, 0, f"after kill {kill + 1}")
    expect(broken > 0, "no restore was broken off: this says nothing")


def moment(draw, seconds, kill):
    """Seconds from the start: the first ones early, since a first run takes longer than those after it."""
    return draw.uniform(0, seconds * (kill + 1) / KILLS)


def killed_after(seconds, *command):
    """1 if it was killed, 0 if it was done before."""
    process = subprocess.Popen([str(part) for part in (STEWARD, *command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
        return 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return 1
