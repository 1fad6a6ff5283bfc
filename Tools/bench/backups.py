"""Backup and restore of one installation beside restic (Debian) on the same data, the same disk and the same minutes."""

import os
import shutil
import statistics
import subprocess
import time

ROUNDS = 3
EVIDENCE_FILES, EVIDENCE_BYTES = 24, 32 * 1024 * 1024


def fill(demo):
    """Evidence of 768 MiB; the rows of the import before it come on top."""
    manager = demo.client("manager")
    case = next(c for c in manager.items("/v1/cases") if c["state"] == "open")
    steps = manager.get(f"/v1/cases/{case['id']}").json["steps"]
    step, kind = next((s["id"], n["kind"]) for s in steps for n in s["needs"]["evidence"])
    for number in range(EVIDENCE_FILES):
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
    """Seconds for each of the four; restores are made from what was just written."""
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


def measure_backups(demo, home, quiet, table):
    """The demo is stopped. Rates are megabytes of the data directory a second."""
    if not shutil.which("restic"):
        print("  restic is missing (apt-get install restic): no figures for backups")
        return
    env = {"RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(home / "restic-cache")}
    megabytes, calm, rounds = size_of(demo.data) / 1e6, True, []
    for _ in range(ROUNDS):
        calm &= quiet.check()
        rounds.append(one_round(demo, home, env))
    rate = {name: statistics.median(megabytes / seen[name] for seen in rounds) for name in rounds[0]}
    table.add(f"backup of {megabytes:.0f} MB, beside restic", rate["backup"], "MB/s", calm, rate["restic backup"])
    table.add("restore with verification, beside restic", rate["restore"], "MB/s", calm, rate["restic restore"])
    table.add("verification of a backup", rate["verify"], "MB/s", calm)
    if os.path.exists("/usr/bin/time"):
        peak = peak_mib(demo.binary, "backup", "create", "--data", demo.data, "--to", home / "place", "--base")
        table.add("peak memory of a backup", peak, "MiB", calm)
