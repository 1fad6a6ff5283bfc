"""The ledger without HTTP: its rate, what a write costs in a long log, and how long the whole of it takes to verify."""


from bench import row
from figures import reach

#: Subjects of the tenant in which one is erased; with --long the second.
SUBJECTS, SUBJECTS_LONG = {"SQLite": 100_000, "PostgreSQL": 20_000}, {"SQLite": 1_000_000, "PostgreSQL": 1_000_000}

#: Entries of the log that grows; with --long the second.
GROWN, GROWN_LONG = {"SQLite": 1_000_000, "PostgreSQL": 100_000}, {"SQLite": 10_000_000, "PostgreSQL": 1_000_000}


@row("ledger")
def ledger_alone(bench):
    def run(number):
        return bench.tool("ledger", bench.place("ledger"), bench.options.seconds, flags=bench.engine.place().tool)

    (runs,), calm = bench.rounds(run)
    bench.add("ledger alone, 512-byte entries, 512 in flight", [r["in_flight"] for r in runs], "1/s", calm, reach=reach("value", ">=", 50_000))
    bench.add("ledger alone, 512-byte entries, one at a time", [r["one_at_a_time"] for r in runs], "1/s", calm)


def grow_and_verify(bench, count):
    """One log serves both: it is grown, then verified as it lies there, by a process that may use one processor only."""
    place, flags, beside = bench.place("growth"), bench.engine.place().tool, bench.engine.place().tool
    calm = bench.quiet.check()
    result = bench.tool("growth", place, count, flags=flags + [word.replace("--database", "--beside", 1) if word.startswith("--") else word for word in beside])
    calm &= bench.quiet.check()
    bench.figures.growth[bench.engine.name] = result["points"]
    for point in result["points"]:
        name = f"write at {point['entries']:,} entries beside one at 1,000"
        last = point is result["points"][-1]
        bench.add(name, point["insert_us"], "µs", calm, baseline=("1,000 entries", point["small_insert_us"]), reach=reach("ratio", "<=", 1.2) if last else None)
        if last:
            bench.add(f"update of a random record at {point['entries']:,} entries", point["update_us"], "µs", calm, baseline=("1,000 entries", point["small_update_us"]))
    (runs,), calm = bench.rounds(lambda n: bench.tool("verify", place, flags=flags, before=["taskset", "-c", "0"]))
    if not all(run["intact"] for run in runs):
        raise SystemExit("the log that was grown does not verify")
    entries = runs[0]["entries"]
    bench.add("log re-verified on one core, per 1,000,000 entries", [run["seconds"] * 1e6 / entries for run in runs], "s", calm,
              reach=reach("value", "<=", 3), note=f"{entries:,} entries")


@row("growth")
def growth(bench):
    grow_and_verify(bench, bench.options.grown or GROWN[bench.engine.name])


@row("growth-long", long=True)
def growth_long(bench):
    grow_and_verify(bench, GROWN_LONG[bench.engine.name])


def erase_one(bench, subjects):
    """Rows, earlier versions, and the key at the live store and two replicas; five times in one tenant, each time beside one of a thousand."""
    calm = bench.quiet.check()
    result = bench.tool("erasure", bench.place("erasure"), subjects, flags=bench.engine.place().tool)
    calm &= bench.quiet.check()
    name = f"one of {subjects:,} subjects erased, two replicas of the keys"
    bench.add(f"{name}: work", result["work_s"], "s", calm, baseline=("one of 1,000", result["small_work_s"]), reach=reach("value", "<=", 1))
    bench.add(f"{name}: until final everywhere", result["final_s"], "s", calm, reach=reach("value", "<=", 60))
    bench.add(f"{name}: rows and earlier versions", [s * 1e3 for s in result["rows_s"]], "ms", calm,
              baseline=("one of 1,000", [s * 1e3 for s in result["small_rows_s"]]))
    bench.add(f"{name}: keys", [s * 1e3 for s in result["keys_s"]], "ms", calm)
    if bench.engine.name == "SQLite":
        bench.add(f"file of {subjects:,} subjects written anew", [result["file_anew_s"]], "s", calm, note=f"{result['file_bytes'] / 2**20:,.0f} MiB")


@row("erasure")
def erasure(bench):
    erase_one(bench, SUBJECTS[bench.engine.name])


@row("erasure-long", long=True)
def erasure_long(bench):
    erase_one(bench, SUBJECTS_LONG[bench.engine.name])
