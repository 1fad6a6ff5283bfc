"""Plays every scenario against `steward demo` over real HTTP. `python3 Tests/e2e [--long] [--engine NAME] [--kills N] [--at-once N]
[WORDS]`; WORDS choose by sentence, --long kills more often and changes more bits, NAME is sqlite, postgresql or all. --kills is how often servers
are killed in all, so that a long loop can be run in parts, and --at-once how many installations at the same time.

The last line is `N passed, M failed`."""

import sys

import expect
import steward

# The order in which they are played.
import commands  # noqa: F401
import install  # noqa: F401
import job  # noqa: F401
import sample  # noqa: F401
import refusals  # noqa: F401
import providers  # noqa: F401
import markers  # noqa: F401
import tampering  # noqa: F401
import keys  # noqa: F401
import keydatabase  # noqa: F401
import rotation  # noqa: F401
import rootkeys  # noqa: F401
import tls  # noqa: F401
import mail  # noqa: F401
import crash  # noqa: F401
import jobs  # noqa: F401
import nodes  # noqa: F401
import backups  # noqa: F401
import objects  # noqa: F401
import migrate  # noqa: F401
import erasures  # noqa: F401
import vacuum  # noqa: F401


def main() -> int:
    if not steward.STEWARD.exists():
        print(f"{steward.STEWARD} is not built: run `make` first")
        return 2
    arguments = iter(sys.argv[1:])
    words = [a for a in arguments if not a.startswith("--") or a in ("--engine", "--kills", "--at-once") and next(arguments) is None]
    return expect.play_all(words)


if __name__ == "__main__":
    sys.exit(main())
