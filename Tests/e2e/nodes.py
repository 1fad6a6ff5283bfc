"""Several servers on one PostgreSQL database: what one does the others know at once, and a killed one stops nothing."""

import random
import sys
import threading
import time
from urllib.parse import urlencode

from expect import expect, expect_equal, expect_problem, expect_status, scenario
from fixtures import a_vendor
from pages import Browser
from steward import Client, Demo, ROOT, STEWARD, audit_verify, free_port, run

sys.path.insert(0, str(ROOT / "Tools" / "postgres"))
from throwaway import ThrowAway  # noqa: E402

#: How often each server is killed under load.
KILLS = 20 if "--long" in sys.argv else 2
WRITERS_EACH = 16
#: What a killed server left running goes on elsewhere within this time.
RESUME_SECONDS = 30


class Node(Demo):
    """One of several servers that share a directory, its keys and a database. One waits until the other has filled it."""

    start_seconds = 120

    def __init__(self, first, name, options):
        super().__init__(home=first, options=options)
        self.log, self.port = self.home / f"{name}.log", free_port()

    def launch(self):
        """As `start`, without waiting."""
        waiting, self.wait_until_ready = self.wait_until_ready, lambda: None
        try:
            return self.start()
        finally:
            self.wait_until_ready = waiting


class Pair:
    """A database with two servers on it, which begin at the same moment."""

    def __enter__(self):
        self.postgres = ThrowAway().__enter__()
        self.postgres.sql("CREATE DATABASE steward OWNER steward_owner")
        place = ("--database", self.postgres.url("steward_app", "steward"))
        owner = ("--database-owner", self.postgres.url("steward_owner", "steward"))
        self.holder = Demo()
        self.a, self.b = (Node(self.holder.home, name, place + owner) for name in "ab")
        try:
            for node in (self.a, self.b):
                node.launch()
            for node in (self.a, self.b):
                node.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in (self.a, self.b):
            node.stop()
        self.postgres.remove()
        self.holder.temporary.cleanup()

    def verify(self):
        verdict = audit_verify(self.a.data)
        expect_equal(verdict.returncode, 0, verdict.stdout + verdict.stderr)


@scenario("two servers that begin at once on an empty database serve the same tenants: what one writes, freezes or ends, the other knows at once")
def two_servers():
    with Pair() as pair:
        a, b = pair.a, pair.b
        read_your_writes(a, b)
        sessions(a, b)
        freezes(a, b)
        new_tenant(a, b)
        jobs_anywhere(a, b)
        pair.verify()


def read_your_writes(a, b):
    here, there = a.client("manager"), b.client("manager")
    for number in range(20):
        vendor = a_vendor(here, f"Turn {number}")
        expect_equal(expect_status(there.get(f"/v1/vendors/{vendor}"), 200).json["name"], f"Turn {number}")
        listed = expect_status(there.get("/v1/vendors?q=Turn&limit=200"), 200).json["items"]
        expect(vendor in [v["id"] for v in listed], "a vendor is not in the other server's list")
        expect_status(there.patch(f"/v1/vendors/{vendor}", {"name": f"Turn {number} again"}), 200)
        expect_equal(here.get(f"/v1/vendors/{vendor}").json["name"], f"Turn {number} again", "a change at the other server")
        here, there = there, here


def sessions(a, b):
    person = a.person("member")
    here, there = Browser(a.url), Browser(b.url)
    expect_status(here.open("/t/acme"), 200)
    expect_status(here.submit("password", email=person["email"], password=person["password"]), 200)
    there.cookies = here.cookies
    asked = {"Accept": "application/json"}
    expect_status(there.open("/v1/me", headers=asked), 200)
    expect_status(there.open("/account"), 200)
    sign_out(there)
    expect_status(here.open("/v1/me", headers=asked), 401)
    # A token that is revoked at one server opens nothing at the other.
    made = expect_status(a.client("member").post("/v1/tokens", {"label": "nodes"}), 201).json
    visitor = Client(b.url, made["token"])
    expect_status(visitor.get("/v1/me"), 200)
    expect_status(a.client("member").post(f"/v1/tokens/{made['id']}/revoke"), 200)
    expect_status(visitor.get("/v1/me"), 401)


def sign_out(browser):
    token = browser.answer.body.decode().split('name="csrf" value="', 1)[1].split('"', 1)[0]
    browser.open("/sign-out", "POST", urlencode({"csrf": token}).encode(), {
        "Content-Type": "application/x-www-form-urlencoded", "Origin": browser.url})


def freezes(a, b):
    owner, manager = a.client("owner"), b.client("manager")
    vendor = a_vendor(manager, "Before the freeze")
    expect_status(owner.post("/v1/freeze", {"reason": "A look at it"}), 200, 201)
    expect_problem(manager.patch(f"/v1/vendors/{vendor}", {"name": "No"}), 423)
    expect_problem(manager.post("/v1/jobs", {"kind": "offboarding.remind"}), 423)
    expect_status(b.client("owner").post("/v1/freeze/lift"), 200)
    expect_status(a.client("manager").patch(f"/v1/vendors/{vendor}", {"name": "Thawed"}), 200)


def new_tenant(a, b):
    done = run(STEWARD, "tenant", "create", "--data", a.data, "--name", "Initech", "--owner", "ida@initech.example")
    expect_equal(done.returncode, 0, done.stderr)
    for node in (a, b):
        page = expect_status(node.anonymous().get("/t/initech", Accept="text/html"), 200).body.decode()
        expect("Initech" in page, "the new tenant's sign-in page does not name it")
        expect_status(node.anonymous().get("/t/nobody", Accept="text/html"), 404)


def jobs_anywhere(a, b):
    for asks, looks in ((a, b), (b, a)):
        job = expect_status(asks.client("manager").post("/v1/jobs", {"kind": "offboarding.remind"}), 202).json["id"]
        ended(looks, job)


def ended(node, job):
    manager, started = node.client("manager"), time.monotonic()
    while True:
        state = expect_status(manager.get(f"/v1/jobs/{job}"), 200).json
        if state["state"] in ("done", "dead", "cancelled"):
            expect_equal(state["state"], "done", state)
            return time.monotonic() - started
        expect(time.monotonic() - started < RESUME_SECONDS, f"not done within {RESUME_SECONDS} s: {state}")
        time.sleep(0.1)


@scenario(f"two servers under load, each killed {KILLS} times: the other goes on, and every acknowledged write is there once")
def killed_in_turns():
    acknowledged, slowest, quiet = {}, 0.0, 0.0
    with Pair() as pair:
        for number in range(2 * KILLS):
            victim, survivor = (pair.a, pair.b) if number % 2 == 0 else (pair.b, pair.a)
            doomed, safe = writers(victim, f"d{number}"), writers(survivor, f"s{number}")
            time.sleep(1.5)
            job = expect_status(victim.client("manager").post("/v1/jobs", {"kind": "offboarding.remind"}), 202).json["id"]
            victim.kill()
            before = count(safe)
            quiet = max(quiet, until(lambda: count(safe) > before + WRITERS_EACH))
            slowest = max(slowest, ended(survivor, job))
            for writer in doomed + safe:
                writer.stopping.set()
                writer.join(30)
                expect(not writer.is_alive() and not writer.wrong, writer.wrong[:1])
                acknowledged |= writer.acknowledged
            expect(not any(writer.broke for writer in safe), "the server that was not killed lost a connection")
            there_once(survivor, acknowledged)
            victim.start()
            there_once(victim, acknowledged)
        pair.verify()
    print(f"       {len(acknowledged)} acknowledged writes in {2 * KILLS} kills; jobs went on after {slowest:.1f} s, writes after {quiet:.1f} s")


class Writer(threading.Thread):
    """Makes vendors at one server, of a name each, until it is told to stop or the connection breaks."""

    def __init__(self, node, word):
        super().__init__(daemon=True)
        self.client, self.word = Client(node.url, node.person("manager")["token"]), word
        self.acknowledged, self.wrong, self.stopping, self.broke = {}, [], threading.Event(), False

    def run(self):
        while not self.stopping.is_set():
            name = f"Crash {self.word}-{random.randrange(1 << 40):x}"
            try:
                answer = self.client.post("/v1/vendors", {"name": name})
            except Exception:
                self.broke = True  # The server was killed; this write was not acknowledged.
                return
            if answer.status == 201 and answer.receipt:
                self.acknowledged[answer.json["id"]] = name
            else:
                self.wrong.append(str(answer))


def writers(node, word):
    found = [Writer(node, f"{word}-{number}") for number in range(WRITERS_EACH)]
    for writer in found:
        writer.start()
    return found


def count(found):
    return sum(len(writer.acknowledged) for writer in found)


def until(holds, seconds=20):
    started = time.monotonic()
    while not holds():
        expect(time.monotonic() - started < seconds, f"the other server wrote nothing for {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - started


def there_once(node, acknowledged):
    vendors = [(vendor["id"], vendor["name"]) for vendor in node.client("manager").items("/v1/vendors")]
    names = [name for _, name in vendors if name.startswith("Crash ")]
    expect_equal(len(names), len(set(names)), "vendors that were made twice")
    lost = acknowledged.items() - set(vendors)
    expect(not lost, f"{len(lost)} acknowledged vendors are lost")
