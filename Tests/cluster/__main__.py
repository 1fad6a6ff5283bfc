"""High availability is PostgreSQL's, and here it is shown to hold under Steward: `python3 Tests/cluster [--long] [WORDS]`.

Starts Patroni, etcd, haproxy and PostgreSQL on loopback with the files that operators are given, and kills what can be killed.
WORDS choose by sentence; without --long only the shortest is played. The last line is `N passed, M failed`."""

from pathlib import Path
import sys

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import cluster  # noqa: E402
import expect  # noqa: E402
import servers  # noqa: E402, F401

if "--long" in sys.argv:
    import edges  # noqa: F401
    import plain  # noqa: F401


def main() -> int:
    lacking = cluster.missing()
    if lacking:
        print(f"not installed: {', '.join(lacking)}; `make need-check` installs them")
        return 2
    words = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    return expect.play_all(words)


if __name__ == "__main__":
    sys.exit(main())
