"""Two Steward servers on one cluster, under load, while its leader dies again and again.

What was answered as a success is there afterwards, once; everything in between was a success or a clear 503."""

from collections import Counter, namedtuple
import random
import sys
import threading
import time

from expect import expect, expect_equal, expect_status, scenario
from steward import Client, Demo, START_SECONDS, run, STEWARD
from cluster import Cluster

LONG = "--long" in sys.argv
KILLS = 30 if LONG else 1
WRITERS = 64 if LONG else 16
#: One writer in so many changes a vendor of its own; the others create new ones.
CHANGERS_EVERY = 8


class Server(Demo):
    """One of several on the same data directory and the same database."""

    def __init__(self, home, number, *options):
        super().__init__(home=home, options=options)
        self.log = self.home / f"server-{number}.log"

    def wait_until_ready(self):
        """A first start makes every table and writes the sample data, and each commit waits for two machines."""
        deadline = time.monotonic() + 4 * START_SECONDS
        while time.monotonic() < deadline:
            try:
                return super().wait_until_ready()
            except AssertionError:
                if self.process.poll() is not None:
                    raise


class Servers:
    """Two servers behind haproxy, or looking for the leader themselves."""

    def __init__(self, cluster, through_proxy=True):
        home = cluster.home / "steward"
        home.mkdir()
        place = cluster.url if through_proxy else cluster.every_node_url
        urls = [place(role, passfile=cluster.passfile()) for role in ("steward_app", "steward_owner")]
        self.cluster, self.url = cluster, urls[0]
        self.first = Server(home, 1, "--database", urls[0], "--database-owner", urls[1])
        self.second = Server(home, 2, "--database", urls[0])

    def __enter__(self):
        try:
            self.first.start()
            self.second.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in (self.first, self.second):
            if server.process and server.process.poll() is None:
                server.kill()

    @property
    def both(self):
        return (self.first, self.second)

    def client(self, index=0):
        return Client(self.both[index].url, self.first.person("manager")["token"])

    def problems(self):
        """What the servers logged above the ordinary, without repetitions."""
        lines = [line for server in self.both for line in server.log.read_text(errors="replace").splitlines() if "level=error" in line]
        return "\n".join(list(dict.fromkeys(line.split(" ", 1)[-1] for line in lines))[:20])

    def verify(self):
        verdict = run(STEWARD, "audit", "verify", "--data", self.first.data)
        expect_equal(verdict.returncode, 0, f"steward audit verify: {verdict.stdout}{verdict.stderr}")


#: A write that was answered with a success: when it was sent and answered, what it made and under which name.
Written = namedtuple("Written", "sent answered key name")


class Writer(threading.Thread):
    """Sends one write after the other and never the same twice. What was answered stands in `acknowledged`, `refused` and `wrong`."""

    def __init__(self, client, number, target=None):
        super().__init__(daemon=True)
        self.client, self.number, self.target = client, number, target
        self.acknowledged, self.refused, self.wrong, self.unanswered = [], [], [], 0
        self.ended = threading.Event()

    def run(self):
        count = 0
        while not self.ended.is_set():
            count += 1
            name = f"Cluster {self.number}-{count}-{random.randrange(1 << 40):x}"
            sent = time.monotonic()
            try:
                self.note(sent, name, self.write(name))
            except OSError:
                self.unanswered += 1
            except Exception as problem:
                self.wrong.append(repr(problem))

    def write(self, name):
        if self.target:
            return self.client.patch(f"/v1/vendors/{self.target}", {"name": name})
        return self.client.post("/v1/vendors", {"name": name})

    def note(self, sent, name, answer):
        if 200 <= answer.status < 300 and answer.receipt:
            self.acknowledged.append(Written(sent, time.monotonic(), answer.json["id"], name))
        elif answer.status == 503 and answer.headers.get("retry-after") and answer.json["status"] == 503:
            self.refused.append(answer.json["title"] + ": " + answer.json.get("detail", ""))
            time.sleep(0.2)
        else:
            self.wrong.append(str(answer))


class Load:
    """Writers on both servers, from now until the end of the block. Then everything that was acknowledged is looked for, on both."""

    def __init__(self, servers, writers=WRITERS):
        self.servers, self.writers, self.count = servers, [], writers

    def __enter__(self):
        owners = self.servers.client()
        for number in range(self.count):
            changes = number % CHANGERS_EVERY == 0
            target = expect_status(owners.post("/v1/vendors", {"name": f"Changed {number}"}), 201).json["id"] if changes else None
            self.writers.append(Writer(self.servers.client(number % 2), number, target))
        for writer in self.writers:
            writer.start()
        self.wait_for_writes()
        return self

    def __exit__(self, kind, *_):
        for writer in self.writers:
            writer.ended.set()
        for writer in self.writers:
            writer.join(60)
        if kind is None:
            self.nothing_is_lost()

    def total(self):
        return sum(len(writer.acknowledged) for writer in self.writers)

    def refusals(self):
        return Counter(sentence for writer in self.writers for sentence in writer.refused)

    def first_after(self, moment):
        """Seconds until the first success of what was sent later."""
        return min(write.answered for writer in self.writers for write in writer.acknowledged if write.sent > moment) - moment

    def wait_for_writes(self, seconds=120):
        """Each server acknowledges something that was sent after now."""
        since = time.monotonic()

        def both_write():
            return all(any(writer.acknowledged and writer.acknowledged[-1].sent > since for writer in self.writers[side::2]) for side in (0, 1))
        self.servers.cluster.wait("writes through both servers", both_write, seconds)

    def nothing_is_lost(self):
        wrong = [sentence for writer in self.writers for sentence in writer.wrong]
        expect(not wrong, f"{len(wrong)} answers were neither a success nor a clear refusal, such as {wrong[:2]}\n{self.servers.problems()}")
        seen = [{vendor["id"]: vendor["name"] for vendor in self.servers.client(side).items("/v1/vendors")} for side in (0, 1)]
        expect_equal(seen[0], seen[1], "what the two servers show")
        twice = [name for name, count in Counter(seen[0].values()).items() if count > 1 and name.startswith("Cluster ")]
        expect(not twice, f"written twice: {twice[:3]}")
        for writer in self.writers:
            self.nothing_of_his_is_lost(writer, seen[0])
        self.servers.verify()

    def nothing_of_his_is_lost(self, writer, vendors):
        lost = [write.key for write in writer.acknowledged if vendors.get(write.key) != write.name and not writer.target]
        expect(not lost, f"writer {writer.number} lost {len(lost)} of {len(writer.acknowledged)} acknowledged vendors: {lost[:3]}")
        if writer.target and writer.acknowledged:
            last = writer.acknowledged[-1].name
            tried_later = int(vendors[writer.target].split("-")[1]) >= int(last.split("-")[1])
            expect(tried_later, f"{vendors[writer.target]} is older than the acknowledged {last}")


@scenario(f"leader killed {KILLS} times under {WRITERS} writers on two servers: no acknowledged write lost, none doubled, writes resume")
def killed_leaders():
    with Cluster() as cluster, Servers(cluster) as servers:
        for kill in range(KILLS):
            if kill > 0:
                cluster.rejoin(killed)
                cluster.wait_until_whole()
            with Load(servers) as load:
                killed, moment = cluster.kill_leader(), time.monotonic()
                load.wait_for_writes()
            refused = sum(load.refusals().values())
            say(f"{load.total()} acknowledged, {refused} refused, first success {load.first_after(moment):.1f} s after the kill")


def say(sentence):
    print(f"       {sentence}", flush=True)
