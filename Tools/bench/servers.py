"""The two servers that are measured, and what the kernel says of a process."""

import http.client
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

ROOT = Path(__file__).resolve().parent.parent.parent
RELEASE = Path(os.environ.get("STEWARD_BIN", ROOT / ".build" / "release"))

sys.path.insert(0, str(ROOT / "Tests" / "e2e"))
os.environ.setdefault("STEWARD_BIN", str(RELEASE))
import steward  # noqa: E402
from steward import Client, Demo, free_port  # noqa: E402

#: The first start of a demo fills it, durably; how long that takes is no figure of ours.
steward.START_SECONDS = 180


class Baseline:
    """The plain server."""

    def __init__(self, home):
        self.home, self.port, self.process = Path(home), free_port(), None
        self.home.mkdir(parents=True, exist_ok=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [RELEASE / "steward-bench", "baseline", self.home, str(self.port)], stdout=log, stderr=log)
        wait_for(self.port, "/readyz")
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


class Unrecorded(Demo):
    """Steward with sample data from steward-bench, which has the route without the record beside the product's own."""

    def __init__(self, home, flags):
        super().__init__(home, binary=RELEASE / "steward-bench", options=tuple(flags))

    def begin(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "server", self.home, str(self.port), *map(str, self.options)], stdout=log, stderr=log, env={**os.environ, "TMPDIR": str(self.tmp)})


def wait_for(port, path, seconds=60):
    """Milliseconds until the first 200."""
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return (time.perf_counter() - started) * 1000
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.001)
    raise SystemExit(f"nothing answers on port {port}")


def memory_mib(pid, field):
    """`VmRSS`: now. `VmHWM`: the peak since `forget_peak`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"the kernel says nothing of {field}")


def forget_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")
