"""Plays the browser scenarios. `.build/venv/bin/python Tests/browser [WORDS]`. The last line is `N passed, M failed`."""

import sys
import time
import traceback

import away
from house import Demo, browser
import sabotage
import shots
import walk

SCENARIOS = {
    "a page that breaks the rules of the house is caught": sabotage.is_caught,
    "the whole job in the browser": lambda b, d: walk.whole_job(b, d, javascript=True),
    "the whole job without JavaScript": lambda b, d: walk.whole_job(b, d, javascript=False),
    "every page that the manager is led to": lambda b, d: walk.everything_linked(b, d, "manager"),
    "every page that the owner is led to": lambda b, d: walk.everything_linked(b, d, "owner"),
    "every page that the auditor is led to": lambda b, d: walk.everything_linked(b, d, "auditor"),
    "every page that a stranger is led to": lambda b, d: walk.everything_linked(b, d, None),
    "a vendor goes into the trash and comes back": lambda b, d: away.trash(b, d, javascript=True),
    "a vendor goes into the trash and comes back without JavaScript": lambda b, d: away.trash(b, d, javascript=False),
    "a vendor is erased in the browser, and its record comes": away.erasure,
    "a person is erased from the list of people": away.person,
    "the keyboard reaches what the mouse does": walk.keyboard,
    "screenshots, light and dark, wide and phone": shots.take,
}


def tell(problem):
    """What went wrong and where in these files; the way through Playwright's own is of no use."""
    for frame in traceback.extract_tb(problem.__traceback__):
        if "Tests/browser" in frame.filename:
            print(f"  {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}: {frame.line}")
    print(f"  {problem}")


def main() -> int:
    passed = failed = 0
    with Demo() as demo, browser() as running:
        for sentence, play in SCENARIOS.items():
            if not all(word in sentence for word in sys.argv[1:]):
                continue
            started = time.monotonic()
            try:
                play(running, demo)
                passed, verdict = passed + 1, "ok    "
            except Exception as problem:
                failed, verdict = failed + 1, "FAILED"
                tell(problem)
            print(f"{verdict} {sentence} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
