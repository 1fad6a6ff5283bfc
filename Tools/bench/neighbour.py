"""What one tenant notices of another: the latency of its requests alone, and while the other one's token hammers with wrk."""

import os
import statistics
import subprocess
import time

HAMMERS = 64


def latencies(client, seconds):
    """Milliseconds of GET /v1/people?limit=20, a hundred a second at the most, as people and their programs ask."""
    taken, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.perf_counter()
        answer = client.get("/v1/people?limit=20")
        taken.append((time.perf_counter() - started) * 1000)
        if answer.status != 200:
            raise SystemExit(f"the neighbour was refused: {answer}")
        time.sleep(max(0, 0.01 - taken[-1] / 1000))
    return taken


def percentiles(taken):
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


def neighbour(demo, script, seconds):
    """((p50, p99) alone, (p50, p99) beside the hammer)."""
    client = demo.client("owner", "globex")
    latencies(client, 1)
    alone = percentiles(latencies(client, seconds))
    hammer = subprocess.Popen(
        ["wrk", "-t", "2", "-c", str(HAMMERS), "-d", f"{seconds + 2}s", "-s", script, f"{demo.url}/v1/vendors"],
        env={**os.environ, "TOKEN": demo.person("manager")["token"], "RUN": "hammer"}, stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    beside = percentiles(latencies(client, seconds))
    hammer.communicate(timeout=60)
    return alone, beside
