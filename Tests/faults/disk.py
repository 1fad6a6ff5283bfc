"""A disk made from what the shim saw: what was synced is there after the power went, what was not may be or may not be.

Strict: data is durable after a sync of its file, a name after a sync of its directory. A failed sync drops for good what it was to
make durable, although the running machine still shows it (Linux marks such pages clean). A process that is started again without
a power cut sees everything."""

import os
from pathlib import Path
import struct

HEAD = struct.Struct("<QcBHQI")
#: Never durable and never needed: SQLite's shared memory, the lock, the socket.
FLEETING = ("-shm", "/lock", ".sock")


def operations(path):
    """(end in the log, number, letter, failed, path, offset, bytes) of every operation."""
    log = Path(path).read_bytes()
    at, found = 0, []
    while at < len(log):
        number, letter, failed, path_length, offset, length = HEAD.unpack_from(log, at)
        at += HEAD.size
        name = log[at:at + path_length].decode()
        at += path_length
        content = log[at:at + length]
        at += length
        found.append((at, number, letter.decode(), bool(failed), name, offset, content))
    return found


class File:
    def __init__(self, content=b""):
        self.durable, self.pending = bytearray(content), []

    def written(self, changes):
        content = bytearray(self.durable)
        for offset, data in changes:
            if data is None:
                content = content[:offset] + bytes(max(0, offset - len(content)))
            else:
                content += bytes(max(0, offset + len(data) - len(content)))
                content[offset:offset + len(data)] = data
        return content


class Disk:
    """Starts as what lies at `home` now, all of it durable."""

    def __init__(self, home):
        self.home = str(home)
        self.names, self.durable_names, self.waiting = {}, {}, []
        for path in sorted(Path(home).rglob("*")):
            if path.is_file() and not str(path).endswith(FLEETING):
                self.names[str(path)] = File(path.read_bytes())
            elif path.is_dir():
                self.names[str(path)] = None
        self.durable_names = dict(self.names)

    def apply(self, operation):
        _, _, letter, failed, path, offset, data = operation
        if path.endswith(FLEETING):
            return
        if letter == "S":
            return self.sync(path, failed)
        if letter == "W" and data:  # A torn write has its half here.
            self.names[path].pending.append((offset, data))
        if failed:
            return
        if letter in "CM":
            self.names[path] = File() if letter == "C" else None
            self.waiting.append(("add", path, self.names[path]))
        elif letter == "T":
            self.names[path].pending.append((offset, None))
        elif letter == "U":
            self.names.pop(path)
            self.waiting.append(("remove", path, None))
        elif letter == "R" and self.names[path] is None:
            target = data.decode()
            move(self.names, path, target)
            # What waits for a sync of a directory below goes with it.
            self.waiting = [(verb, moved(name, path, target), file) for verb, name, file in self.waiting]
            self.waiting.append(("move", target, path))
        elif letter == "R":
            target = data.decode()
            self.names[target] = self.names.pop(path)
            self.waiting.append(("remove", path, None))
            self.waiting.append(("add", target, self.names[target]))
        elif letter == "H":
            self.names[data.decode()] = self.names[path]
            self.waiting.append(("add", data.decode(), self.names[path]))

    def sync(self, path, failed):
        if self.names.get(path, path) not in (None, path):
            file = self.names[path]
            if not failed:
                file.durable = file.written(file.pending)
            file.pending = []
            return
        mine = [name for name in self.waiting if os.path.dirname(name[1]) == path]
        self.waiting = [name for name in self.waiting if os.path.dirname(name[1]) != path]
        if not failed:
            keep(self.durable_names, mine)

    def cut(self, target, draw=None):
        """Writes what is left after a power cut below `target`. Without `draw` nothing is left that was not synced; with it
        some of it is, and one write may be half there."""
        names = dict(self.durable_names)
        if draw:
            keep(names, self.waiting[:draw.randint(0, len(self.waiting))])
        for name, file in sorted(names.items()):
            place = Path(target) / os.path.relpath(name, self.home)
            if file is None:
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.written(some(file.pending, draw) if draw else []))


def keep(names, changes):
    for verb, path, file in changes:
        if verb == "add":
            names[path] = file
        elif verb == "move":
            move(names, file, path)
        else:
            names.pop(path, None)


def move(names, source, target):
    """A directory with all that is in it."""
    for name in [name for name in names if name == source or name.startswith(source + "/")]:
        names[moved(name, source, target)] = names.pop(name)


def moved(name, source, target):
    return target + name[len(source):] if name == source or name.startswith(source + "/") else name


def some(pending, draw):
    left = [change for change in pending if draw.random() < 0.5]
    if left and left[-1][1] and draw.random() < 0.5:
        offset, data = left[-1]
        left[-1] = (offset, data[:draw.randrange(len(data))])
    return left
