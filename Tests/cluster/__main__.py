"""High availability is PostgreSQL's, and here it is shown to hold under Steward: `python3 Tests/cluster [--long] [WORDS]`.

Starts Patroni, etcd, haproxy and PostgreSQL on loopback with the files that operators are given, and kills what can be killed.
WORDS choose by sentence; without --long only the shortest is played. The last line is `N passed, M failed`."""

from pathlib import Path
import sys
import time
import traceback

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
    passed = failed = 0
    for sentence, play in expect.SCENARIOS:
        if not all(word in sentence for word in words):
            continue
        started = time.monotonic()
        try:
            play()
            passed += 1
            verdict = "ok    "
        except Exception:
            failed += 1
            verdict = "FAILED"
            traceback.print_exc(limit=-6, file=sys.stdout)
        print(f"{verdict} {sentence} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
