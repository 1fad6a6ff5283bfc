"""SIGKILL at random moments under 64 concurrent writers: what was acknowledged is there, everything verifies, nothing is half-done."""

import hashlib
import random
import sys
import threading
import time

from expect import expect, expect_equal, expect_status, scenario
from fixtures import a_place_for_evidence
from steward import Client, Demo, audit_verify

WRITERS = 64
KILLS = 120 if "--long" in sys.argv else 30
#: Writers of each kind: most create, some change what exists, a few attach files.
CHANGERS, ATTACHERS = 8, 4
#: Files each attacher sends in one life: a case holds 500 at the most, and one case serves all lives.
FILES_A_LIFE = max(1, 480 // (KILLS * ATTACHERS))


class Writer(threading.Thread):
    """Writes until the connection breaks, or `most` times. `acknowledged` holds what was answered 2xx, with a receipt."""

    most = sys.maxsize

    def __init__(self, demo, number, target):
        super().__init__(daemon=True)
        self.client = Client(demo.url, demo.person("manager")["token"])
        self.number, self.target, self.acknowledged, self.wrong = number, target, [], []

    def run(self):
        count = 0
        while count < self.most:
            count += 1
            try:
                answer, written = self.write(f"{self.number}-{count}-{random.randrange(1 << 40):x}")
            except Exception:
                return  # The server was killed; this write was not acknowledged.
            if 200 <= answer.status < 300 and answer.receipt:
                self.acknowledged.append((answer.json["id"], written))
            else:
                self.wrong.append(str(answer))


class Creator(Writer):
    def write(self, word):
        vendor = {"name": f"Crash {word}", "privacy_url": f"https://{word}.example/", "data_categories": [word, "x"]}
        return self.client.post("/v1/vendors", vendor), vendor


class Changer(Writer):
    """Changes one vendor of its own again and again: the last acknowledged name, or the one after it, must be there."""

    def write(self, word):
        change = {"name": f"Changed {word}"}
        self.attempted = change["name"]
        return self.client.patch(f"/v1/vendors/{self.target}", change), change


class Attacher(Writer):
    most = FILES_A_LIFE

    def write(self, word):
        content = word.encode() * 5_000
        return self.client.upload(self.target, content, "text/plain", f"{self.number}.txt"), hashlib.sha256(content).hexdigest()


@scenario(f"killed {KILLS} times under {WRITERS} writers: every acknowledged write is there and everything verifies")
def killed():
    draw = random.Random(time.time_ns())
    total = 0
    with Demo() as demo:
        manager = demo.client("manager")
        owned = [expect_status(manager.post("/v1/vendors", {"name": f"Changed {n}"}), 201).json["id"] for n in range(CHANGERS)]
        evidence_path, kind = a_place_for_evidence(manager)
        for kill in range(KILLS):
            writers = start_writers(demo, owned, f"{evidence_path}?kind={kind}")
            time.sleep(draw.uniform(0.15, 1.2))
            demo.kill()
            for writer in writers:
                writer.join(20)
            expect(not any(writer.wrong for writer in writers), [w.wrong[:1] for w in writers if w.wrong][:2])
            verdict = audit_verify(demo.data)
            expect_equal(verdict.returncode, 0, f"kill {kill + 1}: {verdict.stdout}{verdict.stderr}")
            demo.start()
            everything_is_there(demo.client("manager"), writers, evidence_path)
            total += sum(len(writer.acknowledged) for writer in writers)
        no_temporary_files(demo)
    print(f"       {total} acknowledged writes in {KILLS} lives")
    expect(total > 20 * KILLS, f"only {total} writes were acknowledged: this says little")


def start_writers(demo, owned, evidence_path):
    writers = [Changer(demo, number, vendor) for number, vendor in enumerate(owned)]
    writers += [Attacher(demo, CHANGERS + n, evidence_path) for n in range(ATTACHERS)]
    writers += [Creator(demo, len(writers) + n, None) for n in range(WRITERS - len(writers))]
    for writer in writers:
        writer.start()
    return writers


def everything_is_there(manager, writers, evidence_path):
    vendors = {vendor["id"]: vendor for vendor in manager.items("/v1/vendors")}
    for writer in writers:
        for key, written in writer.acknowledged if not isinstance(writer, Changer) else []:
            if isinstance(writer, Attacher):
                back = expect_status(manager.get(f"{evidence_path}/{key}"), 200)
                expect_equal(hashlib.sha256(back.body).hexdigest(), written, "an acknowledged file")
            else:
                expect(key in vendors, f"the acknowledged vendor {key} is lost")
                for field, value in written.items():
                    expect_equal(vendors[key][field], value, f"{field} of {key}")
        if isinstance(writer, Changer) and writer.acknowledged:
            allowed = {writer.acknowledged[-1][1]["name"], writer.attempted}
            expect(vendors[writer.target]["name"] in allowed, f"{vendors[writer.target]['name']} is neither of {allowed}")
    for vendor in vendors.values():
        expect(vendor["id"] and vendor["name"], f"half a vendor: {vendor}")


def no_temporary_files(demo):
    """After a start, what a killed upload staged has been swept."""
    expect_equal([p.name for p in demo.tmp.rglob("*") if p.is_file()], [], "temporary files")
