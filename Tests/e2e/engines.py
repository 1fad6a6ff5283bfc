"""Where an installation's data lies: which options say so, and how many servers may serve it at once. `--engine NAME` chooses one."""

import atexit
from dataclasses import dataclass
from functools import cache
import itertools
import sys
import threading
from typing import Callable

from steward import PATIENCE, ROOT, Demo

sys.path.append(str(ROOT / "Tools" / "postgres"))


@dataclass(frozen=True)
class Engine:
    """`options` gives what `steward demo` is told for a new installation; `servers` is how many of them share it; `share` is its part of
    what is played on every engine."""
    name: str
    servers: int
    share: float
    options: Callable[[], list]


# PostgreSQL: one throw-away server for all scenarios, a database for each installation.

NUMBERS = itertools.count(1)
#: Installations that begin at the same time share one.
STARTING = threading.Lock()


def postgres():
    with STARTING:
        return started_postgres()


@cache
def started_postgres():
    from throwaway import ThrowAway
    server = ThrowAway().start()
    atexit.register(server.remove)
    return server


def database():
    server, name = postgres(), f"e2e_{next(NUMBERS)}"
    server.sql(f"CREATE DATABASE {name} OWNER steward_owner")
    server.sql(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    server.sql(f"GRANT CONNECT ON DATABASE {name} TO steward_app")
    return ["--database", server.url("steward_app", name), "--database-owner", server.url("steward_owner", name)]


SQLITE = Engine("SQLite", 1, 0.7, lambda: [])
POSTGRES = Engine("PostgreSQL", 2, 0.3, database)


def option(name, otherwise):
    """What follows `name` on the command line."""
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else otherwise


def engines():
    chosen = option("--engine", "all")
    return [engine for engine in (SQLITE, POSTGRES) if chosen in ("all", engine.name.lower())]


class Fleet:
    """All servers of one installation. They share its directories and its credentials; each has a port and a life of its own."""

    def __init__(self, engine, home=None):
        options = engine.options()
        self.servers = [Demo(home, options=options)]
        self.servers += [Demo(self.servers[0].home, options=options) for _ in range(engine.servers - 1)]
        first = self.servers[0]
        self.data, self.keys, self.tmp = first.data, first.keys, first.tmp

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers[1:] + self.servers[:1]:
            server.__exit__()

    def start(self):
        """The first makes what is missing; then the others have something to serve."""
        for server in self.servers:
            if not server.runs():
                self.start_patiently(server)

    def start_patiently(self, server, tries=5 if PATIENCE > 1 else 1):
        """On a busy machine a database may be too slow for a start, which then says that it is to be tried again."""
        try:
            server.start()
        except AssertionError as error:
            if tries == 1 or "ry again later" not in str(error):
                raise
            self.start_patiently(server, tries - 1)
