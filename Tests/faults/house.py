"""Steward under the shim: an installation to begin with, and one life of a server or command on a failing disk."""

from contextlib import closing
import json
import mmap
import os
from pathlib import Path
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

sys.path.append(str(Path(__file__).resolve().parent.parent / "e2e"))

from receipt import Receipt  # noqa: E402, F401
from steward import Client, PATIENCE, ROOT, STEWARD, free_port  # noqa: E402

HERE = Path(__file__).resolve().parent
SHIM = ROOT / ".build" / "faults" / "shim.so"
EIO, ENOSPC, TORN, LOST = 1, 2, 3, 4
FAULTS = {"eio": EIO, "enospc": ENOSPC, "torn": TORN, "lost": LOST}
START_SECONDS, STOP_SECONDS, COMMAND_SECONDS = 60 * PATIENCE, 20 * PATIENCE, 120 * PATIENCE
#: Names the tenant's own files, but not those of others.
OWNER = "ida@acme.example"


def build_shim():
    SHIM.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", SHIM, HERE / "shim.c", "-lpthread"], check=True)


class Control:
    """The page that the driver shares with the shim (struct control in shim.c)."""

    def __init__(self, path, match=""):
        path.write_bytes(bytes(48) + match.encode().ljust(176, b"\0"))
        with path.open("r+b") as file:
            self.page = mmap.mmap(file.fileno(), 224)

    def get(self, form, at):
        return struct.unpack_from(form, self.page, at)[0]

    def set(self, form, at, value):
        struct.pack_into(form, self.page, at, value)

    count = property(lambda self: self.get("<Q", 0))
    fired = property(lambda self: self.get("<I", 20) == 1)
    again = property(lambda self: self.get("<I", 40))
    fired_op = property(lambda self: chr(self.get("<I", 36)) if self.fired else "")

    def fail(self, number, mode):
        self.set("<I", 16, mode)
        self.set("<Q", 8, number)

    def full(self, is_full):
        self.set("<I", 32, int(is_full))

    def clock(self, seconds):
        self.set("<q", 24, seconds)


class Home:
    """A data directory with its key store; below a directory of its own that goes when it is closed."""

    def __init__(self, like=None):
        self.place = Path(tempfile.mkdtemp(prefix="steward-faults-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
        self.root = self.place / "root"
        self.data, self.keys = self.root / "data", self.root / "data.keys"
        #: Where backups go, and where they are restored to.
        self.shelf, self.new = self.root / "shelf", self.root / "new"
        self.lives = 0
        if like:
            shutil.copytree(like, self.root, ignore=shutil.ignore_patterns("*.sock", "lock"))
        else:
            self.root.mkdir()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.place, ignore_errors=True)

    def life(self, match=""):
        self.lives += 1
        return Life(self, self.place / f"life-{self.lives}", match)


class Life:
    """One process on this home, with the shim between it and its files."""

    def __init__(self, home, place, match):
        place.mkdir()
        self.home, self.place, self.log, self.output = home, place, place / "log", place / "output"
        self.log.touch()
        self.control = Control(place / "control", match)
        self.process = None

    @property
    def environment(self):
        return {**os.environ, "LD_PRELOAD": str(SHIM), "FAULTS_ROOTS": str(self.home.root),
                "FAULTS_CONTROL": str(self.place / "control"), "FAULTS_LOG": str(self.log), "TMPDIR": str(self.place)}

    def command(self, *words, timeout=COMMAND_SECONDS):
        where = [] if "--data" in words else ["--data", self.home.data]
        result = subprocess.run([STEWARD, *map(str, words), *where], env=self.environment, capture_output=True, text=True,
                                errors="replace", timeout=timeout)
        if result.returncode < 0:
            raise AssertionError(f"steward {' '.join(words)} died of signal {-result.returncode}: {result.stderr[-500:]}")
        return result

    def serve(self, port=None):
        """Starts the server; False if it ended by itself instead, with a reason."""
        self.port = port or free_port()
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [STEWARD, "serve", "--data", self.home.data, "--listen", f"localhost:{self.port}"],
                env=self.environment, stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                if self.process.returncode < 0:
                    raise AssertionError(f"steward serve died of signal {-self.process.returncode}: {self.said()}")
                return False
            try:
                if self.listens() and Client(self.url).get("/readyz").status == 200:
                    return True
            except OSError:
                pass
            time.sleep(0.02)
        self.kill()
        raise AssertionError(f"steward serve was not ready after {START_SECONDS} s: {self.said()}")

    def listens(self):
        """Whether it is this process that has the port: another one that answers there would take the same tokens."""
        return any("listening on" in line and f":{self.port}" in line for line in self.output.read_text(errors="replace").splitlines())

    @property
    def url(self):
        return f"http://localhost:{self.port}"

    def client(self, token):
        return Client(self.url, token)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"steward serve did not stop within {STOP_SECONDS} s")
        if self.process.returncode < 0:
            raise AssertionError(f"steward serve died of signal {-self.process.returncode}: {self.said()}")

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def said(self):
        return self.output.read_text(errors="replace")[-1500:] if self.output.exists() else ""


def plain(*words):
    """A command without the shim."""
    return subprocess.run([STEWARD, *map(str, words)], capture_output=True, text=True, errors="replace", timeout=COMMAND_SECONDS)


def ok(result):
    if result.returncode != 0:
        raise AssertionError(f"{result.args[1:4]}: {result.returncode} {result.stdout[-300:]}{result.stderr[-300:]}")
    return result


def audit(home, data=None):
    """(exit code, what was said), with keys."""
    result = plain("audit", "verify", "--data", data or home.data, "--keys", home.keys)
    return result.returncode, result.stdout[-800:] + result.stderr[-300:]


def missing_entries(home, tenant, receipts):
    """The receipts whose entry is not in the tenant's log, read with another SQLite client than ours, from a copy."""
    with tempfile.TemporaryDirectory(dir=home.place) as copy:
        for path in (home.data / "tenants").glob(f"{tenant}.db*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, copy)
        place = Path(copy) / f"{tenant}.db"
        if not place.exists():
            return list(receipts)
        with closing(sqlite3.connect(place)) as connection:
            try:
                found = dict(connection.execute("SELECT idx, data FROM log_entry"))
            except sqlite3.Error:
                return list(receipts)
        return [receipt for receipt in receipts if found.get(receipt.index) != receipt.leaf]
