"""`steward demo`: what scripts and a person who tries it for ten minutes find there."""

import re
import time

from expect import expect, expect_equal, expect_status, scenario
from steward import Demo

#: What a demo can prove: it has no TLS, no place for backups, and with the rate of these scenarios no burst is refused.
PROVEN = set("F10 F15 F23 F29 F30 F31 F53 F54 F55 F71 A9 A10 A14 A15 A20 A21 A36 A37 A41 A43 A44 A54 A56 A57 A58".split())
DECLARED = set("F35 F64 F66 A50 A51 A52".split())
NOT_APPLICABLE = set("A1 A28".split())


@scenario("the demo holds what its credentials file says, and a second start goes on with it")
def demo_holds():
    with Demo() as demo:
        roles = sorted((p["tenant"], p["role"]) for p in demo.people())
        expect_equal(roles, [("acme", r) for r in ("approver", "auditor", "manager", "member", "owner")] + [("globex", "owner")], "people")
        expect(all(p["email"] and p["password"] and p["token"] for p in demo.people()), "everyone can sign in")
        expect_equal(content_of(demo), (833, ["certified", "open"]), "vendors and cases")
        before = demo.people()
        demo.stop()
        demo.start()
        expect_equal(content_of(demo), (833, ["certified", "open"]), "after a second start")
        expect_equal(sorted(p["email"] for p in demo.people()), sorted(p["email"] for p in before), "people after a second start")


def content_of(demo):
    manager = demo.client("manager")
    return len(manager.items("/v1/vendors")), sorted(case["state"] for case in manager.items("/v1/cases"))


@scenario("within 20 s of the start every promise that a demo can prove reads proven, and no other does")
def promises():
    with Demo() as demo:
        ready = time.monotonic()
        while time.monotonic() - ready < 20:
            states = {p["id"]: p["state"] for p in expect_status(demo.anonymous().get("/trust.json"), 200).json["promises"]}
            if {i for i, state in states.items() if state == "proven"} == PROVEN:
                break
            time.sleep(0.5)

        def by_state(wanted):
            return {i for i, state in states.items() if re.sub("[-_]", " ", state) == wanted}

        expect_equal(len(states), 130, "promises")
        expect_equal(by_state("proven"), PROVEN, "proven")
        expect_equal(by_state("declared"), DECLARED, "declared")
        expect_equal(by_state("not applicable"), NOT_APPLICABLE, "not applicable")
        expect_equal(len(by_state("unknown")), 130 - len(PROVEN | DECLARED | NOT_APPLICABLE), "unknown")


@scenario("everyone can read the documents at their known places")
def documents():
    with Demo() as demo:
        stranger = demo.anonymous()
        paths = expect_status(stranger.get("/openapi.json"), 200).json["paths"]
        for path in routes_of_the_contract():
            expect(path in paths, f"{path} is not in /openapi.json")
        expect_status(stranger.get("/healthz"), 200)
        text = expect_status(stranger.get("/.well-known/security.txt"), 200).body.decode()
        expect("Contact:" in text and "Expires:" in text, text)
        expect("steward/" in expect_status(stranger.get("/.well-known/steward.vkey"), 200).body.decode(), "the installation's key")
        page = expect_status(stranger.get("/trust", Accept="text/html"), 200)
        expect("default-src 'none'" in page.headers["content-security-policy"], page.headers)
        expect(not re.search(rb'(src|href)="(https?:)?//', page.body), "the page names another origin")


def routes_of_the_contract():
    case = "/v1/cases/{id}"
    return ["/v1/people", "/v1/people/{id}/disable", "/v1/vendors", "/v1/vendors/{id}", "/v1/vendors/import", "/v1/templates", "/v1/cases",
            case, f"{case}/steps/{{step}}/assign", f"{case}/steps/{{step}}/evidence", f"{case}/steps/{{step}}/evidence/{{evidence}}",
            f"{case}/steps/{{step}}/complete", f"{case}/steps/{{step}}/approve", f"{case}/steps/{{step}}/return", f"{case}/withdraw",
            f"{case}/certificate", "/v1/audit", "/v1/audit/export", "/v1/log/checkpoint", "/v1/log/vkey", "/v1/log/certificate"]
