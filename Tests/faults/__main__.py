"""Faults survived by what is stored: `python3 Tests/faults [--long | --every | --times N] [WORDS]`. WORDS choose by sentence.

A disk that refuses, tears or loses an operation, a power cut after any operation, a full disk, a clock that jumps; each tried at a
sample of places, with --times N at N times as many, with --long at each that differs from the others, or with --every at each. The
last line is `N passed, M failed`."""

from concurrent.futures import ThreadPoolExecutor
import itertools
import sys
import time
import traceback

import house
import cases

WORKERS = 2
#: So many cases take some minutes.
SAY_EVERY = 50


def main() -> int:
    if not house.STEWARD.exists():
        print(f"{house.STEWARD} is not built: run `make` first")
        return 2
    house.build_shim()
    cases.base()
    words = [argument for argument in sys.argv[1:] if not argument.startswith("--") and not argument.isdigit()]
    passed = failed = 0
    for sentence, suite in cases.SUITES:
        if not all(word in sentence for word in words):
            continue
        started = time.monotonic()
        good, bad = run(suite)
        passed, failed = passed + good, failed + bad
        print(f"{'FAILED' if bad else 'ok    '} {sentence}: {good} of {good + bad} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def run(suite):
    """A suite yields (name, case); a case raises if it fails. Says so at once, and now and then how far it is: a long run may be broken off."""
    items, ended = list(suite()), itertools.count(1)

    def one(item):
        name, case = item
        try:
            case()
            return True
        except Exception:
            print(f"   {name}: " + " ".join(traceback.format_exc(limit=-1).split("\n")[1:])[-700:], flush=True)
            return False
        finally:
            number = next(ended)
            if number % SAY_EVERY == 0:
                print(f"       {number} of {len(items)}", flush=True)
    with ThreadPoolExecutor(WORKERS) as pool:
        went_well = list(pool.map(one, items))
    return went_well.count(True), went_well.count(False)


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        cases.tidy()
