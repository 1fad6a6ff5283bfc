"""What PostgreSQL's own files keep of the ciphertext of what was erased, and what takes it out of them (docs/operations/postgresql.md)."""

import os
from pathlib import Path
import tempfile

from engines import engines
from erasures import erase
from expect import expect, expect_equal, expect_status, scenario
from fixtures import an_open_case
from steward import Demo

#: Segments that a checkpoint has no use for are removed and not kept for later, so that their end is seen here.
SETTINGS = {"wal_recycle": "off", "min_wal_size": "32MB", "max_wal_size": "48MB", "autovacuum": "off"}
#: What the owner of the database runs, as the handbook has it.
WRITE_ANEW = "SELECT format('VACUUM (FULL) steward.%I', relname) FROM pg_class WHERE relnamespace = 'steward'::regnamespace AND relkind = 'r'"
OTHERS = 40


class Cluster:
    """A server of its own: nothing else writes into its files."""

    def __init__(self):
        from throwaway import ThrowAway
        self.server = ThrowAway(settings=SETTINGS).start()
        self.server.sql("CREATE DATABASE vacuum OWNER steward_owner")
        self.options = ["--database", self.server.url("steward_app", "vacuum"), "--database-owner", self.server.url("steward_owner", "vacuum")]

    def sql(self, statement):
        return self.server.sql(statement, "vacuum")

    def boxes(self, query):
        """The middle of each ciphertext that a query finds: long enough to be nothing else."""
        return [bytes.fromhex(line)[-48:-16] for line in self.sql(f"SELECT encode({query}").splitlines() if line]

    def holding(self, needles):
        """(needles in tables, indexes and TOAST; needles in the write-ahead log), as the files lie on the disk."""
        self.server.sql("CHECKPOINT")
        found = {"base": set(), "pg_wal": set()}
        for area, hits in found.items():
            for folder, _, names in os.walk(self.server.data / area):
                for name in names:
                    try:
                        content = (Path(folder) / name).read_bytes()
                    except FileNotFoundError:
                        continue
                    hits.update(n for n in needles if n in content)
        return len(found["base"]), len(found["pg_wal"])


if any(engine.name == "PostgreSQL" for engine in engines()):
    @scenario("what was erased leaves PostgreSQL's tables, indexes and TOAST when the owner writes them anew, and its log when segments go")
    def vacuumed():
        cluster = Cluster()
        try:
            with tempfile.TemporaryDirectory(prefix="steward-e2e-") as home, Demo(Path(home) / "demo", options=cluster.options) as demo:
                bytes_of(cluster, demo)
        finally:
            cluster.server.remove()


def bytes_of(cluster, demo):
    manager = demo.client("manager")
    vendor = a_changed_vendor(manager)
    case = an_open_case(manager, vendor)
    step, kind = next((s["id"], need["kind"]) for s in case["steps"] for need in s["needs"]["evidence"])
    expect_status(manager.upload(f"/v1/cases/{case['id']}/steps/{step}/evidence?kind={kind}", os.urandom(100_000), "application/pdf", "one.pdf"), 201)
    others = [a_changed_vendor(manager) for _ in range(OTHERS)]
    rows = cluster.boxes(f"sealed, 'hex') FROM steward.vendor WHERE id = '{vendor}'")
    images = cluster.boxes(f"image, 'hex') FROM steward.log_change WHERE row_key = '{vendor}' AND image IS NOT NULL")
    chunks = cluster.boxes("data, 'hex') FROM steward.file_chunk ORDER BY length(data) DESC LIMIT 1")
    needles = rows + images + chunks
    expect_equal((len(rows), len(images), len(chunks)), (1, 1, 1), "ciphertexts to look for")
    expect_equal(cluster.holding(needles), (3, 3), "in tables and in the log before the erasure")
    erasure = erase(demo.client("owner"), "vendor", vendor)
    expect_equal(erasure["ciphertext"], "database", "what the erasure says of its ciphertext")
    after = cluster.holding(needles)
    cluster.sql("VACUUM")
    vacuumed = cluster.holding(needles)
    for statement in cluster.sql(WRITE_ANEW).splitlines():
        cluster.sql(statement)
    anew = cluster.holding(needles)
    print(f"       of 3 ciphertexts in tables and in the log: {after} when it is final, {vacuumed} after VACUUM, {anew} after VACUUM FULL", flush=True)
    expect_equal(anew[0], 0, "ciphertexts in tables, indexes and TOAST after the owner wrote them anew")
    for _ in range(8):
        cluster.server.sql("SELECT pg_switch_wal()")
        for _ in range(3):
            a_changed_vendor(manager)
        gone = cluster.holding(needles)
        if gone == (0, 0):
            break
    expect_equal(gone, (0, 0), "ciphertexts after segments of the log went")
    for other in others:
        expect_status(manager.get(f"/v1/vendors/{other}"), 200)


def a_changed_vendor(manager):
    key = expect_status(manager.post("/v1/vendors", {"name": "Before Ltd"}), 201).json["id"]
    expect_status(manager.patch(f"/v1/vendors/{key}", {"name": "After Ltd"}), 200)
    return key
