"""Reads of a register of 100,000 sealed vendors over HTTP, beside the same register in clear."""

import urllib.request

from bench import row, wrk
from figures import reach
from servers import Baseline

COUNT = 100_000
#: name, mode of read.lua, what to reach
KINDS = [("read by id", "id", 20_000), (f"list 20 of {COUNT:,}", "list", 3_400), (f"word search in {COUNT:,} sealed records", "search", 2_000)]


def register(count=COUNT):
    """As the import reads it; names and numbers are those of the plain server's register."""
    header = "registry_id,name,privacy_url,standard_retention_days,data_categories,purposes,deleted_on\r\n"
    lines = (f"{2_000_000 + n},Bulk vendor {n} Ltd,https://bulk-{n}.example/privacy,365,IP addresses; Device identifiers,Deliver,\r\n" for n in range(count))
    return (header + "".join(lines)).encode()


def import_register(demo, count=COUNT):
    answer = demo.client("manager").upload("/v1/vendors/import", register(count), "text/csv")
    if answer.status not in (200, 201) or answer.json["created"] != count:
        raise SystemExit(f"the import of {count} lines: {answer}")


@row("read")
def reads(bench):
    demo, baseline = bench.demo().start(), bench.keep(Baseline(bench.place("plain"))).start()
    try:
        import_register(demo)
        ours, theirs = demo.home / "ids", baseline.home / "ids"
        ours.write_text("\n".join(vendor["id"] for vendor in demo.client("manager").items("/v1/vendors")))
        with urllib.request.urlopen(urllib.request.Request(f"{baseline.url}/fill/{COUNT}", method="POST")) as answer:
            theirs.write_bytes(answer.read())
        token, seconds = demo.person("manager")["token"], max(2, bench.options.seconds // 2)
        for name, mode, rate in KINDS:
            (plain, sealed), calm = bench.rounds(
                lambda n: wrk("read.lua", baseline.url, seconds, MODE=mode, IDS=str(theirs))["rate"],
                lambda n: wrk("read.lua", demo.url, seconds, MODE=mode, IDS=str(ours), TOKEN=token)["rate"])
            bench.add(f"{name}, over HTTP", sealed, "1/s", calm, baseline=("plain server on SQLite, in clear", plain), reach=reach("value", ">=", rate))
    finally:
        demo.stop(), baseline.stop()
