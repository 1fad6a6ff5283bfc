"""The suites: where something fails, and what must hold afterwards."""

from functools import cache, wraps
import random
import sys
import threading
import time

from disk import Disk, operations
from house import FAULTS, Home, OWNER, audit, missing_entries, ok, plain
from pages import Browser
from scenario import Story, contents, play
from steward import Client, Demo, PATIENCE

EVERY = "--every" in sys.argv
LONG = EVERY or "--long" in sys.argv
TIMES = int(sys.argv[sys.argv.index("--times") + 1]) if "--times" in sys.argv else 1
SEED = 20_261_121
SUITES = []
KEPT = []


def once(function):
    """Kept for the same arguments, also when two cases ask at once: a home made by one call and a story by another would not fit."""
    kept, lock = cache(function), threading.RLock()

    @wraps(function)
    def locked(*arguments):
        with lock:
            return kept(*arguments)
    return locked


def suite(sentence):
    def register(function):
        SUITES.append((sentence, function))
        return function
    return register


def expect(truth, said=""):
    if not truth:
        raise AssertionError(str(said))


def tidy():
    for home in KEPT:
        home.__exit__()


def sample(places, count):
    """`count` of the places, spread evenly; with --long or --every all, with `--times N` N times as many."""
    places, count = list(places), count * TIMES
    if LONG or len(places) <= count:
        return places
    return [places[(2 * n + 1) * len(places) // (2 * count)] for n in range(count)]


# What to begin with.


class Base:
    """The sample installation, made once and stopped: every case starts from a copy."""

    def __init__(self):
        self.home = Home()
        KEPT.append(self.home)
        with Demo(home=self.home.place / "demo") as demo:
            self.people = [person for person in demo.people() if person["tenant"] == "acme"]
            self.tokens = {person["role"]: person["token"] for person in demo.people() if person["tenant"] == "acme"}
            manager = demo.client("manager")
            self.tokens["elsewhere"] = demo.person("owner", "globex")["token"]
            self.tokens["template"] = manager.get("/v1/templates").json["items"][0]["id"]
            vendor = manager.post("/v1/vendors", {"name": "Fixture"}).json["id"]
            case = manager.post("/v1/cases", {"vendor": vendor, "template": self.tokens["template"], "terminated_on": "2026-11-01"}).json
            step, kind = next((s["id"], need["kind"]) for s in case["steps"] for need in s["needs"]["evidence"])
            self.place = f"/v1/cases/{case['id']}/steps/{step}/evidence?kind={kind}"
            self.tenant = manager.get("/v1/me").json["tenant"]["id"]
            settle(demo)
        demo.data.rename(self.home.data)
        demo.keys.rename(self.home.keys)

    def copy(self):
        return Home(self.home.root)


def settle(demo):
    """Waits until the checks that run after a start are through: they have tenants of their own, but the same processors."""
    state, since = None, time.monotonic()
    while time.monotonic() - since < 1:
        now = sorted((path.name, path.stat().st_size) for path in (demo.data / "tenants").iterdir())
        if now != state:
            state, since = now, time.monotonic()
        time.sleep(0.05)


def numbers(all_operations, mode, match=""):
    """Numbers of the operations at which a fault of this kind means something. Of a run of writes to one file with nothing else
    between, the first, the one in the middle and the last, unless --every is given: whoever reads the file afterwards finds a piece
    of the run, and these are the three kinds of pieces there are."""
    letters = {"lost": "W", "torn": "W"}.get(mode, "CWSTRUMH")
    found, run = [], []
    for o in all_operations:
        if match not in o[4] or o[4].endswith(("/lock", ".sock")) or mode == "lost" and o[4].endswith("-shm"):
            continue
        if run and (o[2], o[4]) != (run[0][2], run[0][4]) or o[2] != "W":
            found, run = found + ends(run), []
        if o[2] == "W":
            run.append(o)
        elif o[2] in letters:
            found.append(o)
    return [o[1] for o in found + ends(run)]


def ends(run):
    return run if EVERY else [o for n, o in enumerate(run) if n in (0, len(run) // 2, len(run) - 1)]


@once
def base():
    return Base()


@once
def undisturbed():
    """(the disk before, operations, story) of the scenario when nothing fails, ended by a stop."""
    with base().copy() as home:
        disk, life = Disk(home.root), home.life(base().tenant)
        expect(life.serve(), life.said())
        story = play(life, base().tokens, base().place)
        life.stop()
        for told in story.told:
            expect(told.acknowledged, f"{told.kind}: {told.status} {told.text}")
        return disk, operations(life.log), story


# What must hold.


def content_holds(home, story, until=None):
    """A server on the home shows what was acknowledged, and takes one more write, which then is durable too."""
    life = home.life(base().tenant)
    expect(life.serve(), f"does not start again: {life.said()}")
    try:
        manager = life.client(base().tokens["manager"])
        names = {vendor["name"] for vendor in manager.items("/v1/vendors")}
        evidence = base().place.split("?")[0]
        for told in story.acknowledged(until):
            if told.kind == "change" or told.kind == "vendor" and told.name.startswith("Last") or told.kind == "import":
                expect(told.name in names, f"the acknowledged {told.kind} of {told.name} is lost")
            if told.kind == "file":
                back = manager.get(f"{evidence}/{told.id}")
                expect(back.status == 200 and back.body in contents(told.name), f"the acknowledged file {told.name} does not open: {back}")
        for told in story.told:
            if told.kind == "vendor" and told.claims_nothing:
                expect(told.name not in names, f"said that nothing was written, but {told.name} is there: {told.text}")
        more = manager.post("/v1/vendors", {"name": "One more"})
        expect(more.status == 201, f"no write after the start: {more}")
    finally:
        life.kill()
    return life


def all_is_there(home, story, until=None, with_server=True):
    lost = missing_entries(home, base().tenant, story.receipts(until))
    code, said = audit(home)
    expect(not lost, f"acknowledged entries {[r.index for r in lost]} are not there; audit verify says {code}")
    expect(code == 0, f"audit verify: {code} {said}")
    if with_server:
        content_holds(home, story, until)
        code, said = audit(home)
        expect(code == 0, f"audit verify after the restart: {code} {said}")


def cut(disk, draw=None):
    home = Home()
    disk.cut(home.root, draw)
    return home


def same_port():
    with base().copy() as home, base().copy() as elsewhere:
        first, second = home.life(), elsewhere.life()
        expect(first.serve(), first.said())
        try:
            expect(not second.serve(first.port), "a server that has no port was taken for one that listens")
        finally:
            first.kill()
            second.kill()


@suite("a server is asked only once it listens itself: nobody else on its port acknowledges for it")
def own_port():
    yield "one port, two servers", same_port


# Power cuts.


def cut_after(place, draw_seed, with_server):
    before, all_operations, story = undisturbed_copy()
    for operation in all_operations[:place]:
        before.apply(operation)
    until = all_operations[place - 1][0] if place else 0
    with cut(before, random.Random(draw_seed) if draw_seed else None) as home:
        all_is_there(home, story, until, with_server)


def undisturbed_copy():
    disk, all_operations, story = undisturbed()
    fresh = Disk.__new__(Disk)
    fresh.home, fresh.waiting, fresh.names = disk.home, [], {}
    for name, file in disk.names.items():
        fresh.names[name] = file and type(file)(bytes(file.durable))
    fresh.durable_names = dict(fresh.names)
    return fresh, all_operations, story


@suite("the power fails after any operation of a server: what was acknowledged is there")
def power_cuts():
    """What was not synced is gone: then only the moments before a sync differ. Where some of it is left, each moment does."""
    _, all_operations, _ = undisturbed()
    cuts = [n for n, o in enumerate(all_operations) if o[2] == "S"] + [len(all_operations)]
    draw, before = random.Random(SEED), 0
    for number, place in enumerate(sample(range(len(all_operations) + 1) if EVERY else cuts, 12)):
        other = place if EVERY else draw.randint(before, place)
        yield f"before operation {place}", lambda place=place, number=number: cut_after(place, None, number % 4 == 0)
        yield f"after operation {other}, some of what was not synced left", (
            lambda place=other, number=number: cut_after(place, SEED + place, number % 4 == 2))
        before = place


# Faults.


def fault_at(number, mode, begin=None, match=""):
    with (begin or base)().copy() as home:
        disk, life = Disk(home.root), home.life(match or base().tenant)
        life.control.fail(number, mode)
        if life.serve():
            story = play(life, base().tokens, base().place)
            told_sensibly(life, story, mode)
            life.kill() if number % 2 and life.control.fired else life.stop()
        else:
            story = Story()
        not_synced_again(life)
        story.told += begin().story.told if begin else []
        # How many writes share a batch varies a little: the last places may not be reached.
        expect(life.control.fired or life.control.count < number, f"operation {number} came and did not fail")
        for operation in operations(life.log):
            disk.apply(operation)
        with cut(disk) as after_cut:
            all_is_there(after_cut, story)
        # Started again without a power cut: the running machine still shows what a failed sync lost.
        lost = missing_entries(home, base().tenant, story.receipts())
        expect(not lost, f"acknowledged entries {[r.index for r in lost]} are not there after a restart")
        second = content_holds(home, story)
        not_synced_again(second)
        for operation in operations(second.log):
            disk.apply(operation)
        with cut(disk) as after_both:
            all_is_there(after_both, story, with_server=False)
            expect_one_more(after_both)
        code, said = audit(home)
        expect(code == 0, f"audit verify after a restart: {code} {said}")


def expect_one_more(home):
    """What the second life acknowledged as its last is durable."""
    life = home.life(base().tenant)
    expect(life.serve(), f"does not start again: {life.said()}")
    try:
        names = {vendor["name"] for vendor in life.client(base().tokens["manager"]).items("/v1/vendors")}
        expect("One more" in names, "a write acknowledged after the restart is lost in a power cut")
    finally:
        life.kill()


def told_sensibly(life, story, mode):
    fired = [told for told in story.told if told.fired]
    # A tenant whose files cannot be opened cannot be read either; one that is open can.
    was_open = any(told.status in (200, 201) for told in story.told) or not story.told[0].fired
    for told in fired:
        if told.kind == "read" and was_open:
            expect(told.status == 200, f"reading: {told.status} {told.text}")
        elif not told.acknowledged and told.status not in (404, 422, 400):
            # 404 and the like: what it is about was itself refused.
            expect(told.status == 503, f"{told.kind} was refused with {told.status}: {told.text}")
    if failed_sync(life):
        late = [told for told in fired[1:] if told.acknowledged and told.kind != "read"]
        expect(not late, f"{len(late)} writes were acknowledged after a failed sync of the record")
        other = life.client(base().tokens["elsewhere"]).post("/v1/vendors", {"name": "Elsewhere"})
        expect(other.status == 503, f"another tenant of the process still writes: {other}")


def not_synced_again(life):
    """Linux marks what it could not write clean: a second sync says that all is well, and it is not."""
    expect(not life.control.again, "a file or directory was synced again after a sync of it had failed")


def failed_sync(life):
    return any(o[2] == "S" and o[3] and o[4].endswith(".db-wal") for o in operations(life.log))


@suite("an operation of a server fails: nothing acknowledged is lost, nothing false is told")
def faults():
    _, all_operations, _ = undisturbed()
    for mode, value in FAULTS.items():
        for number in sample(numbers(all_operations, mode, base().tenant), 3):
            yield named(mode, number, all_operations, base().tenant), lambda number=number, value=value: fault_at(number, value)


def named(mode, number, all_operations, match=""):
    what = next(o for o in all_operations if o[1] == number and match in o[4])
    return f"{mode} at {number} ({what[2]} {what[4][-12:]})"


class Killed:
    """What a killed server leaves: its log holds what no start has read yet."""

    def __init__(self):
        self.home = base().copy()
        KEPT.append(self.home)
        life = self.home.life(base().tenant)
        expect(life.serve(), life.said())
        self.story = play(life, base().tokens, base().place, "earlier")
        life.kill()

    def copy(self):
        return Home(self.home.root)


@once
def killed():
    return Killed()


@once
def restarted():
    """The operations of a start after a kill, up to the first write."""
    with killed().copy() as home:
        life = home.life(base().tenant)
        expect(life.serve(), life.said())
        expect(life.client(base().tokens["manager"]).post("/v1/vendors", {"name": "First"}).status == 201, "a write")
        life.kill()
        return operations(life.log)


@suite("an operation of a start after a kill fails: nothing acknowledged is lost, nothing false is told")
def restarts():
    for mode, value in FAULTS.items():
        # Always: what the log shows is to be made durable, and is not.
        first = next(o[1] for o in restarted() if o[2] == "S" and base().tenant in o[4])
        for number in sorted({first, *sample(numbers(restarted(), mode, base().tenant), 2)}):
            yield named(mode, number, restarted(), base().tenant), lambda number=number, value=value: fault_at(number, value, killed)


#: Of a reservation of keys: a file beside is made, written, synced and renamed, and the directory synced.
RESERVATION = 5


@suite("keys cannot be made durable: none is taken, for a row or a file, until the server is started again")
def reservations():
    place = f"data.keys/tenants/{base().tenant}"
    for mode, value in FAULTS.items():
        for number in range(1, RESERVATION + 1):
            yield f"{mode} at {number}", lambda number=number, value=value: fault_at(number, value, killed, place)


# Making things: an installation, a tenant.


def init_at(number, mode):
    """`steward init` on a disk that fails once: whatever it says is so, and what to do next is to run it again."""
    with Home() as home:
        disk, life = Disk(home.root), home.life()
        life.control.fail(number, mode)
        first = life.command("init", "--tenant", "Acme", "--owner", OWNER)
        not_synced_again(life)
        if first.returncode != 0:
            expect("steward: " in first.stderr and "ing went wrong" not in first.stderr, f"it does not say what to do: {first.stderr}")
        for operation in operations(life.log):
            disk.apply(operation)
        with cut(disk) as after_cut:
            made_or_made_again(after_cut, first)
        made_or_made_again(home, first, disk)


def made_or_made_again(home, first, disk=None):
    """With a disk: what the second try says is so after a power cut, whatever the first left."""
    if first.returncode != 0:
        life = home.life()
        again = life.command("init", "--tenant", "Acme", "--owner", OWNER)
        expect(again.returncode == 0, f"after {first.stderr!r}, once more: {again.stderr}")
        if disk:
            expect_durable(disk, life, "acme")
    works(home, "acme")


def expect_durable(disk, life, *slugs):
    for operation in operations(life.log):
        disk.apply(operation)
    with cut(disk) as after:
        for slug in slugs:
            works(after, slug)


def works(home, slug):
    code, said = audit(home)
    expect(code == 0 and f"{slug}:" in said, f"audit verify: {code} {said}")
    life = home.life()
    expect(life.serve(), f"does not start: {life.said()}")
    try:
        answer = Client(life.url).get(f"/t/{slug}")
        expect(answer.status == 200, f"nobody can sign in: {answer}")
    finally:
        life.kill()


@once
def count_of(verb):
    with Home() as home:
        if verb == "tenant":
            ok(home.life().command("init", "--tenant", "First", "--owner", OWNER))
        life = home.life()
        ok(life.command(*MAKING[verb]))
        return operations(life.log)


MAKING = {"init": ("init", "--tenant", "Acme", "--owner", OWNER),
          "tenant": ("tenant", "create", "--name", "Acme", "--owner", OWNER)}


def some_of(verb, mode):
    """A sample, and the removal of each of SQLite's journals: it goes on after one that failed, otherwise than before."""
    removals = [o[1] for o in count_of(verb) if o[2] == "U" and mode in ("eio", "enospc")]
    return sorted({*sample(numbers(count_of(verb), mode), 2), *removals})


@suite("an operation of `steward init` fails: it says so, and can be run again")
def making():
    for mode, value in FAULTS.items():
        for number in some_of("init", mode):
            yield named(mode, number, count_of("init")), lambda number=number, value=value: init_at(number, value)


def tenant_at(number, mode):
    with Home() as home:
        ok(home.life().command("init", "--tenant", "First", "--owner", OWNER))
        disk, life = Disk(home.root), home.life()
        life.control.fail(number, mode)
        made = life.command(*MAKING["tenant"])
        not_synced_again(life)
        for operation in operations(life.log):
            disk.apply(operation)
        with cut(disk) as after_cut:
            tenant_made_or_again(after_cut, made)
        tenant_made_or_again(home, made, disk)


def tenant_made_or_again(home, made, disk=None):
    if made.returncode != 0:
        expect("steward: " in made.stderr and "ing went wrong" not in made.stderr, f"it does not say what to do: {made.stderr}")
        life = home.life()
        again = life.command(*MAKING["tenant"])
        expect(again.returncode == 0, f"after {made.stderr!r}, once more: {again.stderr}")
        if disk:
            expect_durable(disk, life, "acme", "first")
    works(home, "acme")
    works(home, "first")


@suite("an operation of `steward tenant create` fails: it says so, and can be run again")
def tenants():
    for mode, value in FAULTS.items():
        for number in some_of("tenant", mode):
            yield named(mode, number, count_of("tenant")), lambda number=number, value=value: tenant_at(number, value)


def made_cut_after(verb, place):
    """The power fails while it is made: run again, it is whole."""
    with Home() as home:
        if verb == "tenant":
            ok(home.life().command("init", "--tenant", "First", "--owner", OWNER))
        disk, life = Disk(home.root), home.life()
        ok(life.command(*MAKING[verb]))
        for operation in operations(life.log)[:place]:
            disk.apply(operation)
        with cut(disk) as after:
            again = after.life().command(*MAKING[verb])
            expect(again.returncode == 0, f"once more: {again.stderr}")
            works(after, "acme")


@suite("the power fails while an installation or a tenant is made: it can be made again")
def making_cut():
    for verb in MAKING:
        for place in sample(range(len(count_of(verb))), 4):
            yield f"{verb} after operation {place}", lambda verb=verb, place=place: made_cut_after(verb, place)


# Backups.


class Shelved:
    """The sample installation with one backup on the shelf, and something written since."""

    def __init__(self):
        self.home = base().copy()
        KEPT.append(self.home)
        ok(plain("backup", "create", "--data", self.home.data, "--to", self.home.shelf))
        life = self.home.life()
        expect(life.serve(), life.said())
        manager = life.client(base().tokens["manager"])
        expect(manager.upload(base().place, bytes(200_000), "application/octet-stream", "since.bin").status == 201, "a file")
        life.stop()

    def copy(self):
        return Home(self.home.root)


@once
def shelved():
    return Shelved()


def words_of(verb, home):
    return {"backup": ("backup", "create", "--to", home.shelf),
            "restore": ("restore", "--from", home.shelf, "--data", home.new, "--keys", home.keys)}[verb]


@once
def operations_of(verb):
    with shelved().copy() as home:
        life = home.life()
        ok(life.command(*words_of(verb, home)))
        return operations(life.log)


def shelf_at(verb, number, mode):
    """Whatever the command says is so, also after a power cut; what was there before stays good; and it can be run again."""
    with shelved().copy() as home:
        disk, life = Disk(home.root), home.life()
        life.control.fail(number, mode)
        first = life.command(*words_of(verb, home))
        not_synced_again(life)
        if first.returncode != 0:
            expect("steward: " in first.stderr and "ing went wrong" not in first.stderr, f"it does not say what to do: {first.stderr}")
        for operation in operations(life.log):
            disk.apply(operation)
        with cut(disk) as after:
            done_or_done_again(verb, after, first)
        done_or_done_again(verb, home, first, disk)


def done_or_done_again(verb, home, first, disk=None):
    if first.returncode != 0:
        still_good(home)
        life = home.life()
        again = life.command(*words_of(verb, home))
        expect(again.returncode == 0, f"after {first.stderr!r}, once more: {again.stderr}")
        for operation in operations(life.log) if disk else []:
            disk.apply(operation)
    holds(verb, home)
    if disk:
        with cut(disk) as after:
            holds(verb, after)


def still_good(home):
    verified = plain("backup", "verify", home.shelf)
    expect(verified.returncode == 0, f"the earlier backup: {verified.stdout}{verified.stderr}")


def holds(verb, home):
    verified = plain("backup", "verify", home.shelf, "--data", home.data)
    expect(verified.returncode == 0, f"the backup that was made: {verified.stdout}{verified.stderr}")
    if verb == "restore":
        code, said = audit(home, home.new)
        expect(code == 0 and "acme:" in said, f"what was restored: {code} {said}")


@suite("an operation of a backup or a restore fails: what it says is so, earlier backups stay good, and it can be run again")
def backups():
    for verb in ("backup", "restore"):
        for mode, value in FAULTS.items():
            for number in sample(numbers(operations_of(verb), mode), 2):
                yield f"{verb}: {named(mode, number, operations_of(verb))}", (
                    lambda verb=verb, number=number, value=value: shelf_at(verb, number, value))


# No room, and a clock that jumps.


def disk_full():
    """Writes are refused with a sentence, reads go on, and with room again writes go on without a hand."""
    with base().copy() as home:
        disk, life = Disk(home.root), home.life(base().tenant)
        expect(life.serve(), life.said())
        # A tenant that nobody has opened yet cannot be opened without room.
        expect(life.client(base().tokens["manager"]).get("/v1/vendors?limit=1").status == 200, "reading")
        stories = []
        for round in range(3):
            life.control.full(True)
            refused = play(life, base().tokens, base().place, f"full{round}")
            life.control.full(False)
            for told in refused.told:
                if told.kind == "read":
                    expect(told.status == 200, f"reading on a full disk: {told.status} {told.text}")
                elif told.kind in ("vendor", "import", "person", "token", "file"):
                    expect(told.acknowledged or told.status == 503 and "disk is full" in told.text,
                           f"{told.kind} on a full disk: {told.status} {told.text}")
            expect(any(told.status == 503 for told in refused.told), "the disk was never full: this says nothing")
            accepted = play(life, base().tokens, base().place, f"room{round}")
            for told in accepted.told:
                expect(told.acknowledged, f"{told.kind} with room again: {told.status} {told.text}")
            stories += [refused, accepted]
        life.stop()
        for operation in operations(life.log):
            disk.apply(operation)
        whole = Story([told for story in stories for told in story.told])
        with cut(disk) as after:
            all_is_there(after, whole)
        all_is_there(home, whole)


def start_on_full_disk():
    """A server that is started on a full disk starts or says why; with room again it starts."""
    with base().copy() as home:
        life = home.life()
        life.control.full(True)
        started = life.serve()
        if started:
            answer = life.client(base().tokens["manager"]).get("/v1/vendors?limit=1")
            expect(answer.status in (200, 503), f"reading: {answer}")
            life.stop()
        else:
            expect("disk is full" in life.said().lower(), f"it does not say why: {life.said()}")
        all_is_there(home, Story())


@suite("the disk is full: writes are refused, reads go on, and nothing needs a hand once there is room")
def full():
    yield "three times", disk_full
    yield "from the start", start_on_full_disk


HOUR, YEAR = 3_600, 365 * 86_400
#: As long as the runner sleeps at the most, and a bit.
JOB_SECONDS = 40 * PATIENCE


def clock_jumps():
    """An hour back, then a year ahead and back again: writes go on, the log's times never decrease, credentials do as they say."""
    with base().copy() as home:
        life = home.life(base().tenant)
        expect(life.serve(), life.said())
        stories = []
        for number, seconds in enumerate((0, -HOUR, -HOUR, YEAR, 0, -HOUR)):
            life.control.clock(seconds)
            told = play(life, base().tokens, base().place, f"clock{number}")
            for one in told.told:
                expect(one.acknowledged, f"{one.kind} with the clock at {seconds:+} s: {one.status} {one.text}")
            stories.append(told)
        life.stop()
        whole = Story([told for story in stories for told in story.told])
        expect(sorted(r.index for r in whole.receipts()) == [r.index for r in whole.receipts()], "entries out of order")
        all_is_there(home, whole)


def signed_in(life):
    """The cookie of a new session of the manager."""
    person = next(p for p in base().people if p["role"] == "manager")
    browser = Browser(life.url)
    browser.open("/t/acme")
    browser.submit("password", email=person["email"], password=person["password"])
    return browser


def expect_session(life, browser, wanted, when):
    browser.open("/account")
    expect((browser.answer.status == 200) == wanted, f"{when}: the session's page answers {browser.answer.status}")


def invited(life):
    owner = life.client(base().tokens["owner"])
    answer = owner.post("/v1/people", {"name": "Ivo", "email": "ivo@acme.example", "roles": ["member"]})
    expect(answer.status == 201, answer)
    return "/" + answer.json["setup_link"].split("/", 3)[3]


def sessions_and_clock():
    """A session that a clock's jump made old ends; one that the clock's return made young does not live longer for it."""
    with base().copy() as home:
        life = home.life(base().tenant)
        expect(life.serve(), life.said())
        try:
            expect_session(life, signed_in(life), True, "fresh")
            early = signed_in(life)
            life.control.clock(-HOUR)
            expect_session(life, early, True, "an hour back")
            life.control.clock(YEAR)
            expect_session(life, early, False, "a year ahead")
            expect(life.client(base().tokens["manager"]).get("/v1/me").status == 200, "a token without an end still counts")
            teller = life.client(base().tokens["manager"])
            expect(teller.post("/v1/vendors", {"name": "A year ahead"}).status == 201, "writing a year ahead")
            life.control.clock(0)
            # The record's time stays a year ahead; credentials made now end by the clock.
            late, link = signed_in(life), invited(life)
            expect_session(life, late, True, "back again")
            life.control.clock(13 * HOUR)
            expect_session(life, late, False, "13 hours later")
            expect(Client(life.url).get(link).status == 200, "a set-up link counts for 72 hours")
            life.control.clock(73 * HOUR)
            expect(Client(life.url).get(link).status == 404, "a set-up link ends after 72 hours")
        finally:
            life.stop()


def job_ends(life, when):
    """A job that is asked for now is done soon, whatever the record's time is."""
    manager = life.client(base().tokens["manager"])
    asked = manager.post("/v1/jobs", {"kind": "offboarding.remind"})
    expect(asked.status == 202, f"{when}: asking for a job: {asked}")
    until, state = time.monotonic() + JOB_SECONDS, ""
    while state != "done":
        expect(time.monotonic() < until, f"{when}: the job is {state or 'nowhere'} after {JOB_SECONDS} s")
        time.sleep(0.05)
        state = manager.get(f"/v1/jobs/{asked.json['id']}").json["state"]


def jobs_and_clock():
    """In one process: ahead, back again, and back by an hour more."""
    with base().copy() as home:
        life = home.life(base().tenant)
        expect(life.serve(), life.said())
        try:
            for seconds in (0, YEAR, 0, -HOUR):
                life.control.clock(seconds)
                job_ends(life, f"with the clock at {seconds:+} s")
        finally:
            life.stop()


def restarts_and_clock():
    """Each life has another clock; the doctor says so where the record is ahead of it."""
    with base().copy() as home:
        stories = []
        for number, seconds in enumerate((0, -HOUR, YEAR, 0)):
            life = home.life(base().tenant)
            life.control.clock(seconds)
            expect(life.serve(), f"does not start with the clock at {seconds:+} s: {life.said()}")
            when = f"started with the clock at {seconds:+} s"
            told = play(life, base().tokens, base().place, f"life{number}")
            for one in told.told:
                expect(one.acknowledged, f"{when}: {one.kind}: {one.status} {one.text}")
            stories.append(told)
            job_ends(life, when)
            expect_session(life, signed_in(life), True, when)
            life.kill() if number % 2 else life.stop()
            doctor = home.life()
            doctor.control.clock(seconds)
            said = doctor.command("doctor").stdout
            is_behind = number in (1, 3)
            expect(("behind the last entry" in said) == is_behind, f"{when}, the doctor: {said}")
        all_is_there(home, Story([told for story in stories for told in story.told]))


@suite("the clock jumps back an hour and ahead a year: writes and jobs go on, times never decrease, and the doctor says so")
def clock():
    yield "writes", clock_jumps
    yield "sessions", sessions_and_clock
    yield "jobs", jobs_and_clock
    yield "restarts", restarts_and_clock
