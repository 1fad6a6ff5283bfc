"""Measures Steward against a plain server, in one run, on a machine that it looks at first. `make bench` builds and calls it.

Prints a table and writes .build/bench.json: [{"name","value","unit","baseline","ratio","quiet"}]. Ratios count; absolute
figures belong to the machine. `--seconds N` is the length of one run (default 8), `--rounds N` the number of pairs (3)."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from backups import fill, measure_backups
from neighbour import neighbour
from quiet import Quiet
from servers import Baseline, Client, Demo, RELEASE, ROOT, forget_peak, memory_mib, wait_for

CLIENTS = 64
EVIDENCE_BYTES = 100 * 1024 * 1024
CSV_LINES = 100_000


def wrk(url, token, seconds, run):
    result = subprocess.run(
        ["wrk", "-t", "2", "-c", str(CLIENTS), "-d", f"{seconds}s", "-s", ROOT / "Tools/bench/create.lua", f"{url}/v1/vendors"],
        env={**os.environ, "TOKEN": token or "", "RUN": run}, capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"wrk: {result.stdout}{result.stderr}")
    figures = json.loads(result.stdout.strip().splitlines()[-1])
    if figures["errors"]:
        raise SystemExit(f"{url}: {figures['errors']} of {figures['requests']} requests failed; this measures nothing")
    return {"rate": figures["requests"] / figures["seconds"], **figures}


def alternate(demo, baseline, quiet, options):
    """A B A B: both meet the same minutes of the machine. Returns ({figure: median} of each, quiet all the time?)."""
    ours, plain, calm = [], [], True
    token = demo.person("manager")["token"]
    for round_ in range(options.rounds):
        calm &= quiet.check()
        plain.append(wrk(baseline.url, None, options.seconds, f"p{round_}"))
        calm &= quiet.check()
        ours.append(wrk(demo.url, token, options.seconds, f"s{round_}"))
        print(f"  round {round_ + 1}: plain {plain[-1]['rate']:.0f}/s, steward {ours[-1]['rate']:.0f}/s", flush=True)

    def medians(runs):
        return {figure: statistics.median(run[figure] for run in runs) for figure in ("rate", "p50_ms", "p99_ms")}

    return medians(ours), medians(plain), calm


class Table:
    def __init__(self):
        self.rows = []

    def add(self, name, value, unit, quiet, baseline=None):
        ratio = round(value / baseline, 3) if baseline else None
        self.rows.append({"name": name, "value": round(value, 3), "unit": unit,
                          "baseline": None if baseline is None else round(baseline, 3), "ratio": ratio, "quiet": bool(quiet)})

    def write(self):
        path = ROOT / ".build" / "bench.json"
        path.write_text(json.dumps(self.rows, indent=1) + "\n")
        print(f"\n{'':44}{'value':>12} {'unit':<10}{'baseline':>12}{'ratio':>8}  quiet")
        for row in self.rows:
            baseline = "" if row["baseline"] is None else f"{row['baseline']:,.1f}"
            ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
            print(f"{row['name']:<44}{row['value']:>12,.1f} {row['unit']:<10}{baseline:>12}{ratio:>8}  {'yes' if row['quiet'] else 'NO'}")
        print(f"\nwritten to {path.relative_to(ROOT)}")


def start_time(demo, quiet, times=5):
    """Second and later starts on the same directory: the first one also makes the sample data."""
    calm, seen = quiet.check(), []
    for _ in range(times):
        demo.stop()
        demo.process = subprocess.Popen(
            [demo.binary, "demo", "--data", demo.data, "--listen", f"127.0.0.1:{demo.port}", "--rate", str(demo.rate),
             "--credentials", demo.credentials_file],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen.append(wait_for(demo.port, "/readyz"))
    return statistics.median(seen), calm


def peak_of_evidence(demo):
    """Peak memory while one file of 100 MB is uploaded in pieces of 1 MiB, as a client sends it that reads from a disk."""
    manager = demo.client("manager")
    case = next(c for c in manager.items("/v1/cases") if c["state"] == "open")
    steps = manager.get(f"/v1/cases/{case['id']}").json["steps"]
    step, kind = next((s["id"], n["kind"]) for s in steps for n in s["needs"]["evidence"])
    forget_peak(demo.process.pid)
    piece = os.urandom(1024 * 1024)
    answer = manager.request(
        "POST", f"/v1/cases/{case['id']}/steps/{step}/evidence?kind={kind}",
        (piece for _ in range(EVIDENCE_BYTES // len(piece))),
        {"Content-Type": "application/octet-stream", "Content-Length": str(EVIDENCE_BYTES),
         "Content-Disposition": 'attachment; filename="large.bin"'})
    if answer.status != 201:
        raise SystemExit(f"the evidence of 100 MB was refused: {answer}")
    return memory_mib(demo.process.pid, "VmHWM")


def peak_of_import(demo):
    header = "registry_id,name,privacy_url,standard_retention_days,data_categories,purposes,deleted_on\r\n"
    lines = (f"{2_000_000 + n},Bulk vendor {n} Ltd,https://bulk-{n}.example/privacy,365,IP addresses; Device identifiers,Deliver,\r\n"
             for n in range(CSV_LINES))
    content = (header + "".join(lines)).encode()
    forget_peak(demo.process.pid)
    answer = demo.client("manager").upload("/v1/vendors/import", content, "text/csv")
    if answer.status not in (200, 201) or answer.json["created"] != CSV_LINES:
        raise SystemExit(f"the import of {CSV_LINES} lines: {answer}")
    return memory_mib(demo.process.pid, "VmHWM")


def ledger_alone(home, quiet, table):
    calm = quiet.check()
    result = subprocess.run([RELEASE / "steward-bench", "ledger", home], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"steward-bench ledger: {result.stderr}")
    for name, figure in json.loads(result.stdout).items():
        table.add(name, figure["value"], figure["unit"], calm and quiet.check(), figure.get("baseline"))


def beside_a_hammer(demo, quiet, table, options, name):
    calm = quiet.check()
    alone, beside = neighbour(demo, ROOT / "Tools/bench/create.lua", options.seconds)
    for percentile, was, now in zip(("p50", "p99"), alone, beside):
        table.add(f"another tenant beside {name}, {percentile}", now, "ms", calm, was)


def measure(options, home):
    quiet, table = Quiet(home), Table()
    baseline, demo = Baseline(home / "plain"), Demo(home / "steward", binary=RELEASE / "steward")
    demo.start()
    try:
        start, start_calm = start_time(demo, quiet)
        start_calm &= quiet.check()
        idle, plain_idle = memory_mib(demo.process.pid, "VmRSS"), None
        baseline.start()
        plain_idle = memory_mib(baseline.process.pid, "VmRSS")
        ours, plain, calm = alternate(demo, baseline, quiet, options)
        table.add(f"create over HTTP, {CLIENTS} clients", ours["rate"], "1/s", calm, plain["rate"])
        table.add("create over HTTP, p50", ours["p50_ms"], "ms", calm, plain["p50_ms"])
        table.add("create over HTTP, p99", ours["p99_ms"], "ms", calm, plain["p99_ms"])
        baseline.stop()
        beside_a_hammer(demo, quiet, table, options, "64 writers")
        demo.stop()
        demo.rate = 200
        demo.start()
        beside_a_hammer(demo, quiet, table, options, "64 refused")
        demo.stop()
        demo.rate = 100_000
        demo.start()
        ledger_alone(home / "ledger", quiet, table)
        table.add("memory idle", idle, "MiB", start_calm, plain_idle)
        table.add("start to first answer", start, "ms", start_calm)
        demo.stop()
        demo.start()  # Fresh, so that the peaks are those of the uploads and not of the load before.
        calm = quiet.check()
        table.add("peak memory, 100 MB evidence file", peak_of_evidence(demo), "MiB", calm)
        table.add("peak memory, 100,000-line CSV", peak_of_import(demo), "MiB", calm)
        fill(demo)
        demo.stop()
        measure_backups(demo, home, quiet, table)
    finally:
        demo.stop()
        if baseline.process and baseline.process.poll() is None:
            baseline.stop()
    table.add("disk probe, 4 KiB write + fdatasync", quiet.disk_rate, "1/s", True)
    table.write()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is missing: apt-get install wrk")
    (ROOT / ".build").mkdir(exist_ok=True)
    # On the disk that the build lies on: /tmp may be memory.
    with tempfile.TemporaryDirectory(dir=ROOT / ".build", prefix="bench-") as home:
        measure(options, Path(home))


if __name__ == "__main__":
    main()
