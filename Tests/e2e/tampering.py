"""The database refuses a foreign hand; and where the hand removes the fence first, verification names the row."""

from contextlib import closing
from pathlib import Path
import json
import shutil
import sqlite3
import tempfile

from expect import expect, expect_equal, expect_status, scenario
from steward import Demo, audit_verify


@scenario("a foreign SQLite client is refused; with the triggers dropped, audit verify names table and key")
def foreign_hand():
    with Demo() as demo, tempfile.TemporaryDirectory() as elsewhere:
        manager = demo.client("manager")
        vendor = expect_status(manager.post("/v1/vendors", {"name": "Before"}), 201).json["id"]
        expect_equal(audit_verify(demo.data).returncode, 0, "beside the running server")
        demo.stop()
        older = row_of(database_of(demo.data, vendor), vendor)
        demo.start()
        expect_status(demo.client("manager").patch(f"/v1/vendors/{vendor}", {"name": "After"}), 200)
        demo.stop()
        expect_equal(audit_verify(demo.data).returncode, 0, "untouched")
        refused(demo.data, vendor)
        for what, change in changes(vendor, older).items():
            copy = Path(elsewhere) / what.replace(" ", "-")
            shutil.copytree(demo.data, copy)
            place = database_of(copy, vendor)
            tamper(place, change)
            named(copy, what, place[1], key=change[2])
        unusable(Path(elsewhere))


def tables_of(connection):
    """The primary tables, by the columns that docs/format.md §2 gives each of them."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    wanted = {"tenant", "id", "entry", "schema", "subject", "sealed"}
    return [n for n in names if wanted <= {row[1] for row in connection.execute(f'PRAGMA table_info("{n}")')}]


def database_of(data, vendor):
    """(path, table) in which the row with this id lies."""
    for path in sorted((Path(data) / "tenants").glob("*.db")):
        with closing(sqlite3.connect(path)) as connection:
            for table in tables_of(connection):
                if connection.execute(f'SELECT 1 FROM "{table}" WHERE id = ?', [vendor]).fetchone():
                    return path, table
    raise AssertionError(f"no table holds the row {vendor}")


def row_of(place, key):
    path, table = place
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return dict(connection.execute(f'SELECT * FROM "{table}" WHERE id = ?', [key]).fetchone())


def changes(vendor, older):
    """What someone would do: name → (SQL on `{table}`, its values, the key that verification must name)."""
    names = [name for name in older if name != "id"]
    columns = ", ".join(f'"{name}"' for name in names)
    added = "0" * 25 + "1"
    flip = "CAST(substr(sealed, 1, 60) || x'00' || substr(sealed, 62) AS BLOB)"
    return {
        "a changed row": (f'UPDATE "{{table}}" SET sealed = {flip} WHERE id = :id', {"id": vendor}, vendor),
        "a changed plain column": ('UPDATE "{table}" SET entry = entry - 1 WHERE id = :id', {"id": vendor}, vendor),
        "an added row": (
            f'INSERT INTO "{{table}}" (id, {columns}) SELECT :new, {columns} FROM "{{table}}" WHERE id = :id',
            {"id": vendor, "new": added}, added),
        "a removed row": ('DELETE FROM "{table}" WHERE id = :id', {"id": vendor}, vendor),
        "a row rolled back": (
            'UPDATE "{table}" SET ' + ", ".join(f'"{name}" = :{name}' for name in names) + " WHERE id = :id", older, vendor),
    }


def refused(data, vendor):
    """With the triggers in place no statement of a foreign client passes, on any primary table."""
    path, _ = database_of(data, vendor)
    with closing(sqlite3.connect(path)) as connection:
        for table in tables_of(connection):
            for statement in (f'UPDATE "{table}" SET entry = entry', f'DELETE FROM "{table}"',
                              f'INSERT INTO "{table}" SELECT * FROM "{table}" LIMIT 1'):
                empty = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] == 0
                try:
                    connection.execute(statement)
                    expect(empty, f"accepted: {statement}")
                except sqlite3.Error:
                    pass
                connection.rollback()


def tamper(place, change):
    """Drops every trigger, as one does who knows SQLite, then changes one row."""
    path, table = place
    statement, values, _ = change
    with closing(sqlite3.connect(path)) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
        changed = connection.execute(statement.format(table=table), values).rowcount
        connection.commit()
    expect_equal(changed, 1, statement)


def named(data, what, table, key):
    verdict = audit_verify(data)
    said = verdict.stdout + verdict.stderr
    expect_equal(verdict.returncode, 1, f"{what}: {said}")
    expect(table in said and key in said, f"{what}: does not name {table} and {key}: {said}")
    machine = audit_verify(data, "--json")
    expect_equal(machine.returncode, 1, what)
    expect(key in json.dumps(json.loads(machine.stdout)), f"{what}: --json does not name {key}")


def unusable(elsewhere):
    """What is no data directory is neither intact nor broken: 2."""
    (elsewhere / "empty").mkdir()
    for path in (elsewhere / "empty", elsewhere / "missing", Path("/dev/null")):
        expect_equal(audit_verify(path).returncode, 2, str(path))
