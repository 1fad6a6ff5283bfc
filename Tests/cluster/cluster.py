"""PostgreSQL as `docs/operations/postgresql.md` has it run: Patroni, etcd and haproxy, with the files of `Packaging/postgresql`.

Everything lies in a temporary directory and listens on loopback, on free ports. The files are taken as they are; only addresses,
places, passwords and three time-outs are put in, so that what an operator copies is what was tested. Standard library only."""

import http.client
import os
from pathlib import Path
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PACKAGING = Path(__file__).resolve().parent.parent.parent / "Packaging" / "postgresql"
BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql"))
PROGRAMS = ("patroni", "etcd", "haproxy", "openssl", "setpriv")

#: The names and addresses of the nodes in the packaged files.
NAMES = ("one", "two", "three")
ADDRESSES = {name: f"10.0.0.{11 + index}" for index, name in enumerate(NAMES)}
#: The name under which Steward's machines know the database: it stands in the certificates, and nothing resolves it.
NAME = "db.steward.internal"
#: What a test cannot wait for: a leader that is silent for `ttl` seconds is replaced.
TIMES = {"ttl: 20": "ttl: 10", "loop_wait: 5": "loop_wait: 2", "retry_timeout: 7": "retry_timeout: 3"}
#: A first start writes and syncs some thousand files, and a neighbour may keep the disk busy.
START_SECONDS = 180


def missing():
    """What has to be installed before a cluster can be started."""
    return [name for name in PROGRAMS if not shutil.which(name)] + ([] if (BINARIES / "initdb").exists() else ["postgresql"])


class Node:
    """One PostgreSQL server with its Patroni."""

    def __init__(self, cluster, name):
        self.cluster, self.name, self.process = cluster, name, None
        self.port, self.rest = cluster.free_port(), cluster.free_port()
        self.home = cluster.home / name
        self.data, self.log = self.home / "data", self.home / "patroni.log"

    def start(self):
        with self.log.open("ab") as log:
            self.process = self.cluster.spawn(["patroni", self.home / "patroni.yml"], log)

    def start_again(self):
        """As its unit does: Patroni ends by itself if etcd does not answer when it starts. One that a signal ended stays dead."""
        if self.process.poll() is not None and self.process.returncode >= 0:
            self.start()

    def postmaster(self):
        """The process id of this node's postgres, or None."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            return None
        return pid if str(self.data).encode() in command else None

    def everyone(self):
        """Patroni, postgres and each of its backends: what a machine takes along when it dies."""
        postmaster = self.postmaster()
        backends = children(postmaster) if postmaster else []
        patroni = [self.process.pid] + children(self.process.pid) if self.process and self.process.poll() is None else []
        return list(dict.fromkeys(patroni + ([postmaster] if postmaster else []) + backends))

    def signal_all(self, number):
        for pid in self.everyone():
            signal_one(pid, number)

    def kill(self):
        """As if the power had gone: nothing is told, nothing is flushed."""
        self.signal_all(signal.SIGKILL)
        self.process.wait()
        # What a backend of a dead postmaster holds on to (shared memory, ports) is gone when it is.
        deadline = time.monotonic() + 10
        while self.postmaster() and time.monotonic() < deadline:
            time.sleep(0.01)

    def kill_postgres(self):
        signal_one(self.postmaster(), signal.SIGKILL)

    def kill_patroni(self):
        """PostgreSQL goes on alone and believes that it leads."""
        self.process.kill()
        self.process.wait()

    def pause(self):
        """As if the network or the machine stood still: connections stay open, nobody answers."""
        self.signal_all(signal.SIGSTOP)

    def resume(self):
        self.signal_all(signal.SIGCONT)

    def says(self, path):
        """The status with which Patroni answers, or None if it does not."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rest, timeout=1)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return None, b""
        finally:
            connection.close()

    def leads(self):
        return self.says("/primary")[0] == 200

    def is_synchronous(self):
        return self.says("/synchronous")[0] == 200

    def tail(self):
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""


class Cluster:
    """A cluster of two or three nodes with one etcd and one haproxy. `with Cluster() as cluster: …` removes everything at the end."""

    def __init__(self, nodes=3):
        lacking = missing()
        if lacking:
            raise AssertionError(f"not installed: {', '.join(lacking)}")
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.home = Path(tempfile.mkdtemp(prefix="steward-cluster-"))
        self.ports = set()
        self.proxy_port, self.etcd_port, self.etcd_peer = self.free_port(), self.free_port(), self.free_port()
        self.passwords = {role: secrets.token_urlsafe(18) for role in (
            "postgres", "replicator", "rewinder", "patroni", "steward_owner", "steward_app")}
        self.nodes = [Node(self, name) for name in NAMES[:nodes]]
        self.services = []

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    # Starting

    def start(self):
        self.make_certificates()
        for node in self.nodes:
            node.home.mkdir()
            self.write(node.home / "patroni.yml", self.patroni_file(node))
        self.write(self.home / "haproxy.cfg", self.proxy_file())
        self.own(self.home)
        self.services = [self.start_etcd(), self.start_proxy()]
        for node in self.nodes:
            node.start()
        self.wait_for_leader()
        self.wait_until_synchronous()
        self.make_roles()
        return self

    def start_etcd(self):
        """One member of the packaged three: what is tested here is not etcd."""
        three = ",".join(f"{name}=http://{address}:2380" for name, address in ADDRESSES.items())
        settings = replaced(self.packaged("etcd"), {
            f"ETCD_INITIAL_CLUSTER={three}": "ETCD_INITIAL_CLUSTER=one=http://10.0.0.11:2380",
            "/var/lib/etcd/steward": str(self.home / "etcd"), "10.0.0.11:2379": f"127.0.0.1:{self.etcd_port}", "10.0.0.11:2380": f"127.0.0.1:{self.etcd_peer}"})
        variables = dict(line.split("=", 1) for line in settings.splitlines() if line.startswith("ETCD_"))
        with (self.home / "etcd.log").open("ab") as log:
            process = self.spawn(["etcd"], log, **variables)
        self.wait("etcd listens", lambda: listens(self.etcd_port), 20)
        return process

    def start_proxy(self):
        with (self.home / "haproxy.log").open("ab") as log:
            process = self.spawn(["haproxy", "-db", "-f", self.home / "haproxy.cfg"], log)
        self.wait("haproxy listens", lambda: listens(self.proxy_port), 20)
        return process

    def make_certificates(self):
        """An authority and one certificate, with which all nodes are reached."""
        authority, key = self.home / "ca.pem", self.home / "ca.key"
        openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        quietly([*openssl, "-subj", "/CN=Cluster CA", "-keyout", key, "-out", authority])
        self.sign_certificate(authority, key)
        (self.home / "server.key").chmod(0o600)

    def sign_certificate(self, authority, key):
        request = self.home / "server.csr"
        quietly(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={NAME}",
                 "-keyout", self.home / "server.key", "-out", request])
        extensions = self.home / "server.ext"
        extensions.write_text(f"subjectAltName=DNS:{NAME},IP:127.0.0.1\n")
        quietly(["openssl", "x509", "-req", "-in", request, "-CA", authority, "-CAkey", key, "-CAcreateserial", "-days", "2",
                 "-extfile", extensions, "-out", self.home / "server.pem"])

    def patroni_file(self, node):
        """The packaged file as `node` would have it."""
        etcd = ", ".join(f"{address}:2379" for address in ADDRESSES.values())
        secrets_by_place = dict(zip(("CHANGE-ME-1", "CHANGE-ME-2", "CHANGE-ME-3", "CHANGE-ME-4"), self.passwords.values()))
        places = {
            f"hosts: [{etcd}]": f"hosts: [127.0.0.1:{self.etcd_port}]", "name: one": f"name: {node.name}",
            "10.0.0.11:8008": f"127.0.0.1:{node.rest}", "10.0.0.11:5432": f"127.0.0.1:{node.port}", "10.0.0.0/24": "127.0.0.0/8",
            "/var/lib/postgresql/15/steward": str(node.data), "/usr/lib/postgresql/15/bin": str(BINARIES),
            "/var/lib/postgresql/patroni.pgpass": str(node.home / "pgpass"), "/var/run/postgresql": str(node.home),
            "/etc/patroni/": f"{self.home}/", "wal_keep_size: 1GB": "wal_keep_size: 64MB", **secrets_by_place, **TIMES}
        return replaced(self.packaged("patroni.yml"), places)

    def proxy_file(self):
        places = {"bind 127.0.0.1:5432": f"bind 127.0.0.1:{self.proxy_port}"}
        for name, address in ADDRESSES.items():
            line = f"server {name} {address}:5432 check port 8008"
            node = next((node for node in self.nodes if node.name == name), None)
            places[line] = f"server {name} 127.0.0.1:{node.port} check port {node.rest}" if node else ""
        return replaced(self.packaged("haproxy.cfg"), places)

    def packaged(self, name):
        return (PACKAGING / name).read_text()

    def make_roles(self):
        """What the packaged `roles.sql` says, through the leader, and the passwords that a person would type."""
        self.sql(self.packaged("roles.sql"), database="postgres")
        for role in ("steward_owner", "steward_app"):
            self.sql(f"ALTER ROLE {role} PASSWORD '{self.passwords[role]}'", database="postgres")

    # Looking

    def leader(self):
        """The node that leads, or None while there is none."""
        return next((node for node in self.nodes if node.leads()), None)

    def standbys(self):
        leader = self.leader()
        return [node for node in self.nodes if node is not leader]

    def synchronous_standby(self):
        return next((node for node in self.nodes if node.is_synchronous()), None)

    def wait_for_leader(self, other_than=None, seconds=START_SECONDS):
        """Waits until somebody else leads and haproxy knows, and returns it."""
        def found():
            leader = self.leader()
            return leader if leader and leader is not other_than and self.proxy_reaches(leader) else None
        return self.wait("a leader through haproxy", found, seconds)

    def proxy_reaches(self, node):
        asked = self.try_sql("SELECT inet_server_port(), pg_is_in_recovery()", seconds=3)
        return asked is not None and asked.strip() == f"{node.port}|f"

    def wait_until_synchronous(self, seconds=START_SECONDS):
        return self.wait("a synchronous standby", self.synchronous_standby, seconds)

    def wait_until_whole(self, seconds=START_SECONDS):
        """Waits until every node runs and one is synchronous: killing the leader again then loses nothing."""
        def whole():
            for node in self.nodes:
                node.start_again()
            leader = self.leader()
            return leader and self.synchronous_standby() and all(node.says("/health")[0] == 200 for node in self.nodes) and all(
                node is leader or node.says("/replica")[0] == 200 for node in self.nodes)
        self.wait("every node", whole, seconds)

    def wait(self, what, condition, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"waited {seconds} s for {what}\n{self.logs()}")

    def logs(self):
        """What each node answers, and the end of what it logged."""
        asked = ("/primary", "/synchronous", "/replica", "/health")
        return "\n".join(f"-- {node.name}: {[node.says(path)[0] for path in asked]}\n{node.tail()}" for node in self.nodes)

    # Killing and coming back

    def kill_leader(self):
        leader = self.leader()
        leader.kill()
        return leader

    def kill_standby(self):
        standby = self.synchronous_standby()
        standby.kill()
        return standby

    def pause_standby(self):
        standby = self.synchronous_standby()
        standby.pause()
        return standby

    def rejoin(self, node):
        """Starts a killed node again; Patroni rewinds it, or takes a fresh copy, and it follows the new leader."""
        node.start()

    # SQL

    def url(self, role="steward_app", database="steward", ports=None, **options):
        """Through haproxy unless `ports` names nodes. The password is not in it."""
        ports = ports or [self.proxy_port]
        places = ",".join(f"{NAME}:{port}" for port in ports)
        options = {"hostaddr": ",".join(["127.0.0.1"] * len(ports)), "sslmode": "verify-full", "sslrootcert": self.home / "ca.pem",
                   "channel_binding": "require", **options}
        return f"postgres://{role}@{places}/{database}?" + "&".join(f"{key}={value}" for key, value in options.items())

    def every_node_url(self, role="steward_app", database="steward", **options):
        """All nodes at once, for a client that looks for the leader itself."""
        return self.url(role, database, [node.port for node in self.nodes], target_session_attrs="read-write", **options)

    def passfile(self):
        """Where libpq finds the passwords of both roles, for this user alone."""
        path = self.home / "passwords"
        self.write(path, "".join(f"*:*:steward:{role}:{self.passwords[role]}\n" for role in ("steward_owner", "steward_app")))
        return path

    def environment(self, role):
        return {**os.environ, "PGPASSWORD": self.passwords[role], "PGCONNECT_TIMEOUT": "2"}

    def sql(self, text, role="postgres", database="steward", seconds=30):
        """What `psql` prints for it; an error is raised."""
        return self.psql(text, role, self.url(role, database), seconds)

    def psql(self, text, role, url, seconds=30):
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", url], input=text, text=True,
            capture_output=True, timeout=seconds, env=self.environment(role))
        if done.returncode:
            raise AssertionError(f"psql: {done.stderr.strip()}")
        return done.stdout

    def try_sql(self, text, **options):
        try:
            return self.sql(text, **{"database": "postgres", **options})
        except (AssertionError, subprocess.TimeoutExpired):
            return None

    def waiting_commits(self):
        """How many sessions of the leader wait for a standby."""
        return int(self.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))

    # Ending

    def stop(self):
        """Ends everything, hard: nothing of it is wanted any more."""
        for node in self.nodes:
            node.signal_all(signal.SIGKILL)
        for process in self.services + [node.process for node in self.nodes if node.process]:
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    # Processes, files and ports

    def spawn(self, command, log, **variables):
        """Runs it as a user that postgres accepts, and never longer than the calling thread: a killed test leaves nothing running."""
        identity = ["--reuid", self.user, "--regid", self.user, "--init-groups"] if os.geteuid() == 0 else []
        environment = {"PATH": os.environ.get("PATH", "") + ":/usr/sbin", "HOME": str(self.home), "LANG": "C.UTF-8", **variables}
        return subprocess.Popen(
            ["setpriv", *identity, "--pdeathsig", "TERM", "--", *map(str, command)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            cwd=self.home, env=environment, start_new_session=True)

    def write(self, path, text):
        path.write_text(text)
        path.chmod(0o600)

    def own(self, place):
        if os.geteuid() == 0:
            for path in (place, *place.rglob("*")):
                shutil.chown(path, self.user, self.user)

    def free_port(self):
        """Free now, and given out once."""
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            if port not in self.ports:
                self.ports.add(port)
                return port


def replaced(text, places):
    """Every key must be there: a packaged file that changes its words would otherwise be tested with an operator's addresses."""
    for old, new in places.items():
        if old not in text:
            raise AssertionError(f"the packaged file does not say {old!r}")
        text = text.replace(old, new)
    return text


def children(pid):
    """The processes below `pid`, at any depth."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        direct = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return direct + [grandchild for child in direct for grandchild in children(child)]


def signal_one(pid, number):
    try:
        if pid:
            os.kill(pid, number)
    except ProcessLookupError:
        pass


def listens(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def quietly(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{command[0]}: {done.stderr}")
