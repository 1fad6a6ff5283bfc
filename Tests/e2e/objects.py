"""Files in an S3-compatible store: sealed before they leave, back as they came, refused when the store is away, wrong or has lied."""

import base64
import json
import os
from pathlib import Path
import sqlite3
import subprocess
import time

from expect import expect, expect_equal, expect_problem, expect_receipt, expect_status, scenario
from fixtures import a_place_for_evidence
from steward import ROOT, STEWARD, Demo, audit_verify, free_port, run

MARK = b"marker-of-a-file-that-must-not-be-seen"
PASSPHRASE = "seven quiet herons cross the marsh\n"


class Bucket:
    """The store, as a process of its own."""

    name = "steward-files"

    def __init__(self):
        run(ROOT / "Tools" / "venv.sh", "e2e")
        self.port = free_port()

    def __enter__(self):
        python = ROOT / ".build" / "venv" / "bin" / "python"
        self.process = subprocess.Popen([python, Path(__file__).parent / "bucket.py", str(self.port)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.key = json.loads(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def do(self, what, key=None, content=b""):
        command = {"do": what, "key": key, "bytes": base64.b64encode(content).decode()}
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def get(self, key):
        return base64.b64decode(self.do("get", key))


class Server(Demo):
    """`steward serve` on the people of the sample data, with its files in a bucket."""

    def __init__(self, bucket):
        super().__init__()
        self.bucket, self.config, self.secret = bucket, self.home / "steward.yaml", self.home / "secret-key"
        self.write_secret(bucket.key["secret"])
        self.config.write_text(
            f"data: {self.data}\nlisten: 127.0.0.1:{self.port}\nfiles:\n  store: s3\n  endpoint: http://127.0.0.1:{bucket.port}\n"
            f"  bucket: {bucket.name}\n  prefix: here/files\n  access_key: {bucket.key['id']}\n  secret_key_file: {self.secret}\n  own: true\n")

    def write_secret(self, secret):
        self.secret.write_text(secret + "\n")
        os.chmod(self.secret, 0o600)

    def start(self):
        if not self.credentials_file.exists():
            super().start()
            self.stop()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([self.binary, "serve", "--config", self.config], stdout=log, stderr=log,
                                            env={**os.environ, "TMPDIR": str(self.tmp)})
        self.wait_until_ready()
        return self

    def objects(self):
        """Those of Acme: the promises' checks keep files too."""
        with sqlite3.connect(f"file:{self.data}/control.db?mode=ro", uri=True) as control:
            (tenant,), = control.execute("SELECT id FROM tenant WHERE slug = 'acme'").fetchall()
        return [name for name in self.bucket.do("list") if f"/{tenant}/" in name]

    def in_directory(self):
        return sorted(p.name for p in (self.data / "files").rglob("*") if p.is_file())


def attached(manager, place, kind, content, name="proof.bin"):
    answer = expect_status(manager.upload(f"{place}?kind={kind}", content, "application/octet-stream", name), 201)
    expect_receipt(answer)
    return f"{place}/{answer.json['id']}"


def evidence_of(manager, place):
    case, step = place.split("/")[3], place.split("/")[5]
    return next(s for s in manager.get(f"/v1/cases/{case}").json["steps"] if s["id"] == step)["evidence"]


@scenario("files lie in an object store, sealed, come back as they came, and a backup of them restores without the store")
def stored():
    large = (MARK + os.urandom(1 << 16)) * 300
    with Bucket() as bucket, Server(bucket) as server:
        before = server.in_directory()
        manager = server.client("manager")
        place, kind = a_place_for_evidence(manager)
        small = attached(manager, place, kind, MARK)
        big = attached(manager, place, kind, large)
        expect_equal(expect_status(manager.get(small), 200).body, MARK, "a small file")
        expect(expect_status(manager.get(big), 200).body == large, "a file in parts comes back changed")
        expect_equal(server.in_directory(), before, "files in the data directory")
        objects = server.objects()
        expect_equal(len(objects), 2, "objects")
        expect_equal(bucket.do("uploads"), [], "uploads that were not finished")
        for name in objects:
            expect(name.startswith("here/files/") and len(name.split("/")) == 4, name)
            expect(MARK not in bucket.get(name), "an object is not sealed")
        own = json.loads(server.anonymous().get("/trust/subprocessors.json").body)["own_places"]
        expect_equal(own, [f"127.0.0.1:{bucket.port}"], "the published list")
        # What left is on the record, under the file's id.
        acts = [e["action"] for e in server.client("auditor").items(f"/v1/audit?object=disclosure:{objects[0].split('/')[-1]}")]
        expect_equal(sorted(acts), ["egress.disclose", "egress.result"], "the record of a disclosure")
        # What lay in the data directory before is read there.
        for item in server.client("auditor").items("/v1/cases"):
            case = server.client("auditor").get(f"/v1/cases/{item['id']}").json
            for step in case["steps"]:
                for evidence in step["evidence"]:
                    path = f"/v1/cases/{item['id']}/steps/{step['id']}/evidence/{evidence['id']}"
                    expect_status(server.client("auditor").get(path), 200)
        place_of_backups = server.home / "backups"
        expect_equal(run(STEWARD, "backup", "create", "--data", server.data, "--to", place_of_backups).returncode, 0, "backup")
        server.stop()
        expect_equal(audit_verify(server.data).returncode, 0, "audit verify")
        restored(server, place_of_backups, {small: MARK, big: large})


def restored(server, backups, files):
    again = server.home / "again"
    made = run(STEWARD, "restore", "--from", backups, "--data", again, "--keys", server.keys)
    expect_equal(made.returncode, 0, f"restore: {made.stdout}{made.stderr}")
    config, log = server.home / "again.yaml", server.log.open("ab")
    config.write_text(f"data: {again}\nkeys: {server.keys}\nlisten: 127.0.0.1:{server.port}\n")
    server.process = subprocess.Popen([server.binary, "serve", "--config", config], stdout=log, stderr=log)
    server.wait_until_ready()
    for path, content in files.items():
        expect(expect_status(server.client("manager").get(path), 200).body == content, f"{path} after the restore")


@scenario("an object store that is away, or refuses the key, keeps nothing half: the upload is refused, and works once the store is right")
def away():
    with Bucket() as bucket, Server(bucket) as server:
        manager = server.client("manager")
        place, kind = a_place_for_evidence(manager)
        kept = attached(manager, place, kind, MARK)
        started = time.monotonic()
        bucket.do("away")
        for content in (b"small", os.urandom(20 << 20)):
            refused = expect_problem(manager.upload(f"{place}?kind={kind}", content, "application/octet-stream", "x.bin"), 503)
            expect("try again later" in refused.json["detail"], refused)
        expect_problem(manager.get(kept), 503)
        expect(time.monotonic() - started < 20, "a refusal takes too long")
        bucket.do("back")
        expect_equal(manager.get(kept).body, MARK, "once the store is back")
        for wrong, said in (("wrong" * 8, "403 SignatureDoesNotMatch"),):
            server.write_secret(wrong)
            expect_problem(manager.upload(f"{place}?kind={kind}", b"small", "application/octet-stream", "x.bin"), 503)
            expect(said in server.tail(), f"the log does not say {said}: {server.tail()}")
            expect(wrong not in server.tail(), "the secret stands in the log")
        server.write_secret(bucket.key["secret"])
        expect_equal(len(evidence_of(manager, place)), 1, "evidence after refusals")
        expect_equal((len(server.objects()), bucket.do("uploads")), (1, []), "objects and unfinished uploads after refusals")
        attached(manager, place, kind, b"small")
        expect_equal(len(evidence_of(manager, place)), 2, "evidence")
        server.stop()
        expect_equal(audit_verify(server.data).returncode, 0, "audit verify")


@scenario("an object that was changed, cut, exchanged or taken away in the store is refused, and never handed out")
def changed():
    with Bucket() as bucket, Server(bucket) as server:
        manager = server.client("manager")
        place, kind = a_place_for_evidence(manager)
        content = MARK + os.urandom(200_000)
        path = attached(manager, place, kind, content)
        (name,) = server.objects()
        attached(manager, place, kind, content)
        (other,) = (key for key in server.objects() if key != name)
        sealed = bucket.get(name)
        flipped = bytearray(sealed)
        flipped[len(sealed) // 2] ^= 1
        for what, bad in {"changed": bytes(flipped), "cut": sealed[:-1], "cut at a chunk": sealed[:33 + 65_552], "longer": sealed + b"\0",
                          "exchanged": bucket.get(other), "empty": b""}.items():
            bucket.do("put", name, bad)
            try:
                answer = manager.get(path)
            except Exception:
                continue
            expect(answer.status >= 500 or len(answer.body) < len(content), f"{what}: {answer}")
            expect(content.startswith(answer.body) or answer.status >= 500, f"{what}: other bytes were handed out")
            expect(answer.body != content, f"{what}: the file is whole")
        bucket.do("remove", name)
        expect_problem(manager.get(path), 500)
        bucket.do("put", name, sealed)
        expect_equal(manager.get(path).body, content, "the object as it was")
