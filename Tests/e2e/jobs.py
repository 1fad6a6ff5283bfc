"""SIGKILL while background jobs run: each has its effect exactly once, and none is lost."""

import random
import sys
import time

from expect import expect, expect_equal, expect_problem, expect_receipt, expect_status, scenario
from fixtures import a_vendor
from steward import Demo, STEWARD, audit_verify, run

KILLS = 50 if "--long" in sys.argv else 5
#: Cases opened in each life; each has a step that is overdue, which is one reminder to its manager.
CASES_A_LIFE = 2 if "--long" in sys.argv else 12
#: What a killed process left running is taken up within this time after the next start.
RESUME_SECONDS = 30


@scenario(f"killed {KILLS} times while reminders are written: every case's reminder is there exactly once, and none is lost")
def killed_reminders():
    draw = random.Random(time.time_ns())
    cases, slowest = [], 0.0
    with Demo() as demo:
        vendor = a_vendor(demo.client("manager"))
        finish(demo)
        # What the sample data brings along; kills must not change it either.
        before = reminders(demo)
        for kill in range(KILLS):
            manager = demo.client("manager")
            cases += [open_overdue_case(manager, vendor) for _ in range(CASES_A_LIFE)]
            job = ask(manager)
            time.sleep(draw.uniform(0.0, 0.12))
            demo.kill()
            verdict = audit_verify(demo.data)
            expect_equal(verdict.returncode, 0, f"kill {kill + 1}: {verdict.stdout}{verdict.stderr}")
            demo.start()
            slowest = max(slowest, resumed(demo, job))
        finish(demo)
        after = reminders(demo)
        for key, count in before.items():
            expect_equal(after.get(key), count, f"reminders of {key} that were there before")
        new = {key: count for key, count in after.items() if key not in before}
        expect_equal(sum(new.values()), len(new), f"reminders that were written more than once: {new}")
        expect(len(new) >= len(cases), f"{len(cases)} cases are overdue, and {len(new)} were reminded of")
        lost = [case for case in cases if not any(case in text for _, text in new)]
        expect_equal(lost, [], "cases that nobody was reminded of")
        expect_equal(dead(demo), [], "jobs that were given up")
    print(f"       {len(new)} reminders in {KILLS} lives, each once; the slowest job was done {slowest:.1f} s after the start")


def open_overdue_case(manager, vendor):
    template = expect_status(manager.get("/v1/templates"), 200).json["items"][0]["id"]
    body = {"vendor": vendor, "template": template, "terminated_on": "2026-01-01"}
    return expect_status(manager.post("/v1/cases", body), 201).json["id"]


def ask(manager):
    """The reminders' job; while one waits or runs, that one is meant."""
    return expect_status(manager.post("/v1/jobs", {"kind": "offboarding.remind"}), 202).json["id"]


def resumed(demo, job):
    """Seconds until the job that was running or waiting at the kill has ended."""
    manager, started = demo.client("manager"), time.monotonic()
    while True:
        state = expect_status(manager.get(f"/v1/jobs/{job}"), 200).json
        if state["state"] in ("done", "dead", "cancelled"):
            return time.monotonic() - started
        expect(time.monotonic() - started < RESUME_SECONDS, f"not resumed within {RESUME_SECONDS} s: {state}")
        time.sleep(0.05)


def finish(demo):
    """Asks once more and waits for the end."""
    resumed(demo, ask(demo.client("manager")))


def dead(demo):
    return [job for job in demo.client("manager").items("/v1/jobs") if job["state"] == "dead"]


def reminders(demo):
    """(recipient, text) → how many messages say it: the text names the case, the step and the day."""
    manager, found = demo.client("manager"), {}
    for message in manager.items("/v1/messages"):
        if message["purpose"] == "reminder":
            text = expect_status(manager.get(f"/v1/messages/{message['id']}"), 200).json["text"]
            key = (message["to"]["email"], text)
            found[key] = found.get(key, 0) + 1
    return found


@scenario("frozen by the operator beside the running server: kept over a kill, refused with 423, lifted by the owner, and work goes on")
def frozen_by_operator():
    with Demo() as demo:
        manager = demo.client("manager")
        vendor = a_vendor(manager)
        done = run(STEWARD, "tenant", "freeze", "--data", demo.data, "--tenant", "acme", "--reason", "Court order 12/26")
        expect_equal(done.returncode, 0, done.stderr)
        refused_everywhere(manager, vendor)
        demo.kill()
        demo.start()
        refused_everywhere(demo.client("manager"), vendor)
        page = demo.client("manager").get("/vendors", Accept="text/html").body.decode()
        expect('class="banner"' in page and "Court order 12/26" in page, "the page does not say that it is frozen")
        expect_status(demo.client("owner", "globex").post("/v1/vendors", {"name": "Elsewhere"}), 201)
        expect_receipt(expect_status(demo.client("owner").post("/v1/freeze/lift"), 200))
        expect_status(demo.client("manager").patch(f"/v1/vendors/{vendor}", {"name": "Thawed"}), 200)
        finish(demo)
        demo.stop()
        verdict = audit_verify(demo.data)
        expect_equal(verdict.returncode, 0, verdict.stdout + verdict.stderr)


def refused_everywhere(manager, vendor):
    expect_problem(manager.patch(f"/v1/vendors/{vendor}", {"name": "No"}), 423)
    expect_problem(manager.post("/v1/jobs", {"kind": "offboarding.remind"}), 423)
    expect_status(manager.get(f"/v1/vendors/{vendor}"), 200)
    expect_status(manager.get("/v1/audit/export"), 200)
