"""What `make check` does, in order. Each step's output is shown as it comes; the totals are the last lines.

The steps after a failed build are skipped; any other failure lets the rest run, so that one look shows everything.
`--long` lets the end-to-end tests take longer (more kills, more changed bits, every death of a PostgreSQL cluster), fails a disk at every
one of its operations and fuzzes each reader for minutes, then runs the tests of what is stored under the thread and the address sanitizer."""

import os
from pathlib import Path
import re
import subprocess
import sys
import time

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".build" / "check"


class Step:
    def __init__(self, name):
        self.name, self.ok, self.detail, self.output, self.seconds = name, False, "", "", 0.0

    def run(self, *command, **environment):
        """Runs the command, shows and keeps what it prints. Returns whether it ended well."""
        print(f"\n== {self.name}: {' '.join(map(str, command))}", flush=True)
        started = time.monotonic()
        process = subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env={**os.environ, **environment}, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in process.stdout:
            self.output += line
            if not NOISE.match(line):
                print(line, end="", flush=True)
        ended_well = process.wait() == 0
        self.seconds += time.monotonic() - started
        (LOGS / f"{self.name}.log").write_text(self.output)
        return ended_well


#: Lines of the build and of single tests that passed: thousands, and nobody reads them. They stand in .build/check/*.log.
NOISE = re.compile(r"^\[\d+/\d+\]|^\[\d+/\d+ |^◇ |^✔ (Test|Suite) (?!run)|^(Fetching|Fetched|Computing|Computed|Creating working copy|Working copy)")


def format_step(step):
    step.ok = step.run("swift", "format", "lint", "--strict", "--recursive", "--parallel", "Package.swift", "Sources", "Tests")
    step.detail = "" if step.ok else "run `make format`"


def lint_step(step):
    step.ok = step.run(sys.executable, "Tools/lint", "--self-test") and step.run(sys.executable, "Tools/lint")


def build_step(step):
    """A warning in a file of ours fails the step; those of dependencies are theirs. An incremental build does not repeat the
    warnings of files it has compiled before: only a clean clone, as in CI, is the last word."""
    built = step.run("swift", "build", "--build-tests")
    ours = re.compile(rf"^{re.escape(str(ROOT))}/(Sources|Tests|Package\.swift).*: warning: .*$", re.M)
    warnings = sorted({match.group() for match in ours.finditer(step.output)})
    print("\n".join(warnings))
    step.ok = built and not warnings
    step.detail = f"{len(warnings)} warnings" if built else "does not build"
    return built


#: A PostgreSQL of our own around a command.
WITH_POSTGRES = [sys.executable, "Tools/postgres", "run", "--"]

#: Each test has a database of its own: so many at once.
DATABASES_AT_ONCE = "8"


def test_step(step, long, engine):
    """Every Swift test on one engine. `long` gives each of the readers that are tried by chance a minute, with another chance in every run;
    once, since no reader asks an engine."""
    environment = {"STEWARD_REQUIRE_GO": "1", "UPDATE_GOLDEN": "", "STEWARD_TEST_ENGINE": engine}
    if engine == "postgres":
        environment["SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH"] = DATABASES_AT_ONCE
    if long:
        environment |= {"STEWARD_TEST_SEEDS": "20", "STEWARD_LONG_TESTS": "1"}
        environment |= {"FUZZ_SECONDS": "60"} if engine == "sqlite" else {}
    ended_well = step.run(*WITH_POSTGRES, "swift", "test", "--skip-build", **environment)
    passed = len(re.findall(r"^✔ Test (?!run )", step.output, re.M))
    failed = len(re.findall(r"^✘ Test (?!run ).* failed after", step.output, re.M))
    finished = re.search(r"Test run with \d+ tests? .*(passed|failed) after", step.output)
    if not finished or (not ended_well and failed == 0):
        failed += 1
        step.detail = f"the run broke off: see .build/check/{step.name}.log"
    step.ok = ended_well and failed == 0 and passed > 0
    return passed, failed


def tracked():
    """What git sees of the files that tests compare with: what is changed, and how."""
    where = ["--", "Tests", "Examples", "docs"]
    return [subprocess.run(["git", *command, *where], cwd=ROOT, capture_output=True).stdout
            for command in (["diff", "HEAD"], ["status", "--porcelain"])]


def golden_step(step, before):
    """Golden files are compared by the tests and written only with UPDATE_GOLDEN=1: the tests must have changed nothing."""
    step.ok = tracked() == before
    step.detail = "" if step.ok else "the tests changed files: see `git status`"


def counted(step, *command, **environment):
    """A suite of ours that ends with the line `N passed, M failed`."""
    ended_well = step.run(*command, **environment)
    total = re.findall(r"(\d+) passed, (\d+) failed", step.output)
    passed, failed = map(int, total[-1]) if total else (0, 1)
    step.ok = ended_well and failed == 0 and passed > 0
    return passed, failed


#: What is under the sanitizers: the write path and everything below it.
SANITIZED = r"^(CustodyTests|LedgerTests|BackupTests)\."


def sanitized(step, kind):
    """Builds everything once more with the `thread` or `address` sanitizer, in a place of its own, and runs the tests of what is stored."""
    place = ROOT / ".build" / f"{kind}-sanitizer"
    options = [f"--sanitize={kind}", "--scratch-path", place]
    if not step.run("swift", "build", "--build-tests", *options):
        step.detail = "does not build"
        return
    # What Swift's runtime and SQLite never give back at the end is no leak of ours.
    environment = {"ASAN_OPTIONS": "detect_leaks=0"}
    if kind == "thread":
        locks = place / "locks.so"
        # Of Swift's own toolchain: only clang speaks Swift's calling convention.
        if not step.run("clang", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", locks, "Tests/thread-sanitizer.c", "-ldl"):
            step.detail = "Tests/thread-sanitizer.c does not build"
            return
        environment = {"LD_PRELOAD": str(locks), "TSAN_OPTIONS": f"suppressions={ROOT / 'Tests' / 'thread-sanitizer.txt'}"}
    ended_well = step.run("swift", "test", "--skip-build", *options, "--filter", SANITIZED, **environment)
    reports = len(re.findall(r"(?:WARNING|ERROR): \w+Sanitizer", step.output))
    step.ok = ended_well and reports == 0
    step.detail = f"{reports} reports"


#: What went wrong, as `swift test` says it: an expectation that failed or an error that was thrown, with its place.
ISSUE = re.compile(r"^✘ Test (?!run ).* recorded an issue .*$", re.M)
#: The same of our own suites in Python, and of a crash.
FAILURE = re.compile(r"^(?:FAILED|error: ).*$|^.*Fatal error: .*$|^.*exited with unexpected signal code.*$", re.M)
FAILURES_SHOWN, FAILURE_WIDTH = 12, 400


def failures(step):
    """The lines that say what failed in a step: the last thing that is read of a run is its end."""
    found = ISSUE.findall(step.output) or FAILURE.findall(step.output)
    return [line[:FAILURE_WIDTH] for line in dict.fromkeys(found)][:FAILURES_SHOWN]


def browser_command():
    subprocess.run([ROOT / "Tools" / "venv.sh"], check=True)
    return [ROOT / ".build" / "venv" / "bin" / "python", "Tests/browser"]


def main() -> int:
    LOGS.mkdir(parents=True, exist_ok=True)
    long = "--long" in sys.argv[1:]
    steps, totals = [], {}

    def step(name):
        steps.append(Step(name))
        return steps[-1]

    format_step(step("format"))
    lint_step(step("lint"))
    if build_step(step("build")):
        before = tracked()
        totals["tests (SQLite)"] = test_step(step("tests"), long, "sqlite")
        totals["tests (PostgreSQL)"] = test_step(step("postgres"), long, "postgres")
        golden_step(step("golden"), before)
        subprocess.run([ROOT / "Tools" / "venv.sh"], check=True)
        totals["e2e"] = counted(step("e2e"), sys.executable, "Tests/e2e", *(["--long"] if long else []))
        totals["cluster"] = counted(step("cluster"), sys.executable, "Tests/cluster", *(["--long"] if long else []))
        totals["faults"] = counted(step("faults"), sys.executable, "Tests/faults", *(["--long"] if long else []))
        totals["fuzz"] = counted(step("fuzz"), sys.executable, "Tests/fuzz", *(["--long"] if long else []))
        for kind in ("thread", "address") if long else ():
            sanitized(step(kind), kind)
        totals["browser"] = counted(step("browser"), *browser_command())

    print("\n== result")
    for done in steps:
        print(f"{'ok    ' if done.ok else 'FAILED'} {done.name:<8} {done.seconds:6.0f} s  {done.detail}")
        for line in [] if done.ok else failures(done):
            print(f"       {line}")
    for name, (passed, failed) in totals.items():
        print(f"{name}: {passed} passed, {failed} failed")
    return 0 if all(done.ok for done in steps) else 1


if __name__ == "__main__":
    sys.exit(main())
