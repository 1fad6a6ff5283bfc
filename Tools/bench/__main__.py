"""Measures every row of docs/benchmarks.md, each beside its baseline in the same minutes, on a machine that it looks at first. `make bench` builds
and calls it; figures go to .build/bench.json, those of rows not measured this time stay.

  Tools/bench                          every row on both engines, about twelve minutes
  Tools/bench --only create --only read --engine sqlite
  Tools/bench --long                   the long rows too: ten times the entries and the tenants, a larger backup
  Tools/bench --list                   the rows
  Tools/bench --table                  renders docs/benchmarks.md from .build/bench.json

Ratios count; absolute figures belong to the machine. A row during which the machine was not quiet says so."""

import argparse
from pathlib import Path
import shutil
import sys
import tempfile
import time
import traceback

import raw, writes, reads, ledgers, node, backups  # noqa: E401, F401 (each declares its rows, in the order of the table)
from bench import Bench, ROWS
from document import render
from engines import PostgreSQL, SQLite
from figures import Figures, line
from quiet import Quiet, SETTLE_SECONDS
from servers import ROOT


def arguments():
    parser = argparse.ArgumentParser(prog="Tools/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="ROW", help="this row; may be repeated")
    parser.add_argument("--engine", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--long", action="store_true", help="the long rows too")
    parser.add_argument("--seconds", type=int, default=4, help="one run of a load (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (%(default)s)")
    parser.add_argument("--tenants", type=int, default=0, help="tenants on one node (1,000; 10,000 in the long row)")
    parser.add_argument("--grown", type=int, default=0, help="entries of the log that grows (1,000,000 on SQLite, 100,000 on PostgreSQL; ten times as many in the long row)")
    parser.add_argument("--settle", type=int, default=SETTLE_SECONDS, help="seconds a busy machine gets to come to rest (%(default)s)")
    parser.add_argument("--list", action="store_true", help="list the rows")
    parser.add_argument("--table", action="store_true", help="render docs/benchmarks.md and measure nothing")
    return parser.parse_args()


def chosen(options, engines):
    """(row, engine, function), engine after engine."""
    known = {name for name, _, _, _ in ROWS}
    for name in options.only or []:
        if name not in known:
            raise SystemExit(f"there is no row {name}: {', '.join(sorted(known))}")
    return [(name, engine, function) for engine in engines for name, on, long, function in ROWS
            if engine.name in on and (name in options.only if options.only else options.long or not long)]


def measure(options, home):
    engines = [SQLite()] if options.engine != "postgres" else []
    engines += [PostgreSQL(home)] if options.engine != "sqlite" else []
    figures, quiet = Figures(afresh=not options.only and options.engine == "both"), Quiet(home, options.settle)
    try:
        for name, engine, function in chosen(options, engines):
            started = time.monotonic()
            print(f"{name}, {engine.name}", flush=True)
            figures.begin(name, engine.name)
            bench = Bench(options, home / f"{name}-{engine.name}", quiet, figures, engine)
            try:
                function(bench)
            except (Exception, SystemExit) as error:  # One row that fails must not take the others with it.
                if not isinstance(error, SystemExit):
                    traceback.print_exc()
                figures.fail(f"{str(error).strip() or type(error).__name__}".splitlines()[0][:200])
            finally:
                bench.stop()
            figures.write()
            shutil.rmtree(bench.home, ignore_errors=True)
            print(f"  {time.monotonic() - started:.0f} s", flush=True)
    finally:
        for engine in engines:
            engine.stop()
    return figures


def main():
    options = arguments()
    if options.table:
        return render()
    if options.list:
        for name, engines, long, function in ROWS:
            print(f"{name:<14}{', '.join(engines)}{' (long)' if long else ''}")
        return None
    for program, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if not shutil.which(program):
            raise SystemExit(f"{program} is missing: apt-get install {package}")
    (ROOT / ".build").mkdir(exist_ok=True)
    # On the disk that the build lies on: /tmp may be memory.
    with tempfile.TemporaryDirectory(dir=ROOT / ".build", prefix="bench-") as home:
        figures = measure(options, Path(home))
    print()
    for figure in figures.figures:
        print(f"{figure['engine']:<11}{line(figure)}")
    for missing in figures.unmeasured:
        print(f"{missing['engine']:<11}{missing['row']}: not measured: {missing['why']}")
    sys.exit(1 if figures.unmeasured else 0)


if __name__ == "__main__":
    main()
