"""Creates over HTTP: beside a plain server, beside pgbench, without the record, on one tenant and on many."""

from bench import CLIENTS, row, wrk
from figures import reach
from neighbour import neighbour
from servers import Baseline, ROOT, Unrecorded

TENANTS = 16
PGBENCH_TABLE = """CREATE TABLE vendor (tenant text NOT NULL, id text NOT NULL, name text NOT NULL, registry_id text, privacy_url text,
 retention_days integer, data_categories text NOT NULL, relationship text NOT NULL, ended_on text, created_at bigint NOT NULL, PRIMARY KEY (tenant, id))"""
#: The row of the plain server, one transaction each, ids that rise.
PGBENCH_INSERT = """INSERT INTO vendor VALUES ('acme', lpad(nextval('vendor_id')::text, 26, '0'), 'Vendor', NULL, 'https://vendor-1.example/privacy', 365,
 '["Names and contact details","IP addresses","Device identifiers","Support conversations"]', 'active', NULL, 1795000000000);
"""


@row("create", engines=("SQLite",))
def create(bench):
    baseline, demo = bench.keep(Baseline(bench.place("plain"))).start(), bench.demo().start()
    try:
        token = demo.person("manager")["token"]
        (plain, ours), calm = bench.rounds(
            lambda n: wrk("create.lua", f"{baseline.url}/v1/vendors", bench.options.seconds, RUN=f"p{n}"),
            lambda n: wrk("create.lua", f"{demo.url}/v1/vendors", bench.options.seconds, RUN=f"s{n}", TOKEN=token))
    finally:
        demo.stop(), baseline.stop()

    def runs(of, figure):
        return [run[figure] for run in of]

    bench.add(f"audited create over HTTP, {CLIENTS} clients", runs(ours, "rate"), "1/s", calm,
              baseline=("plain insert server", runs(plain, "rate")), reach=reach("ratio", ">=", 2))
    bench.add("audited create over HTTP, p50", runs(ours, "p50_ms"), "ms", calm, baseline=("plain insert server", runs(plain, "p50_ms")))
    bench.add("audited create over HTTP, p99", runs(ours, "p99_ms"), "ms", calm, baseline=("plain insert server", runs(plain, "p99_ms")),
              reach=reach("value", "<=", 50))


@row("create", engines=("PostgreSQL",))
def create_beside_pgbench(bench):
    demo, plain_database = bench.demo().start(), bench.engine.database()
    try:
        for statement in (PGBENCH_TABLE, "CREATE SEQUENCE vendor_id CACHE 1000"):
            bench.engine.server.sql(statement, plain_database)
        token = demo.person("manager")["token"]
        (plain, ours), calm = bench.rounds(
            lambda n: bench.engine.pgbench(plain_database, PGBENCH_INSERT, bench.options.seconds),
            lambda n: wrk("create.lua", f"{demo.url}/v1/vendors", bench.options.seconds, RUN=f"s{n}", TOKEN=token))
    finally:
        demo.stop()
    bench.add(f"audited create over HTTP, {CLIENTS} clients", [run["rate"] for run in ours], "1/s", calm,
              baseline=("pgbench, single-row insert, -c 16", plain), reach=reach("ratio", ">=", 1))
    bench.add("audited create over HTTP, p99", [run["p99_ms"] for run in ours], "ms", calm, reach=reach("value", "<=", 50))


@row("audit")
def cost_of_the_audit(bench):
    """One process, one path, with and without journal, tree and signature."""
    server = bench.keep(Unrecorded(bench.place("unrecorded"), bench.engine.place().tool)).start()
    try:
        token = server.person("manager")["token"]
        (without, with_it), calm = bench.rounds(
            lambda n: wrk("create.lua", f"{server.url}/v1/unrecorded/vendors", bench.options.seconds, RUN=f"u{n}", TOKEN=token)["rate"],
            lambda n: wrk("create.lua", f"{server.url}/v1/vendors", bench.options.seconds, RUN=f"r{n}", TOKEN=token)["rate"])
    finally:
        server.stop()
    bench.add("create over HTTP, beside the same path unrecorded", with_it, "1/s", calm, baseline=("without journal, tree, signature", without),
              reach=reach("ratio", ">=", 0.85))


@row("hot")
def one_hot_tenant(bench):
    data = bench.engine.place()
    demo = bench.demo(data=data)
    bench.tool("tenants", demo.home, TENANTS, flags=data.tool)
    tokens = (demo.home / "tokens").read_text().split()
    demo.start()
    try:
        # Every tenant is opened before anything counts.
        wrk("create.lua", f"{demo.url}/v1/vendors", 2, RUN="w", TOKEN=",".join(tokens))
        (many, one), calm = bench.rounds(
            lambda n: wrk("create.lua", f"{demo.url}/v1/vendors", bench.options.seconds, RUN=f"m{n}", TOKEN=",".join(tokens))["rate"],
            lambda n: wrk("create.lua", f"{demo.url}/v1/vendors", bench.options.seconds, RUN=f"o{n}", TOKEN=tokens[0])["rate"])
    finally:
        demo.stop()
    bench.add("create over HTTP, all on one tenant", one, "1/s", calm, baseline=(f"the same load on {TENANTS} tenants", many),
              reach=reach("ratio", ">=", 0.8))


@row("neighbour", engines=("SQLite",))
def neighbours(bench):
    for name, rate in (("64 writers", 100_000), ("64 refused", 200)):
        demo = bench.demo()
        demo.rate = rate
        demo.start()
        try:
            calm = bench.quiet.check()
            alone, beside = neighbour(demo, ROOT / "Tools/bench/create.lua", bench.options.seconds)
        finally:
            demo.stop()
        for percentile, was, now in zip(("p50", "p99"), alone, beside):
            bench.add(f"a list of another tenant beside {name}, {percentile}", [now], "ms", calm, baseline=("alone", [was]))
