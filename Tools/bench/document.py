"""Renders the tables of docs/benchmarks.md from .build/bench.json, between the comments that name them. The words around them are written by hand."""

import json
import re

from figures import PATH, ROOT, number, wanted

DOCUMENT = ROOT / "docs" / "benchmarks.md"


def render():
    result = json.loads(PATH.read_text())
    text = DOCUMENT.read_text()
    for name, make in {"machine": machine, "table": table, "growth": growth, "short": short}.items():
        block = f"<!-- {name}: made by `python3 Tools/bench --table` -->\n{make(result)}\n<!-- end of {name} -->"
        text, found = re.subn(rf"<!-- {name}: .*?<!-- end of {name} -->", lambda _: block, text, flags=re.S)
        if not found:
            raise SystemExit(f"docs/benchmarks.md has no place for {name}")
    DOCUMENT.write_text(text)
    print(f"{DOCUMENT.relative_to(ROOT)} is made from {PATH.relative_to(ROOT)}")


def machine(result):
    facts = result["machine"]
    days = sorted({figure["at"][:10] for figure in result["figures"]})
    loud = [figure for figure in result["figures"] if not figure["quiet"]]
    quiet = ("found quiet before and after every row" if not loud
             else f"not quiet while {len(loud)} of {len(result['figures'])} figures were measured; they are marked")
    return (f"{facts['processor']}, {facts['processors']} processors, {facts['memory']} of memory, Linux {facts['kernel']}, {facts['file_system']}; "
            f"{facts['swift']}; {', '.join(days)}; the machine was {quiet}.")


def cell(spread, unit):
    text = f"{number(spread['median'])} {unit}"
    return text if spread["low"] == spread["high"] else f"{text} ({number(spread['low'])}–{number(spread['high'])})"


def table(result):
    lines = ["| what | engine | figure, median (range) | beside it, in the same run | ratio | reach | |", "|---|---|---|---|---|---|---|"]
    for figure in result["figures"]:
        beside = figure["baseline"]
        marks = [word for word in ("reached" if figure["reached"] else "**short**" if figure["reached"] is False else "",
                                   "" if figure["quiet"] else "not quiet") if word]
        name = figure["name"] + (f" ({figure['note']})" if figure["note"] else "")
        lines.append("| " + " | ".join([
            name, "–" if figure["row"] == "raw" else figure["engine"], cell(figure, figure["unit"]), f"{beside['name']}: {cell(beside, figure['unit'])}" if beside else "",
            f"{figure['ratio']:.2f}" if figure["ratio"] else "", wanted(figure) if figure["reach"] else "", ", ".join(marks)]) + " |")
    for missing in result["unmeasured"]:
        lines.append(f"| {missing['row']} | {missing['engine']} | not measured: {missing['why']} | | | | |")
    return "\n".join(lines)


def growth(result):
    lines = ["| engine | entries in the log | insert, µs | beside it, 1,000 entries | ratio | update of a random record, µs | beside it | ratio |", "|---|---|---|---|---|---|---|---|"]
    for engine, points in sorted(result["growth"].items()):
        for point in points:
            row = [engine, f"{point['entries']:,}"]
            for kind in ("insert", "update"):
                ours, small = median(point[f"{kind}_us"]), median(point[f"small_{kind}_us"])
                row += [f"{ours:.1f}", f"{small:.1f}", f"{ours / small:.2f}"]
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def median(values):
    return sorted(values)[len(values) // 2]


def short(result):
    behind = [figure for figure in result["figures"] if figure["reached"] is False]
    if not behind:
        return "Nothing: every row was reached."
    lines = []
    for figure in behind:
        is_ratio = figure["reach"]["of"] == "ratio"
        stands = f"{figure['ratio'] or 0:.2f} ×" if is_ratio else f"{number(figure['median'])} {figure['unit']}"
        lines.append(f"- {figure['name']}, {figure['engine']}: {stands} instead of {wanted(figure)}.")
    return "\n".join(lines)
