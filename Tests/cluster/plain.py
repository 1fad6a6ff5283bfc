"""PostgreSQL by itself, without Steward: writers put numbers into a table through haproxy, by plain psql, while nodes die.

This shows that the cluster keeps what it acknowledges, so that a loss in the other scenarios is Steward's, and how long
writes wait. It also pins what PostgreSQL does at the edges that Steward's engine is built around."""

import itertools
import signal
import subprocess
import threading
import time

from expect import expect, expect_equal, scenario
from cluster import NAME, Cluster

WRITERS = 8


class Lost(Exception):
    """The connection ended: what was asked last may have happened or not."""


class Session:
    """One psql that stays open, as one connection of a pool does. The words of warnings begin with their SQLSTATE."""

    def __init__(self, cluster, role="steward_app", url=None):
        self.process = subprocess.Popen(
            ["psql", "-X", "-q", "-A", "-t", "-v", "VERBOSITY=sqlstate", url or cluster.url(role)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=cluster.environment(role))

    def ask(self, statement):
        """Every line of the answer, warnings and errors among them."""
        try:
            self.process.stdin.write(f"{statement};\n\\echo .\n")
            self.process.stdin.flush()
        except OSError as problem:
            raise Lost() from problem
        lines = []
        for line in self.process.stdout:
            if line.strip() == ".":
                return lines
            lines.append(line.strip())
        raise Lost("\n".join(lines))

    def cancel(self):
        """What Ctrl-C does: asks the server to cancel what runs."""
        self.process.send_signal(signal.SIGINT)

    def close(self):
        self.process.kill()
        self.process.communicate()


class Writer(threading.Thread):
    """Writes one number after the other. `acknowledged` holds each that was answered without a warning, and when."""

    def __init__(self, cluster, number, url=None):
        super().__init__(daemon=True)
        self.cluster, self.number, self.url = cluster, number, url
        self.acknowledged, self.warned, self.ended = {}, [], threading.Event()

    def run(self):
        session = None
        for number in itertools.count():
            if self.ended.is_set():
                break
            try:
                session = session or Session(self.cluster, url=self.url)
                answer = session.ask(f"INSERT INTO numbers.written VALUES ({self.number}, {number}) RETURNING number")
                if answer == [str(number)]:
                    self.acknowledged[number] = time.monotonic()
                elif any(line.startswith("WARNING") for line in answer):
                    self.warned.append(number)
            except Lost:
                session.close()
                session = None
                time.sleep(0.1)
        if session:
            session.close()


class Load:
    """Writers in a table of their own, from now until the end of the block; then nothing acknowledged may be missing."""

    def __init__(self, cluster, url=None):
        self.cluster, self.url = cluster, url

    def __enter__(self):
        self.cluster.sql(
            "DROP SCHEMA IF EXISTS numbers CASCADE; CREATE SCHEMA numbers; GRANT USAGE ON SCHEMA numbers TO steward_app; "
            "CREATE TABLE numbers.written (writer int, number int); GRANT SELECT, INSERT ON numbers.written TO steward_app")
        self.writers = [Writer(self.cluster, number, self.url) for number in range(WRITERS)]
        for writer in self.writers:
            writer.start()
        self.wait_for_writes()
        return self

    def __exit__(self, kind, *_):
        for writer in self.writers:
            writer.ended.set()
        for writer in self.writers:
            writer.join(30)
        if kind is None:
            self.nothing_is_lost()

    def total(self):
        return sum(len(writer.acknowledged) for writer in self.writers)

    def wait_for_writes(self, seconds=60):
        """Every writer gets through once more."""
        since = time.monotonic()
        self.cluster.wait("writes", lambda: all(
            max(writer.acknowledged.values(), default=0) > since for writer in self.writers), seconds)

    def longest_silence(self):
        """Seconds in which nothing at all was acknowledged."""
        times = sorted(moment for writer in self.writers for moment in writer.acknowledged.values())
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0)

    def nothing_is_lost(self):
        rows = self.cluster.sql("SELECT writer, number FROM numbers.written").split()
        expect_equal(len(rows), len(set(rows)), "numbers written once")
        for writer in self.writers:
            lost = [number for number in writer.acknowledged if f"{writer.number}|{number}" not in set(rows)]
            expect(not lost, f"writer {writer.number} lost {len(lost)} acknowledged numbers: {lost[:5]}")
        expect(self.total() > 100, f"only {self.total()} numbers were acknowledged: this says little")


@scenario("numbers: a killed leader loses nothing that was acknowledged, and writes resume by themselves")
def killed_leader():
    with Cluster() as cluster:
        with Load(cluster) as load:
            killed = cluster.kill_leader()
            cluster.wait_for_leader(other_than=killed)
            load.wait_for_writes()
            say(f"{load.total()} acknowledged, none for {load.longest_silence():.1f} s")
        cluster.rejoin(killed)
        cluster.wait_until_whole()
        with Load(cluster, url=cluster.every_node_url()) as load:
            killed = cluster.kill_leader()
            load.wait_for_writes()
            say(f"several hosts in the URL: {load.total()} acknowledged, none for {load.longest_silence():.1f} s")


@scenario("numbers: a leader that stands still is replaced, and what it shows when it wakes up was never acknowledged")
def paused_leader():
    with Cluster() as cluster:
        with Load(cluster) as load:
            paused = cluster.leader()
            paused.pause()
            cluster.wait_for_leader(other_than=paused)
            load.wait_for_writes()
            say(f"{load.total()} acknowledged, none for {load.longest_silence():.1f} s")
            paused.resume()
            cluster.wait_until_whole()
            expect(cluster.leader() is not paused, "the old leader took the lead back")
            load.wait_for_writes()


@scenario("numbers: a leader whose Patroni is killed loses its clients, and nothing that it took alone was acknowledged")
def killed_patroni():
    with Cluster() as cluster:
        with Load(cluster) as load:
            alone = cluster.leader()
            direct = Writer(cluster, WRITERS, cluster.url(ports=[alone.port]))
            load.writers.append(direct)
            direct.start()
            load.wait_for_writes()
            alone.kill_patroni()
            cluster.wait_for_leader(other_than=alone)
            load.writers.remove(direct)
            load.wait_for_writes()
            say(f"{load.total()} acknowledged, none for {load.longest_silence():.1f} s")
            cluster.rejoin(alone)
            cluster.wait_until_whole()
            direct.ended.set()
            load.writers.append(direct)


@scenario("numbers: a killed postgres, a killed standby and a standby that stands still lose nothing")
def smaller_deaths():
    with Cluster() as cluster:
        for what, deed in (("postgres of the leader killed", lambda: cluster.leader().kill_postgres()),
                           ("synchronous standby killed", lambda: killed.append(cluster.kill_standby())),
                           ("synchronous standby paused", lambda: paused.append(cluster.pause_standby()))):
            killed, paused = [], []
            with Load(cluster) as load:
                deed()
                time.sleep(3)
                load.wait_for_writes()
            say(f"{what}: {load.total()} acknowledged, none for {load.longest_silence():.1f} s")
            for node in killed:
                cluster.rejoin(node)
            for node in paused:
                node.resume()
            cluster.wait_until_whole()


@scenario("numbers: without any standby a commit waits; cancelled, it warns and says COMMIT; killed, it says nothing")
def warnings():
    with Cluster(nodes=2) as cluster:
        cluster.sql("CREATE SCHEMA numbers; GRANT USAGE ON SCHEMA numbers TO steward_app; CREATE TABLE numbers.written (number int); "
                    "INSERT INTO numbers.written VALUES (1); GRANT SELECT, INSERT, UPDATE ON numbers.written TO steward_app")
        standby = cluster.pause_standby()
        cancelled = asked_in_vain(cluster, "INSERT INTO numbers.written VALUES (2) RETURNING 2", "pg_cancel_backend")
        expect_equal(cancelled, ["WARNING:  01000", "2"], "a cancelled wait for the standby")
        ended = asked_in_vain(cluster, "INSERT INTO numbers.written VALUES (3) RETURNING 3", "pg_terminate_backend")
        expect_equal(ended[0], "WARNING:  57P01", "a wait for the standby that was ended")
        expect("3" not in ended, "an ended wait was answered as a success")
        # Both are visible, though no standby has them: whoever looks for his own row must not take that for an answer…
        seen = cluster.sql("SELECT number FROM numbers.written ORDER BY 1", role="steward_app").split()
        expect_equal(seen, ["1", "2", "3"], "what is seen")
        # …unless he locks a row: that is written to the log, behind them, and its commit waits as theirs did.
        settling = "BEGIN; SELECT number FROM numbers.written WHERE number = 1 FOR UPDATE; COMMIT"
        expect_equal(asked_in_vain(cluster, settling, "pg_cancel_backend"), ["1", "WARNING:  01000"], "a locked row")
        standby.resume()
        cluster.wait_until_whole()
        session = Session(cluster)
        expect_equal(session.ask(settling), ["1"], "a locked row, with a standby")
        session.close()


def asked_in_vain(cluster, statement, ending):
    """What a client is told whose commit waits for a standby that does not answer, when `ending` is done to it."""
    session, said = Session(cluster), []

    def ask():
        try:
            said.extend(session.ask(statement))
        except Lost as lost:
            said.extend(str(lost).splitlines())

    asking = threading.Thread(target=ask)
    asking.start()
    cluster.wait("a commit that waits", lambda: cluster.waiting_commits(), 20)
    cluster.sql(f"SELECT {ending}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    asking.join(20)
    session.close()
    return said


#: What the application role must not do, by the statement that it would take.
FORBIDDEN = """
CREATE TABLE steward.mine (x int)
CREATE TABLE public.mine (x int)
CREATE TEMP TABLE mine (x int)
CREATE SCHEMA mine
CREATE ROLE mine
TRUNCATE steward.example
DROP TABLE steward.example
ALTER TABLE steward.example ADD z int
ALTER TABLE steward.example DISABLE TRIGGER ALL
CREATE TRIGGER t BEFORE INSERT ON steward.example EXECUTE FUNCTION suppress_redundant_updates_trigger()
SET ROLE steward_owner
SET session_replication_role = replica
COPY steward.example TO PROGRAM 'cat'
""".strip().splitlines()


@scenario("roles: the application role reads and writes rows and can do nothing else; both roles need TLS and a password")
def roles():
    with Cluster(nodes=2) as cluster:
        cluster.sql(cluster.packaged("roles.sql"), database="postgres")  # A second time changes nothing and refuses nothing.
        cluster.sql("CREATE SCHEMA steward; GRANT USAGE ON SCHEMA steward TO steward_app; CREATE TABLE steward.example (body text); "
                    "GRANT SELECT, INSERT, UPDATE, DELETE ON steward.example TO steward_app", role="steward_owner")
        cluster.sql("INSERT INTO steward.example VALUES ('x'); UPDATE steward.example SET body = 'y'; DELETE FROM steward.example",
                    role="steward_app")
        for statement in FORBIDDEN:
            refusal = failure(lambda: cluster.sql(statement, role="steward_app"))
            words = ("permission denied", "must be owner", "must be superuser")
            expect(any(word in refusal for word in words), f"{statement}: {refusal or 'was done'}")
        is_kept_out(cluster, "no encryption", cluster.url(sslmode="disable", channel_binding="disable"))
        is_kept_out(cluster, "password authentication failed", cluster.url(), password="steward_owner")
        is_kept_out(cluster, "no pg_hba.conf entry", cluster.url(database="postgres"))
        is_kept_out(cluster, "does not match host name", cluster.url().replace(NAME, "another.steward.internal"))


def is_kept_out(cluster, words, url, password="steward_app"):
    """Whoever connects like this, with the password of that role, is refused with these words."""
    refusal = failure(lambda: cluster.psql("SELECT 1", password, url))
    expect(words in refusal, f"wanted {words!r}, saw {refusal or 'no refusal'!r}")


def failure(deed):
    """The words with which it is refused, empty if it is not."""
    try:
        deed()
    except AssertionError as refused:
        return str(refused)
    return ""


def say(sentence):
    print(f"       {sentence}", flush=True)
