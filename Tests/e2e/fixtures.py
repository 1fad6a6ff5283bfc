"""What a scenario needs before it begins, made through the API so that it does not lean on the sample data."""

from expect import expect_status


def a_vendor(manager, name="Fixture Ltd"):
    return expect_status(manager.post("/v1/vendors", {"name": name}), 201).json["id"]


def an_open_case(manager, vendor=None):
    """The body of a new case from the first template."""
    template = manager.get("/v1/templates").json["items"][0]["id"]
    body = {"vendor": vendor or a_vendor(manager), "template": template, "terminated_on": "2026-11-01"}
    return expect_status(manager.post("/v1/cases", body), 201).json


def a_place_for_evidence(manager):
    """(path of a step's evidence, a kind of evidence that the step needs) in a new case."""
    case = an_open_case(manager)
    step, kind = next((s["id"], need["kind"]) for s in case["steps"] for need in s["needs"]["evidence"])
    return f"/v1/cases/{case['id']}/steps/{step}/evidence", kind
