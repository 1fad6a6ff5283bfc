"""SIGKILL at random moments, from the first instant of a server on, under writers of several kinds: what was acknowledged is there
exactly once, everything verifies with and without keys, and what is started again goes on."""

from concurrent.futures import ThreadPoolExecutor
import hashlib
import random
import sys
import threading
import time

from engines import Fleet, engines, option
from expect import expect, expect_equal, expect_status, scenario
from fixtures import a_place_for_evidence, a_vendor
from receipt import Receipt
from steward import Client, PATIENCE, audit_verify

LONG = "--long" in sys.argv
KILLS = int(option("--kills", 5_000 if LONG else 200))
#: Kills of one installation: its record grows with each life, and verifying it takes longer.
KILLS_OF_ONE = 50 if LONG else 10
#: Installations at the same time; more on a machine that gives each process little.
SIDE_BY_SIDE = int(option("--at-once", 2))
#: A server is killed this many seconds after it was begun, or after it was ready; the first of an installation is still making it.
FIRST_LIFE, STARTING, SERVING = (0.03, 1.5), (0.0, 0.5), (0.02, 0.4)
CREATORS, CHANGERS, ATTACHERS = 8, 3, 2
#: Files that one attacher sends in one life; a case takes 500, and after so many lives comes another.
FILES_A_LIFE, LIVES_OF_A_CASE = 3, 50
#: How soon the servers that were not killed acknowledge the next writes.
GO_ON_SECONDS = 20 * PATIENCE


class Writer(threading.Thread):
    """Writes to one server until the connection breaks, or `most` times. Each word is used once in the life of an installation."""

    most = sys.maxsize

    def __init__(self, url, token, book, stop):
        super().__init__(daemon=True)
        self.client, self.book, self.stop = Client(url, token), book, stop

    def run(self):
        count = 0
        while count < self.most and not self.stop.is_set():
            count += 1
            word = f"{random.randrange(1 << 60):x}"
            try:
                answer = self.write(word)
            except Exception:
                return  # The server was killed; this write was not acknowledged.
            if answer.status == 503 and PATIENCE > 1:
                continue  # Refused, as a machine that is busy with other things makes it; it was not acknowledged either.
            if not 200 <= answer.status < 300 or not answer.receipt:
                return self.book.wrong.append(str(answer))
            self.book.receipts.append(answer.receipt)
            self.note(word, answer)

    def note(self, word, answer):
        self.book.vendors[answer.json["id"]] = word


class Creator(Writer):
    def write(self, word):
        self.book.attempted.append(word)
        return self.client.post("/v1/vendors", {"name": word, "privacy_url": f"https://{word}.example/", "data_categories": [word, "x"]})


class Changer(Writer):
    """Changes one vendor of its own again and again: the last acknowledged name, or the one after it, must be there."""

    def __init__(self, url, token, book, stop, target):
        super().__init__(url, token, book, stop)
        self.target = target

    def write(self, word):
        self.book.changed[self.target] = [self.book.changed[self.target][-1], word]
        return self.client.patch(f"/v1/vendors/{self.target}", {"name": word})

    def note(self, word, answer):
        self.book.changed[self.target] = [word]


class Attacher(Writer):
    most = FILES_A_LIFE

    def __init__(self, url, token, book, stop, path, kind):
        super().__init__(url, token, book, stop)
        self.path, self.kind = path, kind

    def write(self, word):
        return self.client.upload(f"{self.path}?kind={self.kind}", word.encode() * 5_000, "text/plain", f"{word}.txt")

    def note(self, word, answer):
        self.book.files[f"{self.path}/{answer.json['id']}"] = hashlib.sha256(word.encode() * 5_000).hexdigest()


class Book:
    """What an installation was asked for, and what it acknowledged: by id, word or address."""

    def __init__(self):
        self.attempted, self.vendors, self.changed, self.files, self.receipts, self.wrong = [], {}, {}, {}, [], []
        self.checked = 0

    def everything_is_there(self, manager):
        found = {}
        for vendor in manager.items("/v1/vendors"):
            found.setdefault(vendor["name"], []).append(vendor)
        for key, word in self.vendors.items():
            there = [vendor["id"] for vendor in found.get(word, [])]
            expect(there == [key], f"the acknowledged vendor {key} is there {len(there)} times")
            expect_equal(found[word][0]["data_categories"], [word, "x"], f"half of vendor {key}")
        for word in self.attempted:
            expect(len(found.get(word, [])) <= 1, f"vendor {word} was written twice")
        for key, words in self.changed.items():
            name = expect_status(manager.get(f"/v1/vendors/{key}"), 200).json["name"]
            expect(name in words, f"{name} is neither what was acknowledged last nor what was asked for after it: {words}")
            self.changed[key] = [name]
        for path, digest in self.files.items():
            back = expect_status(manager.get(path), 200)
            expect_equal(hashlib.sha256(back.body).hexdigest(), digest, f"the acknowledged file {path}")
        self.files.clear()

    def entries_are_there(self, auditor, every=20):
        """Some of the receipts of the last lives, and always the newest: the log has at their place what they say."""
        fresh = self.receipts[self.checked:]
        for header in fresh[::every] + fresh[-1:]:
            mine = Receipt(header)
            theirs = Receipt.of(expect_status(auditor.get(f"/v1/audit/{mine.index}/receipt"), 200).body)
            expect_equal(theirs.leaf, mine.leaf, f"entry {mine.index}")
        self.checked = len(self.receipts)


class Installation:
    """One installation and its lives. Of several servers each has its own, and the others go on while one is killed."""

    def __init__(self, engine, seed):
        self.engine, self.seed, self.draw, self.book, self.kills, self.places = engine, seed, random.Random(seed), Book(), 0, []
        self.is_made = False

    def play(self, kills):
        with Fleet(self.engine) as self.fleet:
            try:
                while self.kills < kills:
                    self.live_and_die()
                self.fleet.start()
                self.look()
                expect_equal([p.name for p in self.fleet.tmp.rglob("*") if p.is_file()], [], "temporary files that no start swept")
            except Exception as error:
                raise AssertionError(f"{self.engine.name}, seed {self.seed}, kill {self.kills}: {error}") from error
        if LONG:
            print(f"       {self.engine.name}: {self.kills} kills, {len(self.book.receipts)} acknowledged writes", flush=True)
        return self

    def live_and_die(self):
        if self.kills == 0:
            self.killed_while_starting(self.fleet.servers[0], FIRST_LIFE)
        elif self.draw.random() < 0.3:
            self.killed_while_starting(self.draw.choice(self.fleet.servers), STARTING)
        else:
            self.killed_while_serving()
        self.verify()

    def killed_while_starting(self, server, moments):
        server.stop()
        server.begin()
        time.sleep(self.draw.uniform(*moments))
        server.kill()
        self.kills += 1

    def killed_while_serving(self):
        self.fleet.start()
        self.is_made = True
        self.look()
        victim, stop = self.draw.choice(self.fleet.servers), threading.Event()
        writers = [writer for server in self.fleet.servers for writer in self.writers(server, stop)]
        for writer in writers:
            writer.start()
        time.sleep(self.draw.uniform(*SERVING))
        expect(victim.runs(), f"a server ended by itself: {victim.tail()}")
        victim.kill()
        self.kills += 1
        if len(self.fleet.servers) > 1:
            self.others_go_on()
        stop.set()
        for writer in writers:
            writer.join(30 * PATIENCE)
        for server in self.fleet.servers:
            expect(server is victim or server.runs(), f"a server ended by itself: {server.tail()}")
        expect_equal(self.book.wrong[:2], [], "refused")

    def others_go_on(self):
        before, since = len(self.book.receipts), time.monotonic()
        while len(self.book.receipts) < before + 5:
            expect(time.monotonic() - since < GO_ON_SECONDS, "the other servers stopped writing")
            time.sleep(0.01)

    def writers(self, server, stop):
        """Changers and attachers on the first server only: a vendor, and a step, has one writer at a time."""
        token, book = server.person("manager")["token"], self.book
        yield from (Creator(server.url, token, book, stop) for _ in range(CREATORS))
        if server is self.fleet.servers[0]:
            yield from (Changer(server.url, token, book, stop, target) for target in self.owned)
            yield from (Attacher(server.url, token, book, stop, *self.place) for _ in range(ATTACHERS))

    def look(self):
        """Through a server of the draw's choice; the first time there is something to be made first."""
        server = self.draw.choice(self.fleet.servers)
        manager = server.client("manager")
        if not self.places:
            self.owned = [a_vendor(manager, f"Owned {n}") for n in range(CHANGERS)]
            self.book.changed = {key: [f"Owned {n}"] for n, key in enumerate(self.owned)}
            self.places = [a_place_for_evidence(manager)]
        if self.kills % LIVES_OF_A_CASE == 0:
            self.places.append(a_place_for_evidence(manager))
        self.place = self.places[-1]
        self.book.everything_is_there(manager)
        self.book.entries_are_there(server.client("auditor"))

    def verify(self):
        verdict = audit_verify(self.fleet.data, "--keys", self.fleet.keys)
        said = verdict.stdout + verdict.stderr
        if not self.is_made and verdict.returncode == 2:
            return expect("no steward.vkey" in said, said)  # No life was long enough to make it, and it says so.
        expect_equal(verdict.returncode, 0, said)
        self.is_made = True


@scenario(f"killed {KILLS} times, from the first instant of an installation on: every acknowledged write is there once, everything verifies")
def killed():
    chosen = engines()
    for engine in chosen:
        share = engine.share / sum(other.share for other in chosen)
        seeds = [random.randrange(1 << 40) for _ in range(round(KILLS * share / KILLS_OF_ONE))]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            done = list(pool.map(lambda seed: Installation(engine, seed).play(KILLS_OF_ONE), seeds))
        total = sum(len(installation.book.receipts) for installation in done)
        print(f"       {engine.name}: {total} acknowledged writes in {sum(i.kills for i in done)} lives of {len(done)} installations")
        expect(total > 4 * KILLS * share, f"only {total} writes were acknowledged: this says little")
