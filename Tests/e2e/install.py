"""`make install` into a fresh root; the unit's user in the unit's sandbox; the main job over TLS; and an orderly stop."""

import json
import os
from pathlib import Path
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from backups import PASSPHRASE
from expect import expect, expect_equal, expect_status, scenario
from job import the_job, verify_elsewhere
from pages import Browser
import sandbox
from steward import BINARIES, ROOT, SAMPLE_REGISTER, START_SECONDS, STEWARD, Client, audit_verify, free_port, run
import steward

HERE = Path(__file__).resolve().parent
#: Ten times the figure that `systemd-analyze security` shows: 10 is hardly exposed, 100 is not protected at all.
MOST_EXPOSURE = 20


class Installed:
    """An installation as an operator has it, seen as the scenarios see the demo."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="steward-install-")
        home = Path(self.temporary.name)
        # The unit's user has to reach its directories, and nothing else below.
        home.chmod(0o755)
        self.destination, self.state, self.root = home / "destination", home / "state", home / "root"
        self.log, self.port, self.metrics_port, self.process = home / "server.log", free_port(), free_port(), None
        self.url = f"https://localhost:{self.port}"
        self.metrics_url = f"http://localhost:{self.metrics_port}"
        for place in (self.state / "steward", self.state / "run", self.root):
            place.mkdir(parents=True)
        self.install()
        self.unit_path = self.destination / "usr/lib/systemd/system/steward.service"
        self.unit = sandbox.Unit(self.unit_path)
        self.user = self.make_user()
        self.configure()
        self.tokens = {}

    def __enter__(self):
        return self

    def __exit__(self, problem, *_):
        if problem and self.log.exists():
            print(self.log.read_text()[-3000:])
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.temporary.cleanup()

    @property
    def data(self):
        return self.state / "steward/data"

    def install(self):
        done = run("make", "-C", ROOT, "install", f"DESTDIR={self.destination}", "PREFIX=/usr", f"BINARIES={BINARIES}")
        expect_equal(done.returncode, 0, done.stdout[-500:] + done.stderr[-1500:])

    def make_user(self):
        done = run("systemd-sysusers", f"--root={self.destination}", self.destination / "usr/lib/sysusers.d/steward.conf")
        expect_equal(done.returncode, 0, done.stderr)
        line = next(li for li in (self.destination / "etc/passwd").read_text().splitlines() if li.startswith("steward:"))
        user, group = map(int, line.split(":")[2:4])
        expect(user != 0 and line.endswith("/usr/sbin/nologin"), line)
        for place, mode in ((self.state / "steward", self.unit.one("StateDirectoryMode")), (self.state / "run", "0700")):
            os.chown(place, user, group)
            place.chmod(int(mode, 8))
        return user, group

    def configure(self):
        tls = self.destination / "etc/steward/tls"
        tls.mkdir()
        key, certificate = tls / "key.pem", tls / "fullchain.pem"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate)
        os.chown(key, 0, self.user[1])
        key.chmod(0o640)
        certificate.chmod(0o644)
        steward.TRUST.load_verify_locations(certificate)
        configuration = self.destination / "etc/steward/steward.yaml"
        expect_equal(configuration.read_text(), (ROOT / "Packaging/steward.yaml").read_text(), "the installed example")
        configuration.write_text(f"""
listen: localhost:{self.port}
origin: {self.url}
tls:
  certificate: /etc/steward/tls/fullchain.pem
  key: /etc/steward/tls/key.pem
limits:
  token_per_second: 5000
metrics:
  listen: localhost:{self.metrics_port}
log:
  format: json
""")

    # MARK: Inside

    def inside(self, *command, popen=False, input=None, **environment):
        """A command as the unit's user in the unit's sandbox; without one, what the unit starts."""
        full = ["unshare", "--mount", "--uts", "--ipc", sys.executable, HERE / "sandbox.py", "enter", self.unit_path, self.root, self.destination, self.state,
                *command]
        full = [str(part) for part in full]
        environment = {"PATH": "/usr/bin:/usr/sbin", **environment}
        if popen:
            with self.log.open("ab") as log:
                return subprocess.Popen(full, stdout=log, stderr=log, env=environment)
        return run(*full, env=environment, input=input)

    def say(self, *command, **options):
        """A command line's answer as JSON."""
        done = self.inside("/usr/bin/steward", *command, "--json", **options)
        expect_equal(done.returncode, 0, f"steward {' '.join(command)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def start(self):
        self.notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.state / "run/notify"
        self.notifications.bind(str(path))
        os.chown(path, *self.user)
        self.heard = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()
        self.process = self.inside(popen=True, NOTIFY_SOCKET="/run/steward/notify", WATCHDOG_USEC="1000000")
        self.hear("READY=1")
        return self

    def listen(self):
        while True:
            self.heard.put(self.notifications.recv(4096).decode())

    def hear(self, word):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if word in self.heard.get(timeout=1):
                    return
            except queue.Empty:
                continue
        raise AssertionError(f"systemd would not have heard {word}:\n{self.log.read_text()[-3000:]}")

    def stop(self):
        """As systemd does: SIGTERM to the main process, which is the one that we started."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        self.hear("STOPPING=1")
        began = time.monotonic()
        expect_equal(self.process.wait(int(self.unit.one("TimeoutStopSec"))), 0, "the end of the server")
        print(f"       stopped within {time.monotonic() - began:.1f} s")

    # MARK: As the demo

    def set_up(self, link):
        """A password by the link that an invited person gets: only then may they have a token."""
        browser = Browser(self.url)
        expect_status(browser.open(link.removeprefix(self.url)), 200)
        passwords = [name for name in browser.fields() if "password" in name]
        expect_status(browser.submit(passwords[0], **dict.fromkeys(passwords, "a long pass phrase of one's own")), 200)

    def make_people(self):
        """The owner came with the installation; the others are added by her, as everywhere."""
        owner = Client(self.url, self.token("owner@acme.example"))
        for role, roles in (("manager", ["manager"]), ("approver", ["manager"]), ("auditor", ["auditor"])):
            body = {"name": f"{role.title()} Installed", "email": f"{role}@acme.example", "roles": roles}
            added = expect_status(owner.post("/v1/people", body), 201).json
            self.set_up(next(value for value in added.values() if isinstance(value, str) and value.startswith(self.url)))

    def token(self, email, tenant="acme"):
        if email not in self.tokens:
            self.tokens[email] = self.say("token", "create", "--tenant", tenant, "--person", email)["token"]
        return self.tokens[email]

    def client(self, role, tenant="acme"):
        return Client(self.url, self.token(f"{role}@{tenant}.example", tenant))

    def anonymous(self):
        return Client(self.url)


@scenario("installed by make into a fresh root, as the unit's user in its sandbox: the main job over TLS, an orderly stop, and brought back elsewhere from backup and recovery kit")
def installed():
    if os.geteuid() != 0 or not shutil.which("systemd-analyze") or not shutil.which("setpriv"):
        print("       left out: it needs root, systemd-analyze and setpriv")
        return
    with Installed() as house:
        unit_is_sound(house)
        made = house.say("init", "--tenant", "Acme", "--owner", "owner@acme.example")
        expect(made["setup_link"].startswith(house.url + "/"), made)
        sandbox_holds(house)
        house.start()
        confined(house)
        house.set_up(made["setup_link"])
        house.set_up(house.say("tenant", "create", "--name", "Globex", "--owner", "owner@globex.example")["setup_link"])
        house.make_people()
        operator_sees(house)
        certificate, vkey = the_job(house, SAMPLE_REGISTER)
        expect_equal(audit_verify(house.data).returncode, 0, "the record after the stop")
        stopped_in_order(house)
        brought_back(house, certificate, vkey)


def unit_is_sound(house):
    expect_equal(house.unit.unknown(), [], "directives of the unit that sandbox.py does not know")
    # Looked at on this machine, where the program lies below the destination.
    copy = house.state / "steward.service"
    copy.write_text(house.unit_path.read_text().replace("/usr/bin/steward", f"{house.destination}/usr/bin/steward"))
    verdict = run("systemd-analyze", "verify", "--man=no", copy)
    ours = [line for line in (verdict.stdout + verdict.stderr).splitlines() if "steward" in line]
    expect_equal(ours, [], "systemd-analyze verify")
    judged = run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", house.unit_path)
    score = re.search(r"exposure level for steward.service: ([\d.]+)", judged.stdout)
    expect_equal(judged.returncode, 0, judged.stdout[-300:] + judged.stderr)
    print(f"       systemd-analyze security: exposure {score[1]} of 10")


def sandbox_holds(house):
    """What the server must not be able to do, tried in its place. Each line would do it without the sandbox."""
    attempts = {
        "write into the system": "open('/usr/bin/x', 'w')",
        "write its own configuration": "open('/etc/steward/steward.yaml', 'a')",
        "see a disk": "open('/dev/sda') if __import__('os').path.exists('/dev/sda') else open('/dev/kmsg')",
        "read the key of another user": "open('/etc/shadow')",
        "talk to the kernel by netlink": "__import__('socket').socket(16, 3, 0)",
        "mount": "if __import__('ctypes').CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, None): raise OSError",
        "become root": "__import__('os').setuid(0)",
        "make memory that is written and executed": "__import__('mmap').mmap(-1, 4096, prot=7)",
        "leave a core": "if __import__('resource').getrlimit(4) == (0, 0): raise OSError"}
    able = "open('/var/lib/steward/x', 'w'); open('/tmp/x', 'w'); __import__('socket').socket()"
    program = f"""
import json
def works(line):
    try:
        exec(line)
        return True
    except (OSError, ValueError):
        return False
print(json.dumps({{what: works(line) for what, line in {({**attempts, "work": able})!r}.items()}}))
"""
    done = house.inside("/usr/bin/python3", "-c", program)
    expect_equal(done.returncode, 0, done.stderr[-500:])
    possible = [what for what, works in json.loads(done.stdout).items() if works]
    expect_equal(possible, ["work"], "what one can do inside the sandbox")


def confined(house):
    """The kernel's own word on the running server."""
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{house.process.pid}/status").read_text().splitlines() if ":\t" in line)
    expect_equal(status["Uid"].split()[0], str(house.user[0]), "the user")
    expect_equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "no new privileges, and a filter of system calls")
    expect_equal(int(status["CapBnd"], 16), 1 << 10, "the bounding set is CAP_NET_BIND_SERVICE")
    house.hear("WATCHDOG=1")


def operator_sees(house):
    found = house.inside("/usr/bin/steward", "doctor", "--json")
    grades = {finding["topic"]: finding["grade"] for finding in json.loads(found.stdout)["findings"]}
    expect_equal((grades["data"], grades["tls"], grades["server"], grades["secrets"]), ("good",) * 4, found.stdout)
    figures = expect_status(Client(house.metrics_url).get("/metrics"), 200).body.decode()
    for name in ("steward_requests_total", "steward_writes_total", "steward_heartbeat_age_seconds", "process_open_fds"):
        expect(f"\n{name}" in figures, f"{name} is not among the figures")
    expect("acme" not in figures.lower(), "a tenant's name among the figures")
    expect_status(house.anonymous().get("/metrics"), 404)
    status = expect_status(house.anonymous().get("/status.json"), 200).json
    expect(status["last_heartbeat"] and status["gaps"] == [], status)


def brought_back(house, certificate, vkey):
    """Everything but the place of the backups, the kit and a replica of the keys is destroyed."""
    place, kit, replica = (f"/var/lib/steward/{name}" for name in ("place", "kit.txt", "replica.keys"))
    data = ("--data", "/var/lib/steward/data")
    house.say("keys", "replicate", *data, "--keys-replica", replica)
    house.say("keys", "recovery", *data, "--to", kit, input=PASSPHRASE * 2)
    house.say("backup", "create", *data, "--to", place)
    before = signed(house.data)
    state = house.state / "steward"
    shutil.rmtree(house.data)
    shutil.rmtree(f"{house.data}.keys")
    # The kit says where the replica was; a machine elsewhere has it at another place.
    again = state / "again"
    restored = run(
        STEWARD, "restore", "--from", state / "place", "--data", again, "--recovery", state / "kit.txt",
        "--keys-from", state / "replica.keys", "--json", input=PASSPHRASE)
    expect_equal(restored.returncode, 0, restored.stdout + restored.stderr)
    checkpoints = heads(json.loads(restored.stdout)["tenants"])
    expect_equal(checkpoints, before, "the signed states that the restore came to")
    expect_equal(audit_verify(again, "--keys", f"{again}.keys").returncode, 0, "the restored record, looked into")
    with tempfile.TemporaryDirectory() as outside:
        verify_elsewhere(Path(outside), certificate, vkey)


def signed(data):
    """The last signed checkpoint of each tenant."""
    verified = audit_verify(data, "--json")
    expect_equal(verified.returncode, 0, verified.stderr)
    return heads(json.loads(verified.stdout)["tenants"])


def heads(tenants):
    """Of the customers: the installation's own log goes on with the backup itself."""
    return {tenant["slug"]: tenant["checkpoint"] for tenant in tenants if tenant["slug"] in ("acme", "globex")}


def stopped_in_order(house):
    lines = [json.loads(line) for line in house.log.read_text().splitlines() if line.startswith("{")]
    requests = [line for line in lines if line["event"] == "request"]
    expect(len(requests) > 50 and all(line["route"] and line["request"] for line in requests), "a line for every request")
    whole = house.log.read_text()
    for word in ("acme.example", "Installed", *house.tokens.values()):
        expect(word not in whole, f"{word} stands in the log")
