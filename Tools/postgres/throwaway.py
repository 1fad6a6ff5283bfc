"""A PostgreSQL for tests: in a temporary directory, on a free loopback port, with real syncs, gone at the end.

Runs as the caller, or, because PostgreSQL refuses root, as `postgres` or `nobody`. Roles: `steward_test` (superuser: databases and
roles are made with it), `steward_owner`, `steward_app`; all three with one password, made for this server, and hashed the cheap way:
tests connect a thousand times. The data is on the disk and synced as in production, so that a test may kill it."""

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

BINARIES = "/usr/lib/postgresql"
ROLES = ("steward_owner", "steward_app")
#: Small, since several may run beside a build; durable, since what a crash leaves is what tests look at.
SETTINGS = {
    "listen_addresses": "127.0.0.1", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_connections": "600",
    "shared_buffers": "64MB", "max_prepared_transactions": "0", "wal_level": "replica", "max_wal_senders": "4",
    "password_encryption": "md5", "log_min_messages": "warning", "log_line_prefix": "%m [%p] ", "logging_collector": "off",
    "autovacuum_naptime": "60s", "max_wal_size": "1GB",
}


class NotStarted(Exception):
    """The message says what to do."""


def newest_binaries():
    """Debian keeps one directory for each major version."""
    found = sorted((p for p in Path(BINARIES).glob("*/bin") if (p / "postgres").exists()), key=lambda p: float(p.parent.name))
    if found:
        return found[-1]
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).parent
    raise NotStarted("PostgreSQL is not installed: apt-get install postgresql")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def unprivileged():
    """(uid, gid) to run as, or None to stay who we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
        except KeyError:
            continue
    raise NotStarted("PostgreSQL refuses to run as root and there is neither a user postgres nor nobody")


def die_with_parent():
    """A server outlives neither the tests nor whoever killed them (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGINT)


def children(pid):
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # proc(5): the parent is the second field behind the name, which is in brackets.
            if int(status.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(status.parent.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


def kill_all(pid):
    """The process and its children, which are waited for: one that is left keeps the next server from starting."""
    family = children(pid)
    for member in [pid, *family]:
        try:
            os.kill(member, signal.SIGKILL)
        except ProcessLookupError:
            pass
    until = time.monotonic() + 10
    while any(Path(f"/proc/{member}").exists() for member in family) and time.monotonic() < until:
        time.sleep(0.01)


class ThrowAway:
    """`with ThrowAway() as server: … server.url()`. `directory` is made, and removed at the end, unless one is given that remains."""

    def __init__(self, directory=None, settings=None, binaries=None):
        self.binaries = Path(binaries) if binaries else newest_binaries()
        self.identity = unprivileged()
        self.is_ours = directory is None
        self.directory = Path(directory) if directory else self.temporary()
        self.settings = {**SETTINGS, **(settings or {})}
        self.process, self.port, self.password = None, None, None

    def temporary(self):
        """Where the user of the server can go: a parent that is closed to others does not do, and a socket's path is short."""
        for parent in (tempfile.gettempdir(), "/tmp"):
            place = Path(tempfile.mkdtemp(prefix="steward-pg-", dir=parent))
            reachable = self.identity is None or all(p.stat().st_mode & 0o001 for p in place.parents)
            if reachable and len(str(place)) < 70:
                return place
            place.rmdir()
        raise NotStarted("there is no temporary directory that the server's user can reach")

    # What it is made of

    @property
    def data(self):
        return self.directory / "data"

    @property
    def log(self):
        return self.directory / "log"

    def as_server(self):
        """Arguments of subprocess for running as the server's user."""
        if self.identity is None:
            return {}
        uid, gid = self.identity
        return {"user": uid, "group": gid, "extra_groups": []}

    def create(self):
        """The files of a new, empty server."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.identity:
            os.chown(self.directory, *self.identity)
        self.password = secrets.token_hex(16)
        secret = self.directory / "password"
        secret.write_text(self.password)
        secret.chmod(0o600)
        if self.identity:
            os.chown(secret, *self.identity)
        self.run_tool(
            "initdb", "-D", self.data, "-U", "steward_test", "--pwfile", secret, "-E", "UTF8", "--no-locale", "--no-sync",
            "--auth-local=md5", "--auth-host=md5")

    def run_tool(self, name, *arguments):
        result = subprocess.run(
            [self.binaries / name, *arguments], capture_output=True, text=True, cwd=self.directory, **self.as_server())
        if result.returncode != 0:
            raise NotStarted(f"{name}: {result.stderr.strip() or result.stdout.strip()}")
        return result.stdout

    # Its life

    def start(self):
        if not self.data.exists():
            self.create()
            first = True
        else:
            self.password, first = (self.directory / "password").read_text(), False
            self.port = int((self.directory / "port").read_text())
        for _ in range(3):
            # Somebody else may take the port between our look and the server's.
            if self.launch(self.port or free_port()):
                break
            self.port = None
        else:
            raise NotStarted(f"PostgreSQL does not start:\n{self.last_words()}")
        if first:
            self.create_roles()
        return self

    def launch(self, port):
        options = [f"-c{name}={value}" for name, value in {**self.settings, "unix_socket_directories": self.directory}.items()]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.data, "-p", str(port), *options], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=self.directory, start_new_session=True, preexec_fn=die_with_parent, **self.as_server())
        self.port = port
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            if "ready" in self.status():
                (self.directory / "port").write_text(str(port))
                return True
            time.sleep(0.02)
        self.stop()
        return False

    def status(self):
        """The last line of `postmaster.pid` (src/include/utils/pidfile.h)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return ""
        return lines[7] if len(lines) > 7 and lines[0] == str(self.process.pid) else ""

    def create_roles(self):
        # In the simple form the password is hashed by the server; it is made of hexadecimal digits.
        for role in ROLES:
            self.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{self.password}'")

    def sql(self, statement, database="postgres"):
        """Output of psql, unaligned, as the superuser."""
        result = subprocess.run(
            [self.binaries / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url(database=database), "-c", statement],
            capture_output=True, text=True)
        if result.returncode != 0:
            raise NotStarted(f"psql: {result.stderr.strip()}")
        return result.stdout.strip()

    def url(self, user="steward_test", database="postgres"):
        return f"postgres://{user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def kill(self):
        """As a power cut would: no checkpoint, no last words. `start()` afterwards recovers on the same port."""
        kill_all(self.process.pid)
        self.process.wait()

    def stop(self):
        """Fast shutdown; immediate, if that takes too long."""
        if self.process is None or self.process.poll() is not None:
            return
        for number, seconds in ((signal.SIGINT, 20), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                continue

    def last_words(self):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
        except OSError:
            return ""

    def remove(self):
        self.stop()
        if self.is_ours:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()
