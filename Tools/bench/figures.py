"""What was measured: figures with all their runs, kept in .build/bench.json, and what each of them has to reach.

{"machine": {...}, "figures": [{"row", "engine", "name", "unit", "runs", "median", "low", "high", "baseline", "ratio", "reach", "reached", "quiet",
"at", "note"}], "growth": {engine: [points]}, "unmeasured": [{"row", "engine", "why"}]}"""

from datetime import datetime, timezone
import json
import os
from pathlib import Path
import platform
import statistics
import subprocess

ROOT = Path(__file__).resolve().parent.parent.parent
PATH = ROOT / ".build" / "bench.json"


def reach(of, sign, limit):
    """What a figure has to reach: `of` is "ratio" (to the baseline) or "value"."""
    return {"of": of, "sign": sign, "limit": limit}


def spread(runs):
    return {"runs": [round(run, 4) for run in runs], "median": round(statistics.median(runs), 4), "low": round(min(runs), 4), "high": round(max(runs), 4)}


def is_reached(figure):
    if not figure["reach"]:
        return None
    value = figure["ratio"] if figure["reach"]["of"] == "ratio" else figure["median"]
    if value is None:
        return None
    return value >= figure["reach"]["limit"] if figure["reach"]["sign"] == ">=" else value <= figure["reach"]["limit"]


def machine():
    def first(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True).stdout.strip().splitlines()[0]
        except (OSError, IndexError):
            return None

    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) / 1024 / 1024
    return {"processor": model, "processors": os.cpu_count(), "memory": f"{memory:.0f} GiB", "kernel": ".".join(platform.release().split(".")[:2]),
            "file_system": first("stat", "-f", "-c", "%T", str(ROOT)), "swift": first("swift", "--version"), "openssl": first("openssl", "version")}


class Figures:
    """Figures of earlier runs stay until their row is measured again; `afresh` keeps those of the long rows alone."""

    def __init__(self, afresh=False):
        try:
            kept = json.loads(PATH.read_text())
        except (OSError, ValueError):
            kept = None
        kept = kept if isinstance(kept, dict) else {}
        self.figures, self.growth, self.unmeasured = kept.get("figures", []), kept.get("growth", {}), kept.get("unmeasured", [])
        self.row, self.engine = None, None
        if afresh:
            self.figures = [f for f in self.figures if f["row"].endswith("-long")]
            self.growth, self.unmeasured = {}, []

    def begin(self, row, engine):
        self.row, self.engine = row, engine
        self.figures = [f for f in self.figures if (f["row"], f["engine"]) != (row, engine)]
        self.unmeasured = [u for u in self.unmeasured if (u["row"], u["engine"]) != (row, engine)]

    def add(self, name, runs, unit, quiet, baseline=None, reach=None, note=None):
        """`runs`: one figure per run. `baseline`: (name, its runs)."""
        figure = {"row": self.row, "engine": self.engine, "name": name, "unit": unit, **spread(runs)}
        figure["baseline"] = {"name": baseline[0], **spread(baseline[1])} if baseline else None
        beside = figure["baseline"]["median"] if baseline else None
        figure["ratio"] = round(figure["median"] / beside, 3) if beside else None
        figure["reach"], figure["quiet"], figure["note"] = reach, bool(quiet), note
        figure["reached"] = is_reached(figure)
        figure["at"] = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.figures.append(figure)
        print("  " + line(figure), flush=True)

    def fail(self, why):
        self.unmeasured.append({"row": self.row, "engine": self.engine, "why": why})
        print(f"  not measured: {why}", flush=True)

    def write(self):
        PATH.parent.mkdir(exist_ok=True)
        PATH.write_text(json.dumps(
            {"machine": machine(), "figures": self.figures, "growth": self.growth, "unmeasured": self.unmeasured}, indent=1) + "\n")


def number(value):
    """Three or four figures that count."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def line(figure):
    text = f"{figure['name']:<58}{number(figure['median']):>10} {figure['unit']:<7}[{number(figure['low'])} – {number(figure['high'])}]"
    if figure["ratio"] is not None:
        text += f"  {figure['ratio']:.2f} × {figure['baseline']['name']} ({number(figure['baseline']['median'])})"
    if figure["reach"]:
        text += f"  {'reached' if figure['reached'] else 'SHORT OF'} {wanted(figure)}"
    return text + ("" if figure["quiet"] else "  NOT QUIET")


def wanted(figure):
    sign = "≥" if figure["reach"]["sign"] == ">=" else "≤"
    limit = figure["reach"]["limit"]
    return f"{sign} {limit:g} ×" if figure["reach"]["of"] == "ratio" else f"{sign} {limit:,g} {figure['unit']}"
