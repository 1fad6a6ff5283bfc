"""New signing keys while everything goes on: what was signed before verifies ever after, the old seed is gone, and a process killed at any
moment of a change leaves something that verifies and that the next one finishes."""

from collections import Counter
from contextlib import closing
import json
from pathlib import Path
import random
import shutil
import socket
import sqlite3
import sys
import tempfile
import threading
import time

from backups import Load, a_kit, create, restore, steward
from engines import Fleet, engines
from expect import expect, expect_equal, expect_receipt, expect_status, scenario
from job import certify, open_case, work_through
from steward import VERIFY, Client, Demo, audit_verify, run

#: Of each kind of key, on each engine.
KILLS = 100 if "--long" in sys.argv else 4
#: Of one installation: a chain holds 64 changes.
KILLS_OF_ONE = 50


def verify(file, key, chain=None):
    """Exit code of steward-verify."""
    return run(VERIFY, "--key", key, *(["--chain", chain] if chain else []), file).returncode


def verify_receipt(home, header, key, chain=None):
    file = Path(home) / "one.receipt"
    file.write_text(header)
    return run(VERIFY, "receipt", "--key", key, *(["--chain", chain] if chain else []), file).returncode


def a_certificate(demo, home, name):
    manager = demo.client("manager")
    vendor = expect_status(manager.post("/v1/vendors", {"name": name}), 201).json
    case = open_case(manager, vendor)
    work_through(manager, demo.client("approver"), case["id"])
    file = Path(home) / f"{name}.zip"
    file.write_bytes(certify(manager, case["id"]))
    return file


def tenants(data):
    """Those that the control database of a directory names: a try to make one that was given up leaves keys that nobody uses."""
    with closing(sqlite3.connect(f"file:{data}/control.db?mode=ro", uri=True)) as control:
        return {row[0] for row in control.execute("SELECT id FROM tenant")}


def keys_named(kind, keys):
    """Names of the files of such keys in a key store, by tenant; of one that was erased there are none."""
    there = [d for d in (Path(keys) / "tenants").iterdir() if not (d / "gone").exists()]
    return {d.name: sorted(p.name for p in d.glob(f"{kind}*.key")) for d in there}


def seeds(keys):
    return keys_named("log", keys)


@scenario("signing keys changed while writers go on: old and new certificates, receipts and backups verify as the format says, old seeds are gone")
def rotated():
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home, Demo(Path(home) / "one") as demo:
        home = Path(home)
        place, old, new, chain = home / "place", home / "old.vkey", demo.data / "steward.vkey", demo.data / "steward.chain"
        shutil.copy(demo.data / "steward.vkey", old)
        before = a_certificate(demo, home, "before")
        receipt = expect_receipt(demo.client("manager").post("/v1/vendors", {"name": "Before"})).receipt
        create(demo, place)
        mine = tenants(demo.data)
        bytes_of_seeds = [(demo.keys / "tenants" / tenant / "log.key").read_bytes() for tenant in mine]
        with Load(demo) as load:
            rotation = json.loads(steward("keys", "rotate", "log", "--data", demo.data, "--json").stdout)
            installation = json.loads(steward("keys", "rotate", "installation", "--data", demo.data, "--json").stdout)
        expect(len(load.acknowledged) > 10, "nobody wrote meanwhile: this says little")
        expect(all(log["number"] == 2 and not log["pending"] for log in rotation["logs"]), rotation)
        expect_equal(new.read_text().strip(), installation["verifier_key"], "steward.vkey")
        expect_status(demo.anonymous().get("/.well-known/steward.chain"), 200)
        expect_equal(demo.anonymous().get("/.well-known/steward.chain").body, chain.read_bytes(), "the published chain")
        left = {tenant: names for tenant, names in seeds(demo.keys).items() if tenant in mine}
        expect(all(names == ["log-2.key"] for names in left.values()), left)
        everything = b"".join(p.read_bytes() for p in home.rglob("*") if p.is_file() and place not in p.parents)
        expect(not any(seed in everything for seed in bytes_of_seeds), "a destroyed seed is still there")
        after = a_certificate(demo, home, "after")
        later = expect_receipt(demo.client("manager").post("/v1/vendors", {"name": "After"})).receipt
        # (file, key, chain?) → exit code
        for file, mark in [(before, receipt), (after, later)]:
            own, other = (old, new) if file is before else (new, old)
            for key, given, code in [(own, None, 0), (other, None, 1), (own, chain, 0), (other, chain, 0)]:
                expect_equal(verify(file, key, given), code, f"{file.name} with {key.name} {'and' if given else 'without'} the chain")
                expect_equal(verify_receipt(home, mark, key, given), code, f"receipt beside {file.name} with {key.name}")
        expect_equal(verify(after, old, home / "none.chain"), 2, "a chain that is not there")
        for file, key in [(before, new), (after, old)]:
            expect("give --chain steward.chain" in run(VERIFY, "--key", key, file).stdout, f"{file.name} does not name the chain")
        again = expect_status(demo.client("auditor").get("/v1/audit?limit=200"), 200).json["items"]
        expect({"key.rotate", "key.end", "key.certify"} <= {entry["action"] for entry in again}, "the trail does not tell of the change")
        expect_equal(create(demo, place)["number"], 2, "a backup behind the change")
        steward("backup", "verify", place, "--data", demo.data)
        steward("backup", "verify", place, "--key", old, "--chain", chain)
        steward("backup", "verify", place, "--key", old, code=1)
        expect_equal(audit_verify(demo.data, "--keys", demo.keys).returncode, 0, "beside the running server")
        restored(demo, home, place, old)


def restored(demo, home, place, old):
    """From before the change, with the keys of today: it goes on with the new keys, and what it signs verifies."""
    first = json.loads(steward("backup", "list", place, "--json").stdout)["backups"][0]
    kit = a_kit(demo, home)
    demo.stop()
    for name, more in [("first", ["--backup", first.get("backup") or first.get("name")]), ("newest", [])]:
        again = Demo(home / name)
        restore(place, again.data, kit, *more)
        again.credentials_file.write_bytes(demo.credentials_file.read_bytes())
        with again:
            header = expect_receipt(again.client("manager").post("/v1/vendors", {"name": "Restored"})).receipt
            chain = again.data / "steward.chain"
            expect_equal(verify_receipt(home, header, old, chain), 0, "a receipt of the restored")
            expect_equal(verify_receipt(home, header, again.data / "steward.vkey"), 0, "a receipt of the restored")
        verdict = audit_verify(again.data, "--keys", again.keys)
        expect_equal(verdict.returncode, 0, f"{name}: {verdict.stdout}{verdict.stderr}")


class Change:
    """A change of keys that is asked for on the server's own socket, so that nothing stands between the question and the kill."""

    def __init__(self, data, verb):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(data / "steward.sock"))
        self.socket.sendall(json.dumps({"verb": verb}).encode())
        self.socket.shutdown(socket.SHUT_WR)

    def answer(self):
        self.socket.settimeout(60)
        parts = iter(lambda: self.socket.recv(1 << 16), b"")
        return json.loads(b"".join(parts))


class Writers:
    """One for each server, until it is killed."""

    def __init__(self, fleet):
        self.receipts = []
        self.threads = [threading.Thread(target=self.write, args=[server], daemon=True) for server in fleet.servers]
        for thread in self.threads:
            thread.start()

    def write(self, server):
        client, count = Client(server.url, server.person("manager")["token"]), 0
        while True:
            count += 1
            try:
                answer = client.post("/v1/vendors", {"name": f"Written {server.port} {count} {time.time_ns()}"})
            except Exception:
                return
            if answer.status == 201:
                self.receipts.append(answer.receipt)

    def join(self):
        for thread in self.threads:
            thread.join(20)


def until_listening(fleet):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            return socket.socket(socket.AF_UNIX).connect(str(fleet.data / "steward.sock"))
        except OSError:
            time.sleep(0.05)
    raise AssertionError("nobody listens on the control socket")


def killed_while_changing(engine, verb):
    seen, full = Counter(), 0
    for start in range(0, KILLS, KILLS_OF_ONE):
        full = killed_one(engine, verb, min(KILLS_OF_ONE, KILLS - start), seen)
    print(f"       {engine.name}, {verb}: {KILLS} kills within {full * 1_000:.0f} ms: {dict(seen)}")


def killed_one(engine, verb, kills, seen):
    draw, receipts, full = random.Random(time.time_ns()), [], 0.5
    with Fleet(engine) as fleet:
        fleet.start()
        first, chain = fleet.data.parent / "first.vkey", fleet.data / "steward.chain"
        shutil.copy(fleet.data / "steward.vkey", first)
        for kill in range(kills):
            fleet.start()
            until_listening(fleet)
            writers = Writers(fleet)
            if kill == 0:
                # How long one takes, so that the kills fall into it.
                started = time.monotonic()
                answer = Change(fleet.data, verb).answer()
                expect("ok" in answer, answer)
                full = time.monotonic() - started
            change = Change(fleet.data, verb)
            time.sleep(draw.uniform(0, full * 1.1))
            for server in fleet.servers:
                server.kill()
            writers.join()
            change.socket.close()
            receipts += writers.receipts[-3:]
            seen[state(fleet, verb)] += 1
            verdict = audit_verify(fleet.data, "--keys", fleet.keys)
            expect_equal(verdict.returncode, 0, f"kill {kill}: {verdict.stdout}{verdict.stderr}")
        fleet.start()
        until_listening(fleet)
        answer = Change(fleet.data, verb).answer()
        expect("ok" in answer, answer)
        receipts.append(expect_receipt(fleet.servers[0].client("manager").post("/v1/vendors", {"name": "At the end"})).receipt)
        if verb == "key.rotate.log":
            expect(all(len(names) == 1 for names in seeds(fleet.keys).values()), f"ended seeds are there: {seeds(fleet.keys)}")
        if verb == "key.rotate.epoch":
            left = keys_named("epoch", fleet.keys)
            expect(all(len(names) == 1 for names in left.values()), f"ended keys are there: {left}")
        for header in draw.sample(receipts, min(20, len(receipts))) + receipts[-1:]:
            given = chain if chain.exists() else None
            expect_equal(verify_receipt(fleet.data.parent, header, first, given), 0, "a receipt that was given out")
        expect_equal(audit_verify(fleet.data, "--keys", fleet.keys).returncode, 0, "at the end")
    return full


def state(fleet, verb):
    """Where the kill fell, as far as files tell."""
    if verb == "key.rotate.installation":
        made, named = (len(list(Path(fleet.keys).glob(f"installation-*.{end}"))) for end in ("key", "note"))
        written = (fleet.data / "steward.chain").read_bytes() if (fleet.data / "steward.chain").exists() else b""
        if made > named:
            return "made, not named"
        return "named" if written.count(b"steward/installation-key/v1\n") == named else "named, not written"
    counts = Counter(len(names) for names in keys_named("epoch" if verb == "key.rotate.epoch" else "log", fleet.keys).values())
    return "between" if counts[2] else "before or behind"


@scenario(f"killed {KILLS} times while every log gets a new key: everything verifies, what was given out too, and the next start finishes it")
def log_keys_killed():
    for engine in engines():
        killed_while_changing(engine, "key.rotate.log")


@scenario(f"killed {KILLS} times while every tenant gets a new epoch key: everything opens and verifies, and the next start finishes it")
def epochs_killed():
    for engine in engines():
        killed_while_changing(engine, "key.rotate.epoch")


@scenario(f"killed {KILLS} times while the installation gets a new key: everything verifies from the first key on, and the next start finishes it")
def installation_key_killed():
    for engine in engines():
        killed_while_changing(engine, "key.rotate.installation")
