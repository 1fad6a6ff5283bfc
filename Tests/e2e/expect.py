"""Expectations that say what was seen, and the list of scenarios."""

import sys
import time
import traceback

SCENARIOS = []


def scenario(sentence):
    def register(play):
        SCENARIOS.append((sentence, play))
        return play
    return register


def play_all(words):
    """Plays the scenarios whose sentence has every word; the last line is `N passed, M failed`. Answers the exit code."""
    passed = failed = 0
    for sentence, play in SCENARIOS:
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


def expect(truth, said=""):
    if not truth:
        raise AssertionError(str(said))


def expect_equal(seen, wanted, about=""):
    if seen != wanted:
        raise AssertionError(f"{about}: wanted {wanted!r}, saw {seen!r}")


def expect_status(answer, *wanted):
    if answer.status not in wanted:
        raise AssertionError(f"wanted {' or '.join(map(str, wanted))}, saw {answer}")
    return answer


def expect_problem(answer, *wanted):
    """A refusal as the contract has it: a problem document that repeats its status and says something."""
    expect_status(answer, *wanted)
    expect(answer.headers.get("content-type", "").startswith("application/problem+json"), f"not a problem document: {answer.headers}")
    problem = answer.json
    expect_equal(problem["status"], answer.status, "status of the problem document")
    expect(problem["title"] and problem["type"], problem)
    for error in problem.get("errors", []):
        expect(error["field"] is not None and error["message"], problem)
    return answer


def expect_receipt(answer):
    """Every successful write carries one of at most 4,096 characters."""
    expect(200 <= answer.status < 300, answer)
    expect(answer.receipt and len(answer.receipt) <= 4096, f"no receipt, or too long a one: {answer.headers}")
    return answer
