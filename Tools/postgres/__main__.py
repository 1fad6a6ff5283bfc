"""A throw-away PostgreSQL around a command. Never for data that anybody needs.

    python3 Tools/postgres run -- COMMAND…    starts one, runs COMMAND with STEWARD_TEST_POSTGRES set to the URL of its superuser,
                                              stops and removes it; the exit code is COMMAND's
    python3 Tools/postgres start DIR          starts one that stays, with its files in DIR, and prints its URL; again after `stop`
                                              or `kill`, on the same port
    python3 Tools/postgres stop DIR           stops it; DIR stays
    python3 Tools/postgres kill DIR           ends it as a power cut would

The roles `steward_owner` and `steward_app` are there and have the superuser's password."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from throwaway import NotStarted, ThrowAway, kill_all

VARIABLE = "STEWARD_TEST_POSTGRES"


class Stopped(Exception):
    """Somebody asked us to end."""


def stop_on(number, _frame):
    raise Stopped(128 + number)


def run(command):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop_on)
    child = None
    try:
        with ThrowAway() as server:
            try:
                child = subprocess.Popen(command, env={**os.environ, VARIABLE: server.url()})
                code = child.wait()
                return code if code >= 0 else 128 - code
            finally:
                # The command must not go on without its server.
                end(child)
    except Stopped as stopped:
        return stopped.args[0]


def end(child):
    if child is None or child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(10)
    except (subprocess.TimeoutExpired, Stopped):
        child.kill()
        child.wait()


def start(directory):
    """The server belongs to a process of its own, its keeper, and ends with it."""
    ready, tell = os.pipe()
    if os.fork():
        os.close(tell)
        with os.fdopen(ready) as answer:
            url = answer.read()
        print(url or "the server did not start", file=sys.stdout if url else sys.stderr)
        return 0 if url else 1
    os.setsid()
    # What we inherited may be a pipe that somebody reads to its end.
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    os.closerange(3, tell)
    os.closerange(tell + 1, highest + 1)
    keep(Path(directory).resolve(), tell)
    os._exit(0)


def keep(directory, tell):
    signal.signal(signal.SIGTERM, stop_on)
    server = ThrowAway(directory=directory)
    note = directory / "keeper.pid"
    try:
        server.start()
        note.write_text(str(os.getpid()))
        os.write(tell, server.url().encode())
        # Whoever called waits for the end of what it reads from us.
        quiet = os.open(os.devnull, os.O_RDWR)
        for descriptor in (tell, 0, 1, 2):
            os.dup2(quiet, descriptor)
        server.process.wait()
    except NotStarted as reason:
        print(reason, file=sys.stderr)
    except Stopped:
        server.stop()
    finally:
        note.unlink(missing_ok=True)


def stop(directory):
    note = Path(directory).resolve() / "keeper.pid"
    if not note.exists():
        print(f"no server of ours runs in {directory}", file=sys.stderr)
        return 1
    os.kill(int(note.read_text()), signal.SIGTERM)
    return wait_for_end(note)


def kill(directory):
    """Postmaster and all its processes: one that is left would keep the next from starting."""
    directory = Path(directory).resolve()
    kill_all(int((directory / "data" / "postmaster.pid").read_text().splitlines()[0]))
    return wait_for_end(directory / "keeper.pid")


def wait_for_end(note):
    until = time.monotonic() + 40
    while note.exists() and time.monotonic() < until:
        time.sleep(0.02)
    return 1 if note.exists() else 0


def main(arguments):
    # Whoever started us may have blocked signals; ours end servers.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    match arguments:
        case ["run", "--", *command] if command:
            return run(command)
        case ["start", directory]:
            return start(directory)
        case ["stop", directory]:
            return stop(directory)
        case ["kill", directory]:
            return kill(directory)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except NotStarted as reason:
        print(reason, file=sys.stderr)
        sys.exit(1)
