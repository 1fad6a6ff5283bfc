"""Steward as an outsider sees it: a program that is started, an HTTP API, two command lines. Standard library only."""

from collections import deque
from dataclasses import dataclass
import http.client
import json
import os
from pathlib import Path
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
BINARIES = Path(os.environ.get("STEWARD_BIN", ROOT / ".build" / "debug"))
STEWARD = BINARIES / "steward"
VERIFY = BINARIES / "steward-verify"
SAMPLE_REGISTER = ROOT / "Examples" / "vendors.csv"
REAL_REGISTER = ROOT.parent / "shared" / "data" / "vendors.csv"

#: A machine that is busy with other things is given so many times longer: STEWARD_TEST_PATIENCE=10.
PATIENCE = float(os.environ.get("STEWARD_TEST_PATIENCE", "1"))
START_SECONDS, ANSWER_SECONDS, COMMAND_SECONDS = 60 * PATIENCE, 120 * PATIENCE, 300 * PATIENCE
#: Whom clients believe; a scenario adds the authority of its own certificate.
TRUST = ssl.create_default_context()

#: Signals that are a program's own doing; SIGKILL and SIGTERM are ours.
CRASHES = (signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV, signal.SIGSYS)


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def receipt(self):
        return self.headers.get("steward-receipt")

    def __str__(self):
        return f"{self.status} {self.body[:400].decode(errors='replace')}"


class Client:
    """One person's or program's view: a base address and perhaps a token. Keeps its connection, as real clients do."""

    def __init__(self, url, token=None):
        self.parts, self.token, self.connection = urlsplit(url), token, None

    def request(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        for attempt in (1, 2):
            fresh = self.connection is None
            if fresh:
                self.connection = self.connected()
            try:
                self.connection.request(method, path, body=body, headers=headers)
                response = self.connection.getresponse()
                content = response.read()
                if response.will_close:
                    self.close()
                return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, content)
            except (http.client.HTTPException, OSError):
                self.close()
                # A kept connection may have been closed while idle; a read is then tried once more, a write never.
                if fresh or attempt == 2 or method != "GET":
                    raise

    def connected(self):
        if self.parts.scheme == "https":
            return http.client.HTTPSConnection(self.parts.hostname, self.parts.port, timeout=ANSWER_SECONDS, context=TRUST)
        return http.client.HTTPConnection(self.parts.hostname, self.parts.port, timeout=ANSWER_SECONDS)

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def get(self, path, **headers):
        """With patience a 503 is asked again: a busy machine keeps servers from their database for longer than they wait."""
        headers, give_up = {k.replace("_", "-"): v for k, v in headers.items()}, time.monotonic() + 20 * (PATIENCE - 1)
        while (answer := self.request("GET", path, headers=headers)).status == 503 and time.monotonic() < give_up:
            time.sleep(0.5)
        return answer

    def post(self, path, value=None, method="POST"):
        """A JSON body; none at all if there is no value."""
        if value is None:
            return self.request(method, path, body=b"")
        return self.request(method, path, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def patch(self, path, value):
        return self.post(path, value, method="PATCH")

    def upload(self, path, content, media_type, filename=None):
        headers = {"Content-Type": media_type}
        if filename is not None:
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(filename)}"
        return self.request("POST", path, content, headers)

    def items(self, path, limit=200):
        """Every item of a list, page by page."""
        cursor, found = "", []
        while cursor is not None:
            separator = "&" if "?" in path else "?"
            answer = self.get(f"{path}{separator}limit={limit}" + (f"&cursor={quote(cursor, safe='')}" if cursor else ""))
            if answer.status != 200:
                raise AssertionError(f"GET {path}: {answer}")
            found += answer.json["items"]
            cursor = answer.json["next"]
        return found


class Demo:
    """`steward demo` on a free port with a data directory of its own. Everything that it writes lies below `self.home`."""

    #: Requests per second that one token may send: scenarios hammer with one, and that is not what they are about.
    rate = 100_000
    start_seconds = START_SECONDS

    def __init__(self, home=None, binary=STEWARD, options=()):
        self.temporary = None if home else tempfile.TemporaryDirectory(prefix="steward-e2e-")
        self.home = Path(home or self.temporary.name)
        self.data, self.keys = self.home / "data", self.home / "data.keys"
        self.credentials_file, self.log = self.home / "credentials.json", self.home / "server.log"
        self.tmp = self.home / "tmp"
        self.tmp.mkdir(parents=True, exist_ok=True)
        self.binary, self.port, self.process, self.options = binary, free_port(), None, options

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        if self.temporary:
            self.temporary.cleanup()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        self.begin()
        self.wait_until_ready()
        return self

    def begin(self):
        """Starts the process and does not wait until it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "demo", "--data", self.data, "--listen", f"127.0.0.1:{self.port}", "--rate", str(self.rate),
                 "--credentials", self.credentials_file, *self.options],
                stdout=log, stderr=log, env={**os.environ, "TMPDIR": str(self.tmp)})

    def wait_until_ready(self):
        deadline = time.monotonic() + self.start_seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"steward demo ended with {self.process.returncode}:\n{self.tail()}")
            try:
                if Client(self.url).get("/readyz").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"steward demo was not ready after {self.start_seconds} s:\n{self.tail()}")

    def runs(self):
        """A crash is never taken for an end: it would pass for one of the kills, and the next start would hide it."""
        ended = None if self.process is None else self.process.poll()
        if ended is not None and -ended in CRASHES:
            raise AssertionError(f"{self.binary} died of signal {-ended}:\n{self.tail()}")
        return self.process is not None and ended is None

    def stop(self):
        if self.runs():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
            self.runs()

    def kill(self):
        if self.runs():
            self.process.kill()
            self.process.wait()

    def alive(self):
        return self.process.poll() is None and Client(self.url).get("/readyz").status == 200

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]

    def people(self):
        return json.loads(self.credentials_file.read_text())["people"]

    def person(self, role, tenant="acme"):
        return next(p for p in self.people() if p["role"] == role and p["tenant"] == tenant)

    def client(self, role, tenant="acme"):
        return Client(self.url, self.person(role, tenant)["token"])

    def anonymous(self):
        return Client(self.url)


#: Sockets that are bound and never listen: nobody else is given their ports, and a server that is told one gets it, since both may reuse.
RESERVED = deque(maxlen=400)


def free_port():
    """A port that nobody is given again soon. Of two servers with one port the wrong one would answer, perhaps with success."""
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    RESERVED.append(probe)
    return probe.getsockname()[1]


def run(*command, timeout=COMMAND_SECONDS, **options):
    """Runs a command line and returns it, output as text. A death by signal is never an answer."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="replace", timeout=timeout, **options)
    assert result.returncode >= 0, f"{command} died of signal {-result.returncode}: {result.stderr[-500:]}"
    return result


def audit_verify(data, *more):
    return run(STEWARD, "audit", "verify", "--data", data, *more)
