#!/usr/bin/env python3
"""An auditor tries an erasure again, with nothing but the record of it, the installation's programs, a backup and the keys of today.

    erasure_rerun.py --record erasure.json --key steward.vkey --data DIR [--chain steward.chain] [--keys PLACE] [--replica PLACE]…
                     [--from PLACE] [--old COPY] [--bin DIRECTORY]

    --record  what GET /v1/erasures/ID/record gave
    --key     the installation's verifier key, got in another way than with the record
    --chain   /.well-known/steward.chain, where the installation has changed its key: it leads from the key you have to the one that signed
    --data    the data directory of the installation; on PostgreSQL it names the database
    --keys    its key store, unless it is DIR.keys: a directory
    --replica a replica of the key store, a directory; again for each
    --from    a place of backups
    --old     a copy of the data directory from before the erasure (SQLite)
    --bin     where `steward` and `steward-verify` are

What it does: 1. the record verifies offline. 2. The whole log of the installation verifies, rows and keys included. 3. The key of the epoch before
is not in the key store, and in no replica that was named; which copies of the record were not looked into is said. 4. The backups that the record names are there and intact. 5. One of them restores, with today's
keys: the restored data verifies whole, and what was erased is not in it. 6. In the old copy every row opens but the erased ones, which do
not. Step 6 opens rows by docs/format.md alone, without a line of Steward's.

It reads, and writes below a temporary directory only. Exit code 0: all that could be tried holds; 1: something does not; 2: wrong call."""

import argparse
import hashlib
import hmac
import json
import os
from pathlib import Path
import shutil
import sqlite3
import subprocess
import sys
import tempfile


class Failed(Exception):
    pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("record", "key", "data"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    parser.add_argument("--replica", type=Path, action="append", default=[])
    for name in ("chain", "keys", "from", "old", "bin"):
        parser.add_argument(f"--{name}", type=Path, dest="place" if name == "from" else name)
    options = parser.parse_args()
    options.keys = options.keys or Path(f"{str(options.data).rstrip('/')}.keys")
    unusable = missing(options)
    if unusable:
        print(unusable, file=sys.stderr)
        return 2
    try:
        statement = last_fact(options.record)
    except (OSError, ValueError, LookupError, TypeError):
        print(f"{options.record} is not the record of an erasure; name what GET /v1/erasures/ID/record gave.", file=sys.stderr)
        return 2
    try:
        tried = [step(options, statement) for step in (record, log, stores, backups, restore, old_copy)]
    except Failed as failure:
        print(f"✗ {failure}")
        return 1
    print(f"\n{sum(tried)} of {len(tried)} steps were tried, and all of them hold.")
    return 0


def missing(options):
    """What is said of a path that was named and is not there; None if all are. The key store may be a database: then nothing is at DIR.keys."""
    for name in ("record", "key", "chain", "data", "place", "old", "bin"):
        path = getattr(options, name)
        if path and not path.exists():
            return f"There is nothing at {path}; look at --{'from' if name == 'place' else name}."
    return next((f"There is no directory {path}; look at --replica." for path in options.replica if not path.is_dir()), None)


def last_fact(path):
    return json.loads(path.read_text())["entries"][-1]["disclosed"][0]["fact"]


def say(sentence):
    print(f"✓ {sentence}")
    return True


def skip(sentence):
    print(f"– {sentence}")
    return False


def call(options, program, *arguments, codes=(0,)):
    path = str(options.bin / program) if options.bin else program
    try:
        result = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise Failed(f"{path} cannot be run ({error.strerror}); name its directory with --bin") from error
    if result.returncode not in codes:
        raise Failed(f"{program} {arguments[0]} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout


# 1
def record(options, statement):
    chain = ["--chain", options.chain] if options.chain else []
    call(options, "steward-verify", "erasure", "--key", options.key, *chain, options.record)
    what, erased = statement["object"], statement["erased"]
    return say(f"the record verifies: {what['type']} {what['id']}, {erased['rows']} rows, {erased['files']} files, "
               f"final on {statement['erasure']['final_at']}")


# 2
def log(options, _):
    call(options, "steward", "audit", "verify", "--data", options.data, "--keys", options.keys)
    return say("the log of the whole installation verifies, with every row, entry and key that is left")


# 3
def stores(options, statement):
    tenant, before = statement["tenant"]["id"], statement["keys"]["epoch_before"]
    if statement["keys"]["epoch_after"] == before:
        return skip("the record does not say which epoch ended: an earlier try had turned it")
    places = [place for place in [options.keys, *options.replica] if place.is_dir()]
    for place in places:
        if (place / "tenants" / tenant / f"epoch-{before}.key").exists():
            raise Failed(f"the key of epoch {before} is still in {place}")
    names = [name for place in places for name in (os.path.abspath(place), label(options, place))]
    unseen = [copy["place"] for copy in statement["keys"]["copies"] if not any(is_named(copy["place"], name) for name in names)]
    for place in unseen:
        skip(f"not looked into: {place}, which the record names; give it with --keys or --replica if it is a directory here")
    if not places:
        return skip("no key store was looked into")
    return say(f"the key of epoch {before} is gone from {', '.join(map(str, places))}")


def is_named(copy, name):
    """Whether the record means this place: by its path, or by the short name in `key store 1f0c9a2e (directory)`."""
    return os.path.abspath(copy) == name or name in copy.split()


def label(options, place):
    """The short name by which the record calls a place of keys (docs/format.md §9.2)."""
    installation = options.key.read_text().split("+", 1)[0].split("/", 1)[-1]
    return hashlib.sha256(f"steward/key-place/v1\n{installation}\n{os.path.abspath(place)}\n".encode()).hexdigest()[:8]


# 4
def backups(options, statement):
    if not options.place:
        return skip("no place of backups was given (--from)")
    call(options, "steward", "backup", "verify", options.place, "--data", options.data, "--keys", options.keys)
    here = [b["id"] for b in statement["backups"]["holding"] if (options.place / b["id"]).is_dir()]
    if not here:
        raise Failed("none of the backups that the record names is at this place")
    return say(f"{len(here)} of {len(statement['backups']['holding'])} backups that hold dead ciphertext are there, and intact")


# 5
def restore(options, statement):
    if not options.place:
        return skip("nothing was restored, for want of a place")
    started = statement["erasure"]["started_at"]
    named = [b for b in statement["backups"]["holding"]
             if b["made_at"] < started and (options.place / b["id"]).is_dir()]
    if not named:
        return skip("no backup from before the erasure is at this place")
    if not options.keys.is_dir():
        return skip(f"nothing was restored: there is no key store in a directory {options.keys} to copy (--keys)")
    with tempfile.TemporaryDirectory(prefix="steward-rerun-") as home:
        # A restored log goes on, and takes keys: in a copy of the key store, not in the one that is used.
        again, keys = Path(home) / "data", Path(home) / "keys"
        shutil.copytree(options.keys, keys, ignore=shutil.ignore_patterns("replicas"))
        call(options, "steward", "restore", "--from", options.place, "--data", again, "--backup", named[-1]["id"],
             "--keys", keys)
        call(options, "steward", "audit", "verify", "--data", again, "--keys", keys)
        marks = marked(again, statement)
    if marks != statement["erased"]["rows"]:
        raise Failed(f"{marks} rows are marked as erased after the restore, not {statement['erased']['rows']}")
    return say(f"backup {named[-1]['id']} restores; everything in it verifies, and the {marks} erased rows are erased in it again")


def marked(data, statement):
    """Rows of a restored tenant that are marked as erased by this erasure. A restore makes SQLite files unless told otherwise."""
    database = sqlite3.connect(f"file:{data}/tenants/{statement['tenant']['id']}.db?mode=ro", uri=True)
    try:
        return database.execute("SELECT count(DISTINCT tbl || '/' || row_key) FROM erased_row WHERE erasure = ?",
                                [statement["erasure"]["id"]]).fetchone()[0]
    finally:
        database.close()


# 6
def old_copy(options, statement):
    if not options.old:
        return skip("no copy of the data from before the erasure was given (--old)")
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        return skip("rows of the old copy were not opened: Python's `cryptography` is not there")
    if not (options.keys / "root.key").is_file():
        return skip("rows of the old copy were not opened: the root key does not lie in the key store as a file")
    tenant = statement["tenant"]["id"]
    keys = Keys(options.keys, tenant, AESGCM)
    database = sqlite3.connect(f"file:{options.old}/tenants/{tenant}.db?mode=ro", uri=True)
    opened, closed = 0, {}
    for (table,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        columns = {row[1] for row in database.execute(f'PRAGMA table_info("{table}")')}
        if not {"id", "schema", "subject", "sealed"} <= columns:
            continue
        for key, schema, subject, sealed in database.execute(f'SELECT id, schema, subject, sealed FROM "{table}"'):
            if keys.opens(table, key, schema, subject, sealed):
                opened += 1
            else:
                closed[table] = closed.get(table, 0) + 1
    database.close()
    named = {t["table"]: t["rows"] for t in statement["tables"]}
    if closed != {t: n for t, n in named.items() if t in closed} or not closed:
        raise Failed(f"rows that do not open: {closed}; rows that the record names: {named}")
    return say(f"in the old copy {sum(closed.values())} rows do not open with today's keys, all of them erased; {opened} others do")


class Keys:
    """The key store as docs/format.md §5 has it."""

    def __init__(self, store, tenant, cipher):
        self.tenant, self.cipher, self.home, self.blocks = tenant, cipher, store / "tenants" / tenant, {}
        self.root = bytes.fromhex((store / "root.key").read_text().strip())

    def opens(self, table, key, schema, subject, sealed):
        slot = self.subject_key(subject)
        if slot is None:
            return False
        return self.open(slot, sealed, ["steward/row/v1", self.tenant, table, key, schema]) is not None

    def subject_key(self, subject):
        number, slot = divmod(subject, 1024)
        if number not in self.blocks:
            file = (self.home / "blocks" / str(number)).read_bytes()
            epoch = int.from_bytes(file[:8], "big")
            sealed_epoch = (self.home / f"epoch-{epoch}.key").read_bytes()
            epoch_key = self.open(self.root, sealed_epoch, ["steward/epoch/v1", self.tenant, epoch])
            self.blocks[number] = self.open(epoch_key, file[8:], ["steward/block/v1", self.tenant, epoch, number])
        key = self.blocks[number][slot * 32:slot * 32 + 32]
        return None if key == bytes(32) else key

    def open(self, key, box, context):
        """§5.1; None if it does not open."""
        derived = expand(key, cbor(context), 64)
        if box[:1] != b"\x01" or not hmac.compare_digest(box[1:33], derived[32:]):
            return None
        return self.cipher(derived[:32]).decrypt(box[33:45], box[45:], None)


def expand(key, info, length):
    """HKDF-Expand (RFC 5869 §2.3) with SHA-256."""
    out, block = b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.new(key, block + info + bytes([number]), hashlib.sha256).digest()
        out += block
    return out[:length]


def cbor(value):
    """Deterministic CBOR (RFC 8949 §4.2.1) of texts, whole numbers and arrays."""
    def head(major, number):
        for width, mark in ((0, None), (1, 24), (2, 25), (4, 26), (8, 27)):
            if width == 0 and number < 24:
                return bytes([major << 5 | number])
            if width and number < 1 << 8 * width:
                return bytes([major << 5 | mark]) + number.to_bytes(width, "big")
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, int):
        return head(0, value)
    return head(4, len(value)) + b"".join(map(cbor, value))


if __name__ == "__main__":
    sys.exit(main())
