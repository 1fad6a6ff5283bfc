"""Is the machine quiet? A busy neighbour drops disk figures twentyfold, so every measurement says what it ran beside."""

import os
import statistics
import tempfile
import time

#: Idle share of all processors over one second, with nothing of ours running.
LEAST_IDLE = 0.85
#: The slowest of five probes against the fastest: a disk that others use does not hold its rate.
LEAST_STEADY = 0.6
#: How long a machine gets to come to rest before a row is measured and marked.
SETTLE_SECONDS = 45


def idle_share(seconds=1.0):
    def read():
        with open("/proc/stat") as stat:
            times = [int(word) for word in stat.readline().split()[1:]]
        return times[3] + times[4], sum(times[:8])

    idle, total = read()
    time.sleep(seconds)
    idle_after, total_after = read()
    return (idle_after - idle) / max(total_after - total, 1)


def disk_rates(directory, probes=5, writes=200):
    """4 KiB write + fdatasync per second, several times over."""
    rates, block = [], os.urandom(4096)
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        for _ in range(probes):
            started = time.perf_counter()
            for _ in range(writes):
                os.write(file.fileno(), block)
                os.fdatasync(file.fileno())
            rates.append(writes / (time.perf_counter() - started))
    return rates


class Quiet:
    """`check()` before and after each measurement; a row is quiet if both were."""

    def __init__(self, directory, settle_seconds=SETTLE_SECONDS):
        self.directory, self.settle_seconds, self.rates = directory, settle_seconds, []

    def settled_idle_share(self):
        """What was just started has work of its own (a server proves its promises): it gets time to come to rest."""
        idle, waited = idle_share(), 0
        while idle < LEAST_IDLE and waited < self.settle_seconds:
            idle, waited = idle_share(), waited + 1
        return idle

    def check(self):
        idle, rates = self.settled_idle_share(), disk_rates(self.directory)
        self.rates += rates
        steady = min(rates) / max(rates)
        quiet = idle >= LEAST_IDLE and steady >= LEAST_STEADY
        if not quiet:
            print(f"  the machine is not quiet: {idle:.0%} idle, disk steady to {steady:.0%}")
        return quiet

    @property
    def disk_rate(self):
        return statistics.median(self.rates)
