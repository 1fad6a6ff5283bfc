"""Backup and restore of one installation beside restic (Debian) on the same data, the same disk and the same minutes."""

import os
import shutil
import subprocess
import time

from bench import row
from reads import import_register

EVIDENCE_BYTES = 32 * 1024 * 1024
EVIDENCE_FILES, EVIDENCE_FILES_LONG = 8, 24


def fill(demo, files):
    """Evidence, beside the rows of a register."""
    import_register(demo)
    manager = demo.client("manager")
    case = next(c for c in manager.items("/v1/cases") if c["state"] == "open")
    steps = manager.get(f"/v1/cases/{case['id']}").json["steps"]
    step, kind = next((s["id"], n["kind"]) for s in steps for n in s["needs"]["evidence"])
    for number in range(files):
        answer = manager.upload(
            f"/v1/cases/{case['id']}/steps/{step}/evidence?kind={kind}", os.urandom(EVIDENCE_BYTES), "application/octet-stream", f"{number}.bin")
        if answer.status != 201:
            raise SystemExit(f"evidence for the backup was refused: {answer}")


def size_of(directory):
    return sum(p.stat().st_size for p in directory.rglob("*") if p.is_file())


def timed(*command, env=None):
    started = time.monotonic()
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, env={**os.environ, **(env or {})})
    seconds = time.monotonic() - started
    if result.returncode != 0:
        raise SystemExit(f"{command}: {result.stdout}{result.stderr}")
    return seconds


def peak_mib(*command):
    result = subprocess.run(["/usr/bin/time", "-f", "%M", *[str(part) for part in command]], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"{command}: {result.stdout}{result.stderr}")
    return int(result.stderr.split()[-1]) / 1024


def one_round(demo, home, env):
    """Seconds for each of the five; restores are made from what was just written."""
    place, repository, ours, theirs = (home / name for name in ("place", "restic", "ours", "theirs"))
    for path in (place, repository, ours, theirs):
        shutil.rmtree(path, ignore_errors=True)
    timed("restic", "-r", repository, "init", env=env)
    seen = {"backup": timed(demo.binary, "backup", "create", "--data", demo.data, "--to", place)}
    seen["restic backup"] = timed("restic", "-r", repository, "backup", demo.data, env=env)
    seen["restore"] = timed(demo.binary, "restore", "--from", place, "--data", ours, "--keys", demo.keys)
    seen["restic restore"] = timed("restic", "-r", repository, "restore", "latest", "--target", theirs, env=env)
    seen["verify"] = timed(demo.binary, "backup", "verify", place, "--data", demo.data)
    return seen


def measure(bench, files):
    """The demo is stopped. Rates are megabytes of the data directory a second."""
    if not shutil.which("restic"):
        raise SystemExit("restic is missing: apt-get install restic")
    home, demo = bench.place("backups"), bench.demo().start()
    try:
        fill(demo, files)
    finally:
        demo.stop()
    env = {"RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(home / "restic-cache")}
    megabytes = size_of(demo.data) / 1e6
    (rounds,), calm = bench.rounds(lambda n: one_round(demo, home, env))

    def rates(name):
        return [megabytes / seen[name] for seen in rounds]

    bench.add(f"backup of {megabytes:.0f} MB", rates("backup"), "MB/s", calm, baseline=("restic", rates("restic backup")))
    bench.add("restore with verification", rates("restore"), "MB/s", calm, baseline=("restic", rates("restic restore")))
    bench.add("verification of a backup", rates("verify"), "MB/s", calm)
    if os.path.exists("/usr/bin/time"):
        peak = peak_mib(demo.binary, "backup", "create", "--data", demo.data, "--to", home / "place", "--base")
        bench.add("peak memory of a backup", [peak], "MiB", calm)


@row("backup", engines=("SQLite",))
def backups(bench):
    measure(bench, EVIDENCE_FILES)


@row("backup-long", engines=("SQLite",), long=True)
def backups_long(bench):
    measure(bench, EVIDENCE_FILES_LONG)
