"""What every row has at hand: options, a place on the disk, the state of the machine, the figures, the engine, and the two load generators."""

from dataclasses import dataclass, field
import json
import os
import subprocess

from engines import SQLite
from servers import Demo, RELEASE, ROOT

CLIENTS = 64
ROWS = []


def row(name, engines=("SQLite", "PostgreSQL"), long=False):
    """Declares a row of the table: a function of a `Bench`."""
    def declare(function):
        ROWS.append((name, engines, long, function))
        return function
    return declare


@dataclass
class Bench:
    options: object
    home: object
    quiet: object
    figures: object
    engine: object = field(default_factory=SQLite)
    places: int = 0
    servers: list = field(default_factory=list)

    def place(self, name):
        """A directory of its own on the disk that is measured."""
        self.places += 1
        path = self.home / f"{self.places}-{name}"
        path.mkdir(parents=True)
        return path

    def demo(self, name="steward", data=None):
        """`data`: a place of the engine that holds something already, or is to."""
        return self.keep(Demo(self.place(name), binary=RELEASE / "steward", options=tuple((data or self.engine.place()).product)))

    def keep(self, server):
        """Notes a server, so that none outlives its row."""
        self.servers.append(server)
        return server

    def stop(self):
        for server in self.servers:
            if server.process and server.process.poll() is None:
                server.stop()

    def rounds(self, *bodies):
        """A B, A B, A B: all meet the same minutes of the machine. Returns the runs of each body, and whether it was quiet all the time."""
        runs, calm = [[] for _ in bodies], True
        for number in range(self.options.rounds):
            calm &= self.quiet.check()
            for runs_of_one, body in zip(runs, bodies):
                runs_of_one.append(body(number))
        return runs, calm & self.quiet.check()

    def add(self, name, runs, unit, quiet, **more):
        self.figures.add(name, runs, unit, quiet, **more)

    def tool(self, verb, place, *words, flags=(), before=()):
        """A measurement in process, by steward-bench; its answer is one JSON object."""
        result = subprocess.run([*before, str(RELEASE / "steward-bench"), verb, str(place), *map(str, words), *flags], capture_output=True, text=True)
        if result.returncode != 0:
            raise SystemExit(f"steward-bench {verb}: {result.stderr[-1000:]}")
        return json.loads(result.stdout.strip().splitlines()[-1])


def wrk(script, url, seconds, clients=CLIENTS, **environment):
    """{"rate", "p50_ms", "p99_ms", …}. An error anywhere means that something else was measured."""
    result = subprocess.run(
        ["wrk", "-t", "2", "-c", str(clients), "-d", f"{seconds}s", "-s", ROOT / "Tools/bench" / script, url],
        env={**os.environ, **environment}, capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"wrk: {result.stdout}{result.stderr}")
    figures = json.loads(result.stdout.strip().splitlines()[-1])
    if figures["errors"]:
        raise SystemExit(f"{url}: {figures['errors']} of {figures['requests']} requests failed; this measures nothing")
    return {"rate": figures["requests"] / figures["seconds"], **figures}
