"""The listener as the network sees it: TLS by openssl and curl, certificates that change, slow and greedy clients, proxies."""

import functools
import hashlib
import http.client
import json
import os
from pathlib import Path
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from expect import expect, expect_equal, scenario
from steward import Demo, STEWARD, START_SECONDS, free_port, run

LONG = "--long" in sys.argv
SLOW_CLIENTS = 400
VENV = Path(__file__).resolve().parent.parent.parent / ".build" / "venv" / "bin" / "python"
YEAR = 31_536_000


class Served(Demo):
    """`steward serve` over TLS with a certificate of a CA of our own, and an installation that has one owner with a token."""

    rate = 200

    def __init__(self, *options, tls=True):
        super().__init__()
        self.options, self.tls = list(options), tls
        if tls:
            self.ca = make_ca(self.home)
            self.new_certificate()
        for part in ("data", "data.keys", "credentials.json"):
            source = sample() / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, self.home / part)
        self.token = self.person("manager")["token"]

    def new_certificate(self, name="localhost"):
        """Made beside the old one and renamed over it, the key first, as certificate tools do."""
        fresh = make_certificate(self.home, self.ca, name)
        os.replace(fresh[1], self.home / "tls.key")
        os.replace(fresh[0], self.home / "tls.pem")

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    def start(self):
        files = ["--tls-certificate", self.home / "tls.pem", "--tls-key", self.home / "tls.key"] if self.tls else []
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}", *files, *self.options],
                stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return self
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"steward serve did not start:\n{self.tail()}")

    def context(self):
        context = ssl.create_default_context(cafile=str(self.home / "ca.pem"))
        return context

    def connection(self):
        return http.client.HTTPSConnection("localhost", self.port, timeout=20, context=self.context())

    def get(self, path, connection=None, **headers):
        connection = connection or self.connection()
        connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()

    def shown(self):
        """The serial number of the certificate that a new connection sees."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as plain:
            with self.context().wrap_socket(plain, server_hostname="localhost") as tls:
                return tls.getpeercert()["serialNumber"]


@functools.cache
def sample():
    """An installation with people in it, made once; kept until the end of the run."""
    SAMPLE.start().stop()
    return SAMPLE.home


SAMPLE = Demo()


def openssl(home, *command):
    done = subprocess.run(["openssl", *map(str, command)], cwd=home, capture_output=True, text=True)
    expect_equal(done.returncode, 0, done.stderr)


def make_ca(home):
    openssl(home, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=Test CA",
            "-keyout", "ca.key", "-out", "ca.pem")
    return home / "ca.pem"


def make_certificate(home, ca, name):
    extensions = home / "extensions"
    extensions.write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    openssl(home, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", "new.key",
            "-out", "new.csr")
    openssl(home, "x509", "-req", "-in", "new.csr", "-CA", ca, "-CAkey", home / "ca.key", "-days", "20", "-extfile", extensions,
            "-out", "new.pem")
    return home / "new.pem", home / "new.key"


def handshake(served, *options):
    """What `openssl s_client` says: (protocol, cipher), or None if there was no agreement."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{served.port}", "-CAfile", served.home / "ca.pem", *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    match = re.search(r"^New, (\S+), Cipher is (\S+)", done.stdout, re.M)
    return match.groups() if match and match.group(2) != "(NONE)" else None


@scenario("TLS 1.3 and nothing older, unless the operator writes 1.2; HTTP/2; HSTS on every answer")
def versions():
    with Served() as served:
        expect_equal(handshake(served, "-tls1_3")[0], "TLSv1.3")
        for old in ("-tls1_2", "-tls1_1"):
            expect_equal(handshake(served, old, "-cipher", "ALL:@SECLEVEL=0"), None, old)
        for path, status in (("/healthz", 200), ("/trust", 200), ("/nowhere", 404), ("/v1/me", 401)):
            answer, _ = served.get(path)
            expect_equal(answer.status, status, path)
            age = int(re.search(r"max-age=(\d+)", answer.getheader("Strict-Transport-Security") or "max-age=0").group(1))
            expect(age >= YEAR, f"{path}: HTTPS only for {age} s")
        curl = run("curl", "--silent", "--http2", "--cacert", served.home / "ca.pem", "-o", "/dev/null", "-w", "%{http_version} %{http_code}",
                   served.url + "/trust")
        expect_equal(curl.stdout, "2 200")
        head = run("curl", "--silent", "-I", "--cacert", served.home / "ca.pem", served.url + "/openapi.json").stdout.lower()
        body = served.get("/openapi.json")[1]
        expect(f"content-length: {len(body)}" in head, head)
        redirected_hosts(served)
    with Served("--tls-minimum", "1.2") as served:
        expect_equal(handshake(served, "-tls1_2")[0], "TLSv1.2")
        for weak in ("AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-GCM-SHA256"):
            expect_equal(handshake(served, "-tls1_2", "-cipher", f"{weak}:@SECLEVEL=0"), None, weak)


def redirected_hosts(served):
    """RFC 9112 §3.2: a host that is missing, there twice, or not ours."""
    for head in (b"GET /healthz HTTP/1.1\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
                 b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n",
                 b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"nothing like HTTP\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", served.port), 10) as plain:
            with served.context().wrap_socket(plain, server_hostname="localhost") as tls:
                tls.sendall(head)
                answer = tls.recv(4096)
        expect(answer.startswith(b"HTTP/1.1 400"), f"{head!r}: {answer[:60]!r}")
        expect(b"strict-transport-security" in answer.lower(), f"{head!r}: no HSTS")


@scenario("a certificate is exchanged under load without a failed request; a broken one is not taken")
def exchange():
    with Served("--rate", "100000") as served:
        failed, done, stop = [], [0], threading.Event()

        def load():
            connection = served.connection()
            while not stop.is_set():
                try:
                    if done[0] % 50 == 0:
                        connection.close()
                    answer, _ = served.get("/v1/me", connection, Authorization=f"Bearer {served.token}")
                    expect_equal(answer.status, 200)
                    done[0] += 1
                except Exception as error:
                    failed.append(repr(error))
                    connection = served.connection()

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        old = served.shown()
        served.new_certificate()
        wait_until(lambda: served.shown() != old, 15, "the new certificate is not shown")
        new = served.shown()
        (served.home / "tls.pem").write_text("no certificate\n")
        wait_until(lambda: "is not used" in served.log.read_text(), 15, "the broken certificate is not told in the log")
        expect_equal(served.shown(), new, "after a broken file")
        stop.set()
        for thread in threads:
            thread.join(30)
        expect_equal(failed[:3], [], "requests that failed")
        expect(done[0] > 50, f"only {done[0]} requests: this says little")
        print(f"       {done[0]} requests during the exchange")
        os.chmod(served.home / "tls.key", 0o644)
        served.new_certificate()
        os.chmod(served.home / "tls.key", 0o644)
        served.stop()
        refused = run(STEWARD, "serve", "--data", served.data, "--listen", f"127.0.0.1:{served.port}", "--tls-certificate",
                      served.home / "tls.pem", "--tls-key", served.home / "tls.key", timeout=20)
        expect(refused.returncode != 0 and "chmod" in refused.stderr, f"a key that others can read: {refused}")


def wait_until(true, seconds, otherwise):
    deadline = time.monotonic() + seconds
    while not true():
        expect(time.monotonic() < deadline, otherwise)
        time.sleep(0.1)


@scenario(f"{SLOW_CLIENTS} clients that never finish their request are closed within seconds, and nobody else notices")
def slowloris():
    with Served() as served:
        slow = []
        for _ in range(SLOW_CLIENTS):
            plain = socket.create_connection(("127.0.0.1", served.port), 5)
            plain.settimeout(0.2)
            slow.append(plain)
        tls = [served.context().wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False) for plain in slow[: SLOW_CLIENTS // 2]]
        for connection in tls[:50]:
            connection.settimeout(5)
            connection.do_handshake()
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")
        began, slowest, answered = time.monotonic(), 0.0, 0
        while time.monotonic() - began < 16:
            for connection in tls[:50]:
                try:
                    connection.sendall(b"x")
                except OSError:
                    pass
            started = time.monotonic()
            answer, _ = served.get("/healthz")
            expect_equal(answer.status, 200)
            slowest, answered = max(slowest, time.monotonic() - started), answered + 1
            time.sleep(0.2)
        still = sum(1 for connection in tls[:50] + slow[SLOW_CLIENTS // 2 :] if is_open(connection))
        expect_equal(still, 0, "slow clients that are still connected")
        expect(slowest < 2, f"a request took {slowest:.2f} s")
        print(f"       {answered} requests in between, the slowest {slowest * 1000:.0f} ms")


def is_open(connection):
    connection.settimeout(0.05)
    try:
        while data := connection.recv(4096):
            if not data:
                return False
        return False
    except (socket.timeout, ssl.SSLWantReadError):
        return True
    except OSError:
        return False


@scenario("one address gets so many connections and no more, and room again when they are closed")
def crowd():
    with Served() as served:
        many = []
        for _ in range(700):
            many.append(socket.create_connection(("127.0.0.1", served.port), 5))
        time.sleep(0.5)
        watched = select.poll()
        for connection in many:
            watched.register(connection, select.POLLIN)
        # What the server has closed can be read: its end.
        kept = len(many) - len(watched.poll(0))
        expect(400 <= kept <= 512, f"{kept} connections of one address are open")
        for connection in many:
            connection.close()
        wait_until(lambda: served.get("/healthz")[0].status == 200, 5, "no room after the crowd has gone")


@scenario("a burst is answered 429 with Retry-After, another actor is not, and a known researcher may go on")
def burst():
    secret = "a secret of 32 random characters"
    researcher = f"ada:{hashlib.sha256(secret.encode()).hexdigest()}:5000"
    with Served("--rate", "50", "--researcher", researcher) as served:
        authorization, connection, seen = f"Bearer {served.token}", served.connection(), []
        for _ in range(160):
            answer, body = served.get("/v1/me", connection, Authorization=authorization)
            seen.append(answer.status)
            if answer.status == 429:
                break
        expect_equal(set(seen[:100]), {200}, "the first hundred")
        expect_equal(seen[-1], 429, "after the burst")
        expect(int(answer.getheader("Retry-After")) >= 1, "Retry-After")
        expect_equal(answer.getheader("RateLimit-Policy"), '"token";q=100;w=2')
        expect_equal(answer.getheader("Content-Type"), "application/problem+json")
        expect(answer.getheader("Strict-Transport-Security"), "a 429 without HSTS")
        expect_equal(json.loads(body)["type"], "urn:steward:problem:too-many-requests")
        expect_equal(served.get("/trust")[0].status, 200, "somebody else")
        for _ in range(20):
            answer, _ = served.get("/v1/me", connection, Authorization=authorization, Steward_Research=secret)
            expect_equal(answer.status, 200, "the researcher")
        time.sleep(2)
        expect_equal(served.get("/v1/me", connection, Authorization=authorization)[0].status, 200, "after the wait")


@scenario("behind a proxy only the proxy may connect, and what it says of the client counts")
def proxy():
    origin = "https://steward.acme.example"
    head = "GET /v1/me HTTP/1.1\r\nHost: steward.acme.example\r\nConnection: close\r\n"

    def ask(served, more="", target="127.0.0.1"):
        with socket.create_connection((target, served.port), 5) as plain:
            plain.sendall((head + more + "\r\n").encode())
            data = b""
            while piece := plain.recv(4096):
                data += piece
            return data.decode()

    with Served("--proxy", "127.0.0.1", "--origin", origin, tls=False) as served:
        for proto in ("", "X-Forwarded-Proto: http\r\n"):
            expect(ask(served, proto).startswith("HTTP/1.1 400"), f"without HTTPS before the proxy: {proto!r}")
        secure = "X-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113.9\r\n"
        answer = ask(served, secure)
        expect(answer.startswith("HTTP/1.1 401") and "strict-transport-security" in answer.lower(), answer[:200])
        other = re.search(r"r=(\d+)", ask(served, secure.replace("113.9", "113.10"))).group(1)
        first = re.search(r"r=(\d+)", ask(served, secure)).group(1)
        expect(int(other) > int(first), f"clients behind the proxy share a bucket: {other} {first}")
    with Served("--proxy", "192.0.2.1", "--origin", origin, tls=False) as served:
        try:
            expect_equal(ask(served, "X-Forwarded-Proto: https\r\n"), "", "an answer to somebody who is not the proxy")
        except OSError:
            pass
    refused = run(STEWARD, "serve", "--data", "/nonexistent", "--listen", "0.0.0.0:8080", timeout=20)
    expect(refused.returncode != 0 and "tls" in refused.stderr.lower(), "plain HTTP for everybody is not refused")


@scenario("many connections, keep-alive and not, over HTTP/1.1 and HTTP/2, get nothing but good answers")
def hammer():
    with Served("--rate", "100000") as served:
        wrong, done = [], []

        def work(number):
            count = 0
            for _ in range(40 if LONG else 8):
                connection = served.connection()
                for _ in range(1 if number % 2 else 5):
                    answer, body = served.get("/v1/me", connection, Authorization=f"Bearer {served.token}")
                    count += 1
                    if answer.status != 200 or not body:
                        wrong.append(answer.status)
                connection.close()
            done.append(count)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(32)]
        for thread in threads:
            thread.start()
        curls = [subprocess.Popen(
            ["curl", "--silent", "--no-progress-meter", "--http2", "--parallel", "--parallel-max", "50", "--cacert", served.home / "ca.pem", "-o", "/dev/null",
             "-w", "%{http_code}\n", f"{served.url}/healthz?[1-200]"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(2)]
        for thread in threads:
            thread.join(60)
        codes = [code for curl in curls for code in curl.communicate(timeout=60)[0].split()]
        expect_equal(wrong[:5], [], "answers")
        expect_equal((len(codes), set(codes)), (400, {"200"}), "over HTTP/2")
        print(f"       {sum(done)} requests over HTTP/1.1, {len(codes)} over HTTP/2")
        served.process.send_signal(signal.SIGTERM)
        expect_equal(served.process.wait(20), 0, "the end")


def mozilla(configuration, *options):
    with Served(*options) as served:
        done = subprocess.run(
            [VENV, "-m", "sslyze", "--mozilla_config", configuration, "--certinfo_ca_file", served.home / "ca.pem",
             f"localhost:{served.port}"], capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0 or only_about_the_certificate(done.stdout), done.stdout[-3000:])


def only_about_the_certificate(report):
    """Mozilla asks for a certificate of a public authority with a short life; the test's own CA cannot give one."""
    verdict = report[report.find("COMPLIANCE"):]
    complaints = re.findall(r"\* (\w+):", verdict)
    return complaints and all(complaint.startswith(("certificate", "maximum_certificate", "hsts")) for complaint in complaints)


if VENV.exists() and subprocess.run([VENV, "-c", "import sslyze"], capture_output=True).returncode == 0:
    @scenario("sslyze finds the listener to keep Mozilla's modern configuration, with 1.2 the intermediate one")
    def scanned_by_sslyze():
        mozilla("modern")
        mozilla("intermediate", "--tls-minimum", "1.2")


if LONG:
    @scenario("testssl.sh finds nothing that is bad")
    def scanned_by_testssl():
        for options in ((), ("--tls-minimum", "1.2")):
            with Served(*options) as served:
                report = served.home / "testssl.json"
                subprocess.run(
                    ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--add-ca", served.home / "ca.pem", "--jsonfile", report,
                     f"localhost:{served.port}"], capture_output=True, timeout=900)
                found = json.loads(report.read_text())
                # Where every suite is good the client may choose: Mozilla's intermediate configuration says the same.
                bad = [f for f in found if f["id"] != "cipher_order" and f["severity"] in ("MEDIUM", "HIGH", "CRITICAL") and not f["id"].startswith(("cert", "DNS_CAA", "OCSP"))]
                expect_equal(bad, [], "findings")
                expect(len(found) > 50, "testssl.sh found almost nothing to say")
