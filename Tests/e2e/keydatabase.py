"""Keys in a database of their own: two servers on one key store, the database away and back, and what names it on paper."""

from pathlib import Path
import tempfile
import time

from engines import NUMBERS, POSTGRES, database, engines, postgres
from expect import expect, expect_equal, expect_status, scenario
from keys import PASSPHRASE, check, recovery, refused
from steward import STEWARD, Demo, audit_verify, run


class KeyDatabase:
    """A new database and its address, without the password, which stands in a file."""

    def __init__(self, home):
        self.name, server = f"e2e_keys_{next(NUMBERS)}", postgres()
        server.sql(f"CREATE DATABASE {self.name} OWNER steward_app")
        passwords = home / f"{self.name}.pgpass"
        passwords.write_text(f"*:*:*:*:{server.password}\n")
        passwords.chmod(0o600)
        self.url = f"postgres://steward_app@127.0.0.1:{server.port}/{self.name}?passfile={passwords}"

    def away(self, away):
        postgres().sql(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS {str(not away).lower()}")
        if away:
            postgres().sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'")


def in_database():
    with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home:
        home = Path(home)
        keys, replica, root = KeyDatabase(home), KeyDatabase(home), home / "root.key"
        place = ["--keys", keys.url, "--root-key", root]
        data = database()
        refused("root key", "demo", "--data", home / "refused", "--keys", keys.url, *data)
        with Demo(home / "one", options=[*data, *place, "--keys-replica", replica.url]) as one:
            other = Demo(home / "two", options=[*data, "--keys", keys.url, "--root-key", home / "missing.key"])
            refused("bring its file", "demo", "--data", other.data, *other.options)
            other.options, other.credentials_file = [*data, *place], one.credentials_file
            with other:
                clients = [server.client("manager") for server in (one, other)]
                kept = [expect_status(c.post("/v1/vendors", {"name": f"Kept {n}"}), 201).json["id"]
                        for n in range(60) for c in clients]
                keys.away(True)
                expect_equal({c.get(f"/v1/vendors/{key}").status for c in clients for key in kept[:20]}, {200}, "reading for a while")
                until(lambda: clients[0].post("/v1/vendors", {"name": "Away"}).status, 503)
                # Another server may have destroyed a key: what is in memory is not believed for longer than its lease.
                until(lambda: clients[0].get(f"/v1/vendors/{kept[0]}").status, 503)
                keys.away(False)
                until(lambda: clients[0].get(f"/v1/vendors/{kept[0]}").status, 200)
                until(lambda: clients[0].post("/v1/vendors", {"name": "Back"}).status, 201)
                one.kill()
                expect_status(clients[1].post("/v1/vendors", {"name": "Alone"}), 201)
            one.start()
            expect(set(kept) <= {v["id"] for v in one.client("manager").items("/v1/vendors")}, "a row is gone")
            verdict = audit_verify(one.data, *place)
            expect_equal(verdict.returncode, 0, verdict.stdout + verdict.stderr)
        on_paper(home, one, place, keys, replica)


def until(ask, wanted):
    deadline = time.monotonic() + 40
    while (seen := ask()) != wanted:
        expect(time.monotonic() < deadline, f"still {seen}, not {wanted}")


def on_paper(home, demo, place, keys, replica):
    kit = home / "kit.txt"
    made = recovery("--data", demo.data, *place, "--to", kit, lines=[PASSPHRASE] * 2)
    expect_equal(made.returncode, 0, made.stderr)
    text = kit.read_text()
    expect(keys.url in text and replica.url in text and postgres().password not in text, text)
    for away in (keys, replica):
        away.away(True)
        opened = check(kit)
        expect_equal(opened.returncode, 0, opened.stdout + opened.stderr)
        expect(f"not there     {away.url}" in opened.stdout, opened.stdout)
        away.away(False)
    listed = run(STEWARD, "keys", "replicate", "--data", demo.data, *place, *demo.options[:4], "--json")
    expect(listed.returncode == 0 and replica.url in listed.stdout, listed.stdout + listed.stderr)
    gone = run(STEWARD, "keys", "forget", "--data", demo.data, *place, "--keys-replica", replica.url)
    expect_equal(gone.returncode, 0, gone.stdout + gone.stderr)


if POSTGRES in engines():
    scenario("keys in a database: two servers take them, it goes away and comes back, and a kit and a replica name it")(in_database)
