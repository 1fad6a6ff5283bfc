"""One node: its start, its memory, many tenants on it, large uploads, and a certificate verified without it."""

from concurrent.futures import ThreadPoolExecutor
import os
from pathlib import Path
import resource
import subprocess
import time

from bench import row
from figures import reach
from reads import COUNT, import_register
from servers import Baseline, Client, RELEASE, forget_peak, memory_mib, wait_for

#: With --long the second.
TENANTS, TENANTS_LONG = 1_000, 10_000
IDLE_SECONDS = 15
#: The server looks at itself every 10 s, and gives back what its start and its first round of checks took once it has done nothing for as long.
COME_TO_REST_SECONDS = 30
#: After each of many tenants has asked once.
REST_SECONDS = 60
EVIDENCE_BYTES = 100 * 1024 * 1024
VERIFICATIONS = 20


@row("node")
def start_and_idle(bench):
    demo, baseline = bench.demo(), bench.keep(Baseline(bench.place("plain")))
    demo.start()
    try:
        calm, starts, idle, plain = bench.quiet.check(), [], [], []
        for _ in range(5):
            demo.stop()
            demo.begin()
            starts.append(wait_for(demo.port, "/readyz"))
        for _ in range(bench.options.rounds):
            demo.stop()
            demo.start()
            baseline.start()
            calm &= bench.quiet.check()
            time.sleep(COME_TO_REST_SECONDS)
            idle.append(memory_mib(demo.process.pid, "VmRSS"))
            plain.append(memory_mib(baseline.process.pid, "VmRSS"))
            baseline.stop()
    finally:
        demo.stop()
    bench.add("start to first answer", starts, "ms", calm, reach=reach("value", "<=", 150))
    bench.add("memory idle", idle, "MiB", calm, baseline=("plain insert server", plain), reach=reach("value", "<=", 60))


def written_bytes(pid):
    """What the process gave to the disk, and how often it asked for it."""
    fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(fields["write_bytes"]), int(fields["syscw"])


def idle_writes(demo, seconds=IDLE_SECONDS):
    """KiB a second while nobody asks anything."""
    before = written_bytes(demo.process.pid)[0]
    time.sleep(seconds)
    return (written_bytes(demo.process.pid)[0] - before) / 1024 / seconds


def traffic_at_rest(demo, seconds=REST_SECONDS):
    """KiB that went to and came from the disk in so long, and how often the process read or wrote anything at all."""
    def counts():
        fields = dict(line.split(": ") for line in Path(f"/proc/{demo.process.pid}/io").read_text().splitlines())
        return (int(fields["read_bytes"]) + int(fields["write_bytes"])) / 1024, int(fields["syscr"]) + int(fields["syscw"])

    kib, calls = counts()
    time.sleep(seconds)
    kib_after, calls_after = counts()
    return kib_after - kib, calls_after - calls


def ask_each(demo, tokens):
    """One question from every tenant, so that each of them has been opened. Seconds per tenant."""
    def ask(part):
        client = Client(demo.url)
        for token in part:
            client.token = token
            answer = client.get("/v1/vendors?limit=1")
            if answer.status != 200:
                raise SystemExit(f"a tenant among many was refused: {answer}")

    started, hands = time.monotonic(), 8
    with ThreadPoolExecutor(hands) as pool:
        list(pool.map(ask, [tokens[n::hands] for n in range(hands)]))
    return (time.monotonic() - started) / len(tokens)


def started_again(demo):
    """The first start of a demo makes its sample data, which is nothing to time or weigh. Does not wait."""
    demo.start()
    demo.stop()
    demo.begin()
    return demo


@row("tenants")
def some_tenants(bench):
    many_tenants(bench, bench.options.tenants or TENANTS)


@row("tenants-long", long=True)
def very_many_tenants(bench):
    many_tenants(bench, TENANTS_LONG)


def many_tenants(bench, count):
    data = bench.engine.place()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    few = started_again(bench.demo("few"))
    few.wait_until_ready()
    calm = bench.quiet.check()
    time.sleep(COME_TO_REST_SECONDS)
    few_memory, few_writes = memory_mib(few.process.pid, "VmRSS"), idle_writes(few)
    few.stop()
    demo = bench.demo("many", data)
    started = time.monotonic()
    bench.tool("tenants", demo.home, count, flags=data.tool)
    bench.add("making a tenant with owner and token", [(time.monotonic() - started) / count * 1000], "ms", calm)
    started_again(demo)
    bench.add(f"start to first answer with {count:,} tenants", [wait_for(demo.port, "/readyz")], "ms", calm)
    calm &= bench.quiet.check()
    time.sleep(COME_TO_REST_SECONDS)
    bench.add(f"memory with {count:,} tenants, idle", [memory_mib(demo.process.pid, "VmRSS")], "MiB", calm, baseline=("two tenants", [few_memory]),
              reach=reach("value", "<=", 200))
    bench.add(f"written to disk by {count:,} idle tenants", [idle_writes(demo)], "KiB/s", calm, baseline=("two tenants", [few_writes]))
    tokens = (demo.home / "tokens").read_text().split()
    each = ask_each(demo, tokens)
    bench.add("first question of a tenant that was not open, 8 at once", [each * 1000], "ms", calm)
    calm &= bench.quiet.check()
    open_files = len(os.listdir(f"/proc/{demo.process.pid}/fd"))
    bench.add(f"memory with {count:,} tenants, each has asked once", [memory_mib(demo.process.pid, "VmRSS")], "MiB", calm,
              baseline=("two tenants", [few_memory]), reach=reach("value", "<=", 200), note=f"{open_files:,} files open")
    again = ask_each(demo, tokens)
    bench.add("question of a tenant that was closed again, 8 at once", [again * 1000], "ms", calm)
    time.sleep(IDLE_SECONDS)
    kib, calls = traffic_at_rest(demo)
    bench.add("to and from the disk in a minute at rest after that", [kib], "KiB", calm, note=f"{calls:,} reads and writes of any kind")
    bench.add("memory at rest after that", [memory_mib(demo.process.pid, "VmRSS")], "MiB", calm, baseline=("two tenants", [few_memory]),
              reach=reach("value", "<=", 200))
    demo.stop()


@row("certificate", engines=("SQLite",))
def certificate_offline(bench):
    """The whole program as an auditor starts it, on the certificate of the sample data."""
    demo = bench.demo().start()
    try:
        manager = demo.client("manager")
        case = next(case for case in manager.items("/v1/cases") if case["certificate"])
        bundle = manager.get(f"/v1/cases/{case['id']}/certificate", Accept="application/zip")
        key = demo.anonymous().get("/.well-known/steward.vkey")
    finally:
        demo.stop()
    place = bench.place("auditor")
    (place / "certificate.zip").write_bytes(bundle.body)
    (place / "steward.vkey").write_bytes(key.body)
    calm, seen = bench.quiet.check(), []
    for _ in range(VERIFICATIONS):
        started = time.perf_counter()
        result = subprocess.run([RELEASE / "steward-verify", "--key", "steward.vkey", "certificate.zip"], cwd=place, capture_output=True, text=True, env={})
        seen.append((time.perf_counter() - started) * 1000)
        if result.returncode != 0:
            raise SystemExit(f"the certificate does not verify: {result.stdout}{result.stderr}")
    bench.add("a certificate verified offline", seen, "ms", calm, reach=reach("value", "<=", 50))


@row("uploads", engines=("SQLite",))
def peaks(bench):
    demo = bench.demo().start()
    try:
        calm = bench.quiet.check()
        bench.add("peak memory, 100 MB evidence file", [peak_of_evidence(demo)], "MiB", calm)
        forget_peak(demo.process.pid)
        import_register(demo)
        bench.add(f"peak memory, {COUNT:,}-line CSV", [memory_mib(demo.process.pid, "VmHWM")], "MiB", calm)
    finally:
        demo.stop()


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
