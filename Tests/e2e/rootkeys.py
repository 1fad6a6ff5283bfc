"""Who keeps the root key: a token (SoftHSM), AWS KMS (moto), stand-ins for Vault transit and Azure Key Vault, a passphrase; what happens while the keeper
is away or refuses, and a change of the root key that is killed at any moment."""

import json
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
import tempfile
import time

from expect import expect, expect_equal, expect_status, scenario
from keys import PASSPHRASE, check, recovery
from keyservices import Azure, Vault
from steward import ROOT, STEWARD, Demo, audit_verify, free_port, run

KILLS = 100 if "--long" in sys.argv else 4
#: Of one installation: it keeps 16 earlier root keys.
KILLS_OF_ONE = 10
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


def secret(path, text):
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


class Token:
    """A SoftHSM token. Away is its directory moved aside; refusing is a wrong PIN."""

    kind, promise = "pkcs11", None

    def __init__(self, home):
        self.home, self.tokens, self.pin = home, home / "tokens", secret(home / "pin", "24680")
        self.tokens.mkdir()
        (home / "softhsm2.conf").write_text(f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(home / "softhsm2.conf")
        made = run("softhsm2-util", "--init-token", "--free", "--label", "steward", "--pin", "24680", "--so-pin", "13579")
        expect_equal(made.returncode, 0, made.stderr)
        self.form = f"pkcs11:token=steward;object=root?module-path={SOFTHSM}&pin-source={self.pin}"

    def away(self):
        self.tokens.rename(self.home / "elsewhere")
        self.tokens.mkdir()

    def back(self):
        self.tokens.rmdir()
        (self.home / "elsewhere").rename(self.tokens)

    def refuse(self):
        secret(self.pin, "00000")

    def allow(self):
        secret(self.pin, "24680")

    def close(self):
        del os.environ["SOFTHSM2_CONF"]


class Transit(Vault):
    kind, promise = "vault", "F11"

    def __init__(self, home):
        super().__init__()
        home.mkdir(exist_ok=True)
        self.file = secret(home / "token", self.token)
        self.form = f"vault:http://127.0.0.1:{self.port}/transit/steward?token-file={self.file}"

    def refuse(self):
        secret(self.file, "s.wrong")

    def allow(self):
        secret(self.file, self.token)

    def close(self):
        self.away()


class KeyVault(Azure):
    kind, promise = "azure-kv", "F11"

    def __init__(self, home):
        super().__init__()
        here = f"http://127.0.0.1:{self.port}"
        self.form = f"azure-kv:{here}/keys/steward?identity={here}"

    def refuse(self):
        self.is_allowed = False

    def allow(self):
        self.is_allowed = True

    def close(self):
        self.away()


class KMS:
    kind, promise = "aws-kms", "F11"

    def __init__(self, home):
        run(ROOT / "Tools" / "venv.sh", "e2e")
        self.port = free_port()
        python = ROOT / ".build" / "venv" / "bin" / "python"
        self.process = subprocess.Popen([python, Path(__file__).parent / "kms.py", str(self.port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.key = json.loads(self.process.stdout.readline())
        self.file = secret(home / "aws", f"{self.key['id']}\n{self.key['secret']}")
        self.form = f"aws-kms:{self.key['arn']}?credentials-file={self.file}&endpoint=http://127.0.0.1:{self.port}/"

    def do(self, what):
        self.process.stdin.write(json.dumps({"do": what}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def away(self):
        self.do("away")

    def back(self):
        self.do("back")

    def refuse(self):
        other = self.do("stranger")
        secret(self.file, f"{other['id']}\n{other['secret']}")

    def allow(self):
        secret(self.file, f"{self.key['id']}\n{self.key['secret']}")

    def close(self):
        self.process.kill()
        self.process.wait()


def life(keeper_of):
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home:
        home = Path(home)
        keeper = keeper_of(home)
        try:
            live(home, keeper)
        finally:
            keeper.close()


def live(home, keeper):
    replica, root = home / "replica", ["--root-key", keeper.form]
    with Demo(home / "demo", options=[*root, "--keys-replica", replica]) as demo:
        kept = expect_status(demo.client("manager").post("/v1/vendors", {"name": "Kept"}), 201).json["id"]
        expect(not (demo.keys / "root.key").exists(), "the root key lies in a file")
        expect_equal((demo.keys / "root").read_bytes(), (replica / "root").read_bytes(), "the replica's wrapped root key")
        expect(f"provider {keeper.kind}\n" in (demo.keys / "root").read_text(), "the file root")
        if keeper.promise:
            until_proven(demo, keeper.promise)
        for stop, go in ((keeper.away, keeper.back), (keeper.refuse, keeper.allow)):
            stop()
            # What runs goes on, reading and writing; a start does not.
            expect_status(demo.client("manager").get(f"/v1/vendors/{kept}"), 200)
            expect_status(demo.client("manager").post("/v1/vendors", {"name": "Meanwhile"}), 201)
            refused = demo_refused(demo, root)
            expect(len(refused.strip().splitlines()) <= 2 and ("again" in refused or "correct" in refused or "put it in" in refused), refused)
            doctor = run(STEWARD, "doctor", "--data", demo.data, *root)
            expect("root key" in doctor.stdout and doctor.returncode != 0 or "PIN" in doctor.stdout or "token" in doctor.stdout, doctor.stdout)
            go()
        demo.stop()
        demo.start()
        expect_status(demo.client("manager").get(f"/v1/vendors/{kept}"), 200)
        demo.stop()
        verdict = audit_verify(demo.data, "--keys", demo.keys, *root)
        expect_equal(verdict.returncode, 0, verdict.stdout + verdict.stderr)
        # A replica and the keeper are enough.
        verdict = audit_verify(demo.data, "--keys", replica, *root)
        expect_equal(verdict.returncode, 0, verdict.stdout + verdict.stderr)
        # Without the keeper nothing: a file is refused, and so is what was changed.
        secret(home / "other.key", "00" * 32)
        expect(audit_verify(demo.data, "--keys", demo.keys, "--root-key", home / "other.key").returncode != 0, "opened with a file")
        content = (replica / "root").read_text()
        for old, new in (("number 1", "number 2"), ("installation 0", "installation 1"), ("made 2", "made 1")):
            (replica / "root").write_text(content.replace(old, new, 1))
            expect(audit_verify(demo.data, "--keys", replica, *root).returncode != 0, f"{new}: opened")
        (replica / "root").write_text(content)


def demo_refused(demo, root):
    """What a second installation's start, on the keys of the first, says: it comes as far as the keeper."""
    started = time.monotonic()
    verdict = audit_verify(demo.data, "--keys", demo.keys, *root)
    expect(verdict.returncode != 0, "the keys opened without their keeper")
    expect(time.monotonic() - started < 30, "a refusal takes too long")
    return verdict.stderr


def until_proven(demo, promise):
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        found = next(p for p in json.loads(demo.anonymous().get("/trust.json").body)["promises"] if p["id"] == promise)
        if found["state"] == "proven":
            return
        time.sleep(0.3)
    raise AssertionError(f"{promise} is not proven: {found}")


for keeper_class in (Token, Transit, KeyVault, KMS):
    scenario(f"the root key kept by {keeper_class.kind}: it starts, goes on while the keeper is away, and a start says why not")(
        lambda keeper_class=keeper_class: life(keeper_class))


@scenario("the root key under a passphrase: asked once at a start, read from a file, and nothing opens with another")
def passphrase():
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home:
        home = Path(home)
        word = secret(home / "word", PASSPHRASE)
        with Demo(home / "demo", options=["--root-key", f"passphrase:{word}"]) as demo:
            kept = expect_status(demo.client("manager").post("/v1/vendors", {"name": "Kept"}), 201).json["id"]
            demo.stop()
            asked = ["audit", "verify", "--data", demo.data, "--keys", demo.keys, "--root-key", "passphrase"]
            expect_equal(run(STEWARD, *asked, input=f"{PASSPHRASE}\n").returncode, 0, "asked")
            expect(run(STEWARD, *asked, input=f"{PASSPHRASE}!\n").returncode != 0, "another passphrase opened it")
            demo.start()
            expect_status(demo.client("manager").get(f"/v1/vendors/{kept}"), 200)


@scenario(f"a change of the root key beside a running server, and {KILLS} killed at any moment: the same command finishes them, nothing is lost")
def change():
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home:
        home = Path(home)
        # SoftHSM's own files do not survive a kill while it logs in: the token is not among those that are killed.
        first, second, token = Transit(home), Transit(home / "other"), Token(home)
        try:
            killed = 0
            for start in range(0, KILLS, KILLS_OF_ONE):
                part = home / str(start)
                part.mkdir()
                forms = [first.form, second.form, str(part / "root.key"), str(part / "root.key")]
                killed += changed(part, forms, token.form.replace("object=root", f"object=root-{start}"), min(KILLS_OF_ONE, KILLS - start))
            expect(killed > 0, "none was killed")
            print(f"       {killed} of {KILLS} changes of the root key were killed before their end")
        finally:
            for keeper in (first, second, token):
                keeper.close()


def changed(home, forms, token, kills):
    """Answers how many changes were killed before they came to their end."""
    with Demo(home / "demo", options=["--keys-replica", home / "replica"]) as demo:
        kept = expect_status(demo.client("manager").post("/v1/vendors", {"name": "Kept"}), 201).json["id"]
        kit = home / "kit.txt"
        expect_equal(recovery("--data", demo.data, "--to", kit, lines=[PASSPHRASE] * 2).returncode, 0, "kit")
        expect_equal(run(STEWARD, "backup", "create", "--data", demo.data, "--to", home / "backups").returncode, 0, "backup")
        now = str(demo.keys / "root.key")
        first = Path(now).read_text()
        since = time.monotonic()
        made = root(demo, now, "--to", forms[0])
        took = time.monotonic() - since
        expect_equal(made.returncode, 0, made.stderr)
        expect(not Path(now).exists(), "the old root key is still there")
        expect_status(demo.client("manager").post("/v1/vendors", {"name": "Meanwhile"}), 201)
        demo.stop()
        now, draw, killed = forms[0], random.Random(time.time_ns()), 0
        for number in range(kills):
            then = forms[(number + 1) % len(forms)]
            process = subprocess.Popen([str(p) for p in (STEWARD, "keys", "root", "--data", demo.data, "--root-key", now, "--to", then)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(draw.uniform(0.0, took * 0.8))
            process.send_signal(signal.SIGKILL)
            killed += process.wait() < 0
            standing = json.loads(root(demo, now, "--json").stdout)
            if standing["number"] != number + 3 or standing["changing"]:
                finished = root(demo, now, "--to", then)
                expect_equal(finished.returncode, 0, f"kill {number}: {finished.stderr}")
            now = then
            unkilled = number == kills - 1 and root(demo, now, "--to", token)
            if unkilled:
                expect_equal(unkilled.returncode, 0, unkilled.stderr)
                now = token
            expect_equal(files(home / "replica"), files(demo.keys), f"kill {number}: the replica")
            verdict = audit_verify(demo.data, "--keys", home / "replica", "--root-key", now)
            expect_equal(verdict.returncode, 0, f"kill {number}: {verdict.stdout}{verdict.stderr}")
        expect(first.strip() not in "".join(p.read_text(errors="replace") for p in home.rglob("*") if p.is_file() and p.stat().st_size < 4096),
               "the first root key lies somewhere")
        # Another form than that of today is refused, the old kit says what to do, a backup of the first root key's time is restored.
        expect("changed after" in check(kit).stderr, check(kit).stderr)
        doctor = run(STEWARD, "doctor", "--data", demo.data, "--root-key", now)
        expect("make one with steward keys recovery" in doctor.stdout, doctor.stdout)
        again = home / "again.txt"
        made = recovery("--data", demo.data, "--root-key", now, "--to", again, lines=[PASSPHRASE] * 2)
        expect_equal(made.returncode, 0, made.stderr)
        expect("no recovery kit was made" not in run(STEWARD, "doctor", "--data", demo.data, "--root-key", now).stdout, "the doctor forgot the kit")
        restored = run(STEWARD, "restore", "--from", home / "backups", "--data", home / "restored", "--recovery", again, input=f"{PASSPHRASE}\n")
        expect_equal(restored.returncode, 0, restored.stderr)
        demo.options = ["--root-key", now]
        demo.start()
        expect_status(demo.client("manager").get(f"/v1/vendors/{kept}"), 200)
    return killed


def files(place):
    """All but what only the live store has."""
    return {p.relative_to(place): p.read_bytes() for p in place.rglob("*")
            if p.is_file() and p.name not in ("replicas", "lock", "kit", "root.key", "demo.json")}


def root(demo, now, *more):
    return run(STEWARD, "keys", "root", "--data", demo.data, "--root-key", now, *more)
