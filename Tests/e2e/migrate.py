"""Moved from SQLite to PostgreSQL and back by `steward migrate`, with servers before, between and after."""

import json
from pathlib import Path
import random
import subprocess
import sys
import tempfile

from backups import PASSPHRASE, a_kit, create, steward
from engines import database
from expect import expect, expect_equal, expect_receipt, expect_status, scenario
from fixtures import a_place_for_evidence
from steward import STEWARD, Demo, audit_verify, run

CONTENT = b"what the vendor confirmed " * 20_000


class Server(Demo):
    """`steward serve` on a directory that was moved, for the people of the first."""

    def __init__(self, first, data):
        super().__init__(home=first.home)
        self.data, self.log = data, first.home / f"{data.name}.log"

    def begin(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [STEWARD, "serve", "--data", self.data, "--keys", self.keys, "--listen", f"127.0.0.1:{self.port}"],
                stdout=log, stderr=log)


def migrate(*command, code=0):
    result = run(STEWARD, "migrate", *command, "--json")
    expect_equal(result.returncode, code, result.stdout + result.stderr)
    return json.loads(result.stdout) if code == 0 else result.stderr


@scenario("moved into PostgreSQL and back: logs, states, files and receipts are the same, writes go on, and what was left does not start")
def there_and_back():
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home, Demo(Path(home) / "one") as demo:
        manager = demo.client("manager")
        path, kind = a_place_for_evidence(manager)
        evidence = expect_status(manager.upload(f"{path}?kind={kind}", CONTENT, "text/plain", "proof.txt"), 201).json["id"]
        vendor = expect_receipt(manager.post("/v1/vendors", {"name": "Before the move"})).json["id"]
        url, owner = database()[1::2]
        there, back = Path(home) / "there", Path(home) / "back"
        words = ["--from", demo.data, "--to", url, "--database-owner", owner, "--data", there]
        expect("stop it first" in migrate(*words, code=2), "a running server was not seen")
        checkpoint = demo.client("auditor").get("/v1/log/checkpoint").body.decode()
        demo.stop()
        report = migrate(*words)
        expect(report["equal"] and report["source_closed"], report)
        expect(any(t["files"] for t in report["tenants"]), report)
        expect(any(t["checkpoint"] and checkpoint.startswith(t["checkpoint"]) for t in report["tenants"]), "another state")
        refused = run(STEWARD, "serve", "--data", demo.data, "--listen", "127.0.0.1:0")
        expect(refused.returncode == 2 and "moved" in refused.stderr, refused.stderr)
        words = ["--from", there, "--to", back, "--keys", demo.keys]
        with Server(demo, there) as server:
            lives(server, path, evidence, vendor)
            expect("stop all servers" in migrate(*words, code=2), "a running server was not seen")
        expect(migrate(*words)["equal"], "not equal")
        with Server(demo, back) as server:
            lives(server, path, evidence, vendor)
        for data in (there, back):
            verdict = audit_verify(data, "--keys", demo.keys)
            expect_equal(verdict.returncode, 0, verdict.stdout + verdict.stderr)


@scenario("a move that is killed at any moment is run again with the same words, in both directions, and ends equal")
def killed():
    draw, kills = random.Random(67), 40 if "--long" in sys.argv else 5
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home, Demo(Path(home) / "one") as demo:
        demo.stop()
        url, owner = database()[1::2]
        there, back = Path(home) / "there", Path(home) / "back"
        ways = (demo.data, there, ["--to", url, "--database-owner", owner, "--data", there]), (there, back, ["--to", back])
        for source, target, words in ways:
            words = ["--from", source, *words, "--keys", demo.keys]
            until_killed(words, kills, draw)
            if not (target / "steward.vkey").exists():
                expect(migrate(*words)["equal"], "not equal")
        with Server(demo, back) as server:
            expect_receipt(server.client("manager").post("/v1/vendors", {"name": "After the move"}))
        verdict = audit_verify(back, "--keys", demo.keys)
        expect_equal(verdict.returncode, 0, verdict.stdout + verdict.stderr)


@scenario("a backup is restored into a database, from the recovery kit alone, and it serves; what was restored on the way is gone")
def restored_into_database():
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home, Demo(Path(home) / "one") as demo:
        manager = demo.client("manager")
        path, kind = a_place_for_evidence(manager)
        evidence = expect_status(manager.upload(f"{path}?kind={kind}", CONTENT, "text/plain", "proof.txt"), 201).json["id"]
        vendor = expect_receipt(manager.post("/v1/vendors", {"name": "Before the move"})).json["id"]
        place, there = Path(home) / "place", Path(home) / "there"
        create(demo, place)
        kit = a_kit(demo, home)
        demo.stop()
        url, owner = database()[1::2]
        words = ["restore", "--from", place, "--data", there, "--recovery", kit, "--database", url, "--database-owner"]
        # The schema cannot be made: what was restored on the way stays, and the same command goes on from there.
        steward(*words, url, code=2, input=PASSPHRASE)
        expect((Path(home) / "there.restored" / "steward.vkey").exists(), "what was restored is gone")
        steward(*words, owner, input=PASSPHRASE)
        expect(not (Path(home) / "there.restored").exists(), "what was restored on the way is left")
        server = Server(demo, there)
        server.keys = Path(home) / "there.keys"
        with server:
            lives(server, path, evidence, vendor)
        verdict = audit_verify(there, "--keys", server.keys)
        expect_equal(verdict.returncode, 0, verdict.stdout + verdict.stderr)


def until_killed(words, kills, draw):
    """Ends early if a move came to its end before it was killed."""
    for _ in range(kills):
        process = subprocess.Popen([STEWARD, "migrate", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            said = process.communicate(timeout=draw.uniform(0.05, 1.2))[1]
            # The one before may have been killed behind its last step: then the source says where it went.
            expect(process.returncode == 0 or "was moved" in said, said)
            return
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def lives(server, path, evidence, vendor):
    manager = server.client("manager")
    expect_equal(manager.get(f"/v1/vendors/{vendor}").json["name"], "Before the move", "a vendor")
    expect(manager.get(f"{path}/{evidence}").body == CONTENT, "a file is another one")
    expect_receipt(manager.post("/v1/vendors", {"name": "After the move"}))
