"""The two engines as a measurement needs them: a fresh place each time, and the flags that name it. PostgreSQL is a throw-away server."""

from dataclasses import dataclass, field
import os
from pathlib import Path
import subprocess
import sys

from servers import ROOT

sys.path.insert(0, str(ROOT / "Tools" / "postgres"))
from throwaway import NotStarted, ThrowAway  # noqa: E402

CONNECTIONS = 16
#: As Debian ships it, but for room: fsync, full_page_writes and synchronous_commit are on.
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}


@dataclass
class Place:
    """Flags that name a fresh place: for the product's commands, and for steward-bench."""

    product: list = field(default_factory=list)
    tool: list = field(default_factory=list)


class SQLite:
    name = "SQLite"

    def place(self):
        return Place()

    def stop(self):
        pass


class PostgreSQL:
    name = "PostgreSQL"

    def __init__(self, home):
        self.home, self.count, self.server = Path(home), 0, None

    def place(self):
        """A fresh database. The product learns of it from a configuration file, which has no flag for the number of connections."""
        database = self.database()
        app, owner = (self.server.url(role, database) for role in ("steward_app", "steward_owner"))
        file = self.home / f"{database}.yaml"
        file.write_text(f"database:\n  url: {app}\n  owner_url: {owner}\n  connections: {CONNECTIONS}\n")
        file.chmod(0o600)
        return Place(["--config", str(file)], ["--database", app, "--database-owner", owner])

    def database(self):
        self.start()
        self.count += 1
        name = f"bench{self.count}"
        self.server.sql(f"CREATE DATABASE {name} OWNER steward_owner")
        return name

    def start(self):
        if self.server:
            return
        # The server's user must get to its files, which lie on the disk that is measured.
        self.home.chmod(0o711)
        server = ThrowAway(directory=self.home / "postgresql", settings=SETTINGS)
        try:
            self.server = server.start()
        except NotStarted as why:
            raise SystemExit(str(why)) from why

    def stop(self):
        if self.server:
            self.server.stop()
        self.server = None

    def pgbench(self, database, script, seconds, clients=CONNECTIONS):
        """Transactions a second."""
        file = self.home / "script.sql"
        file.write_text(script)
        result = subprocess.run(
            [self.server.binaries / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", file,
             self.server.url(database=database)], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        if result.returncode != 0:
            raise SystemExit(f"pgbench: {result.stderr[-1000:]}")
        return next(float(line.split()[2]) for line in result.stdout.splitlines() if line.startswith("tps"))
