"""Keys as an operator keeps them: a replica that is never behind, a kit that opens, and nothing that opens a changed one."""

import os
from pathlib import Path
import pty
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time

from expect import expect, expect_equal, expect_status, scenario
from steward import STEWARD, Client, Demo, audit_verify, run

KILLS = 50 if "--long" in sys.argv else 8
PASSPHRASE = "correct horse battery staple"


@scenario(f"killed {KILLS} times while keys are allocated: the replica opens every acknowledged row by itself")
def replica_survives():
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home:
        home = Path(home)
        replica = home / "other disk" / "keys"
        demo = Demo(home / "demo", options=["--keys-replica", replica])
        draw, names = random.Random(time.time_ns()), {}
        with demo:
            for _ in range(KILLS):
                create_until_killed(demo, names, draw.uniform(0.1, 0.7))
                alone = promoted(home, demo, replica)
                verdict = audit_verify(demo.data, "--keys", alone)
                expect_equal(verdict.returncode, 0, verdict.stdout + verdict.stderr)
                shutil.rmtree(alone)
                demo.start()
            # The live store is lost; the replica takes its place.
            demo.stop()
            alone = promoted(home, demo, replica)
            shutil.rmtree(demo.keys)
            alone.rename(demo.keys)
            demo.options = []
            demo.start()
            vendors = {v["id"]: v["name"] for v in demo.client("manager").items("/v1/vendors")}
            for key, name in names.items():
                expect_equal(vendors.get(key), name, "an acknowledged vendor")
        expect(len(names) > 20 * KILLS, f"only {len(names)} writes were acknowledged: this says little")


def create_until_killed(demo, names, seconds):
    def work(number):
        client, count = Client(demo.url, demo.person("manager")["token"]), 0
        while True:
            count += 1
            try:
                answer = client.post("/v1/vendors", {"name": f"Kept {number} {count} {time.time_ns()}"})
            except Exception:
                return
            if answer.status == 201:
                names[answer.json["id"]] = answer.json["name"]

    workers = [threading.Thread(target=work, args=[n], daemon=True) for n in range(8)]
    for worker in workers:
        worker.start()
    time.sleep(seconds)
    demo.kill()
    for worker in workers:
        worker.join(20)


def promoted(home, demo, replica):
    """A key store made of the replica and the root key alone, as someone would who has lost the live one."""
    place = home / "promoted"
    shutil.copytree(replica, place)
    expect(not (place / "root.key").exists(), "the replica holds the root key")
    shutil.copy(demo.keys / "root.key", place / "root.key")
    return place


@scenario("a replica that is away stops new keys but not reading, and a start without it; a foreign or misplaced one is refused")
def replica_rules():
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home:
        home = Path(home)
        replica, away = home / "replica", home / "away"
        with Demo(home / "demo", options=["--keys-replica", replica]) as demo:
            manager = demo.client("manager")
            kept = expect_status(manager.post("/v1/vendors", {"name": "Kept"}), 201).json["id"]
            replica.rename(away)
            replica.mkdir()
            statuses = [manager.post("/v1/vendors", {"name": f"Away {n}"}).status for n in range(1_200)]
            expect(503 in statuses, "writes went on without the replica")
            expect_equal(set(statuses[statuses.index(503):]), {503}, "after the first refusal")
            expect_status(manager.get(f"/v1/vendors/{kept}"), 200)
            expect(not any(replica.iterdir()), "an empty mount point was filled")
            replica.rmdir()
            away.rename(replica)
            expect_status(manager.post("/v1/vendors", {"name": "Back"}), 201)
            demo.stop()
            replica.rename(away)
            demo.options = []
            refused("is not there", "demo", "--data", demo.data, "--listen", f"127.0.0.1:{demo.port}")
            away.rename(replica)
            # What it lacks is copied, what is damaged is named.
            block = next(replica.glob("tenants/*/blocks/0"))
            block.unlink()
            expect_equal(run(STEWARD, "keys", "replicate", "--data", demo.data).returncode, 0, "lagging")
            expect(block.exists(), "the block was not copied")
            flip(block)
            refused(str(block.relative_to(replica)), "keys", "replicate", "--data", demo.data)
            block.unlink()
            for wrong in (demo.data / "keys", demo.keys / "inside", demo.keys):
                refused("", "keys", "replicate", "--data", demo.data, "--keys-replica", wrong)
            with Demo(home / "other", options=["--keys-replica", home / "foreign"]):
                pass
            refused("another installation", "keys", "replicate", "--data", demo.data, "--keys-replica", home / "foreign")
            replica.rename(away)
            expect_equal(run(STEWARD, "keys", "forget", "--data", demo.data, "--keys-replica", replica).returncode, 0, "forget")
            demo.start()


def refused(word, *command):
    result = run(STEWARD, *command, timeout=60)
    expect(result.returncode in (1, 2), f"{command}: ended with {result.returncode}: {result.stdout}")
    expect(word in result.stderr, f"{command}: does not say {word!r}: {result.stderr}")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@scenario("a recovery kit opens with its passphrase from a pipe or a terminal; a wrong passphrase and every changed bit do not")
def kit():
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home:
        home = Path(home)
        with Demo(home / "demo", options=["--keys-replica", home / "replica"]) as demo:
            made = recovery("--data", demo.data, "--to", home / "kit.txt", lines=[PASSPHRASE] * 2)
            expect_equal(made.returncode, 0, made.stderr)
        text = (home / "kit.txt").read_text()
        expect_equal(stat.S_IMODE((home / "kit.txt").stat().st_mode), 0o600, "mode of the kit")
        expect(PASSPHRASE not in text and (demo.keys / "root.key").read_text().strip() not in text, "a secret stands in the kit")
        for place in (home / "replica", demo.keys):
            expect(str(place) in text, f"the kit does not name {place}")
        for why, to, lines in (("short", "a", ["short"] * 2), ("two others", "b", [PASSPHRASE, PASSPHRASE + "!"]), ("one line", "c", [PASSPHRASE])):
            expect_equal(recovery("--data", demo.data, "--to", home / to, lines=lines).returncode, 2, why)
            expect(not (home / to).exists(), f"{why}: a kit was written")
        expect_equal(recovery("--data", demo.data, "--to", home / "kit.txt", lines=[PASSPHRASE] * 2).returncode, 2, "overwriting")
        expect_equal(recovery("--data", demo.data, "--to", demo.data / "kit", lines=[PASSPHRASE] * 2).returncode, 2, "inside the data")
        opened = check(home / "kit.txt")
        expect(opened.returncode == 0 and str(home / "replica") in opened.stdout, opened.stdout + opened.stderr)
        expect_equal(check(home / "kit.txt", "correct horse battery stapel").returncode, 1, "wrong passphrase")
        changed(home, text.encode())
        (home / "typed").write_text("\n".join(text.split("\n")[text.split("\n").index("-----BEGIN STEWARD RECOVERY KIT-----"):-2]))
        expect_equal(check(home / "typed").returncode, 0, "the block alone")
        terminal(home)
        shutil.rmtree(demo.keys)
        expect_equal(check(home / "kit.txt").returncode, 0, "the replica is enough")
        shutil.rmtree(home / "replica")
        expect_equal(check(home / "kit.txt").returncode, 1, "no keys are left")


def recovery(*arguments, lines):
    return run(STEWARD, "keys", "recovery", *arguments, input="".join(f"{line}\n" for line in lines))


def check(path, passphrase=PASSPHRASE):
    return recovery("check", "--file", path, lines=[passphrase])


def changed(home, content):
    draw = random.Random(time.time_ns())
    for _ in range(40):
        bit = draw.randrange(len(content) * 8)
        other = bytearray(content)
        other[bit // 8] ^= 1 << bit % 8
        (home / "changed").write_bytes(other)
        expect(check(home / "changed").returncode in (1, 2), f"bit {bit} was changed and the kit opens")


def terminal(home):
    """On a terminal nothing that is typed is shown."""
    leader, follower = pty.openpty()
    process = subprocess.Popen([STEWARD, "keys", "recovery", "check", "--file", home / "kit.txt"], stdin=follower, stdout=follower,
                               stderr=follower, preexec_fn=lambda: (os.setsid(), __import__("fcntl").ioctl(0, 0x540E, 0)))
    os.close(follower)
    seen = b""
    while b": " not in seen:
        seen += os.read(leader, 1024)
    os.write(leader, PASSPHRASE.encode() + b"x\x7f\n")
    while True:
        try:
            piece = os.read(leader, 1024)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    expect_equal(process.wait(30), 0, seen.decode(errors="replace"))
    expect(PASSPHRASE.encode() not in seen, "the passphrase was shown")
