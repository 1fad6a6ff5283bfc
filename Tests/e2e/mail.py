"""Invitations by mail, against a real mail server: once each, over TLS or not at all, and nothing lost when the server is killed."""

import json
import os
from pathlib import Path
import random
import re
import subprocess
import sys
import time

from expect import expect, expect_equal, expect_status, scenario
from steward import ROOT, Client, Demo, audit_verify, free_port, run

KILLS = 50 if "--long" in sys.argv else 5
#: Invitations in each life.
INVITATIONS = 12
USER, PASSWORD = "steward", "correct horse: battery"
#: How long a message may take from being written to being where it ends.
SETTLE_SECONDS = 30


class Authority:
    """A certificate authority of our own, and certificates for this machine."""

    def __init__(self, home, name):
        self.home, self.file, self.key = home, home / f"{name}.pem", home / f"{name}.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.key, "-out", self.file)

    def certificate(self, name, host):
        """(certificate, key) for `host`."""
        request, out, key, names = (self.home / f"{name}{end}" for end in (".csr", ".crt", ".key", ".ext"))
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=mail", "-keyout", key, "-out", request)
        names.write_text(f"subjectAltName=DNS:{host}\n")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key, "-CAcreateserial", "-days", "2",
            "-extfile", names, "-out", out)
        return out, key


class Sink:
    """The mail server, as a process of its own."""

    def __init__(self, home, port, certificate=None, **options):
        python = ROOT / ".build" / "venv" / "bin" / "python"
        run(ROOT / "Tools" / "venv.sh", "e2e")
        self.log = home / f"sink-{free_port()}.jsonl"
        command = [python, Path(__file__).parent / "sink.py", port, self.log]
        if certificate:
            command += ["--certificate", certificate[0], "--key", certificate[1]]
        for name, value in options.items():
            command += [f"--{name}", value]
        self.process = subprocess.Popen([str(part) for part in command])

    def __enter__(self):
        deadline = time.monotonic() + 10
        while not self.heard("ready"):
            expect(time.monotonic() < deadline and self.process.poll() is None, "the sink does not start")
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def heard(self, kind):
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [thing for thing in map(json.loads, lines) if thing["kind"] == kind]

    def messages(self):
        return self.heard("message")


class Server(Demo):
    """`steward serve` with a configuration file, on the people of the sample data."""

    def __init__(self, mail_port):
        super().__init__()
        self.config, self.mail_port = self.home / "steward.yaml", mail_port
        (self.home / "password").write_text(PASSWORD + "\n")
        os.chmod(self.home / "password", 0o600)

    def configure(self, authority, user=True):
        login = f"  user: {USER}\n  password_file: {self.home}/password\n" if user else ""
        self.config.write_text(
            f"data: {self.data}\nlisten: 127.0.0.1:{self.port}\n"
            f"mail:\n  host: localhost\n  port: {self.mail_port}\n  own: true\n  from: steward@steward.example\n{login}"
            f"egress:\n  ca_file: {authority.file}\n")
        return self

    def start(self):
        if not self.credentials_file.exists():
            super().start()
            self.stop()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--config", self.config], stdout=log, stderr=log,
                # Proxies that lead nowhere: whoever asks them sends nothing.
                env={**os.environ, "TMPDIR": str(self.tmp), "all_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"})
        self.wait_until_ready()
        return self


def invite(owner, word):
    body = {"name": f"Zoë {word}", "email": f"{word}@acme.example", "roles": ["member"]}
    return expect_status(owner.post("/v1/people", body), 201).json["setup_link"]


def settled(server, count, states=("sent", "failed", "held"), seconds=SETTLE_SECONDS):
    """Waits until that many messages are where they stay, and returns all of them by address."""
    deadline = time.monotonic() + seconds
    while True:
        messages = {message["to"]["email"]: message for message in server.client("owner").items("/v1/messages")}
        if sum(message["state"] in states for message in messages.values()) >= count:
            return messages
        expect(time.monotonic() < deadline, f"not settled after {seconds} s: {[(m['state'], m['reason']) for m in messages.values()]}")
        time.sleep(0.1)


def server_with(authority_name="authority"):
    server = Server(free_port())
    return server, Authority(server.home, authority_name)


@scenario("invitations arrive by mail, once each, over TLS, with a link that works")
def invitations():
    server, authority = server_with()
    certificate = authority.certificate("mail", "localhost")
    with server.configure(authority), Sink(server.home, server.mail_port, certificate, user=USER, password=PASSWORD) as sink:
        links = {f"zoe{n}": invite(server.client("owner"), f"zoe{n}") for n in range(5)}
        messages = settled(server, 5)
        expect_equal({m["state"] for m in messages.values()}, {"sent"}, "states")
        arrived = sink.messages()
        expect_equal(sorted(m["to"][0] for m in arrived), sorted(f"{word}@acme.example" for word in links), "recipients")
        for message in arrived:
            word = message["to"][0].split("@")[0]
            expect(message["tls"] and message["sender"] == "steward@steward.example", message)
            expect(links[word] in message["text"] and links[word] in message["html"], "the link is in the message")
            expect(message["attempt"] is None and f"Zoë {word}" in message["text"], message)
            expect_equal(messages[message["to"][0]]["message_id"], message["id"], "Message-ID")
            expect(all(len(line) <= 78 for line in message["raw"].splitlines()), "long lines")
        clear = "".join(said["said"] for said in sink.heard("clear"))
        expect(re.fullmatch(r"(EHLO steward\.example\r\nSTARTTLS\r\n)+", clear), f"said before TLS: {clear!r}")
        path = links["zoe0"].split("/", 3)[3]
        expect_equal(Client(server.url).get(f"/{path}").status, 200, "the link")
        secret = path.rsplit("_", 1)[1]
        for page in ("/v1/messages", "/mail", f"/mail/{messages['zoe0@acme.example']['id']}"):
            answer = server.client("owner").get(page)
            expect(answer.status == 200 and secret.encode() not in answer.body, f"the link stands on {page}")
        expect_equal(audit_verify(server.data).returncode, 0, "audit verify")


@scenario("a mail server without TLS, or with a wrong certificate or password, gets nothing, and the page says why")
def nothing_in_clear():
    server, authority = server_with()
    stranger = Authority(server.home, "stranger")
    wrong = [
        ("no_tls", None, {}), ("certificate", stranger.certificate("foreign", "localhost"), {}),
        ("certificate", authority.certificate("other", "other.example"), {}),
        ("credentials", authority.certificate("mail", "localhost"), {"user": USER, "password": "another"}),
    ]
    with server.configure(authority):
        for number, (reason, certificate, options) in enumerate(wrong):
            with Sink(server.home, server.mail_port, certificate, **options) as sink:
                invite(server.client("owner"), f"never{number}")
                message = settled(server, number + 1)[f"never{number}@acme.example"]
                expect_equal((message["state"], message["reason"]), ("held", reason), "the message")
                expect(sink.heard("connection"), "the sink was never asked")
                expect_equal(sink.messages(), [], "messages at the sink")
                clear = "".join(said["said"] for said in sink.heard("clear"))
                for word in ("MAIL", "RCPT", "DATA", "AUTH", PASSWORD, "never", "acme"):
                    expect(word not in clear, f"{word} was said in clear: {clear!r}")
        page = server.client("owner").get("/mail", Accept="text/html").body.decode()
        expect("offers no TLS" in page and "certificate is not good" in page, "the page does not say why")
        # What was held goes once the server is right, and somebody says so.
        with Sink(server.home, server.mail_port, authority.certificate("good", "localhost"), user=USER, password=PASSWORD) as sink:
            for message in server.client("owner").items("/v1/messages"):
                expect_status(server.client("owner").post(f"/v1/messages/{message['id']}/retry"), 200)
            settled(server, len(wrong), states=("sent",))
            expect_equal(len(sink.messages()), len(wrong), "messages at the sink")


@scenario(f"killed {KILLS} times while it sends mail: none is lost, and none arrives twice without a mark")
def killed():
    draw = random.Random(time.time_ns())
    server, authority = server_with()
    certificate = authority.certificate("mail", "localhost")
    invited, repeated = set(), 0
    with server.configure(authority), Sink(
            server.home, server.mail_port, certificate, user=USER, password=PASSWORD, delay=0.08) as sink:
        for kill in range(KILLS):
            owner = server.client("owner")
            for n in range(INVITATIONS):
                invite(owner, f"k{kill}n{n}")
                invited.add(f"k{kill}n{n}@acme.example")
            time.sleep(draw.uniform(0.0, 0.6))
            server.kill()
            verdict = audit_verify(server.data)
            expect_equal(verdict.returncode, 0, f"kill {kill + 1}: {verdict.stdout}{verdict.stderr}")
            server.start()
        messages = settled(server, len(invited), seconds=90)
        expect_equal({m["state"] for m in messages.values()}, {"sent"}, "states")
        arrived = {}
        for message in sink.messages():
            arrived.setdefault(message["to"][0], []).append(message)
        expect_equal(invited - set(arrived), set(), "invitations that were lost")
        for address, copies in arrived.items():
            expect_equal(len({copy["id"] for copy in copies}), 1, f"Message-IDs to {address}")
            unmarked = [copy for copy in copies if not copy["attempt"]]
            expect(len(unmarked) <= 1, f"{address} got {len(unmarked)} copies without a mark")
            expect(all(re.fullmatch(r"\d+; possibly repeated", copy["attempt"]) for copy in copies if copy["attempt"]), copies)
            if any(copy["attempt"] for copy in copies):
                expect(messages[address]["possibly_repeated"], f"{address} is not shown as possibly repeated")
            repeated += len(copies) > 1
        marked = sum(message["possibly_repeated"] for message in messages.values())
    print(f"       {len(invited)} invitations in {KILLS} lives: {marked} marked as possibly repeated, {repeated} arrived twice")
