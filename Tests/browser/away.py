"""What is taken out of the lists, and what is erased: by a manager and an owner, in the browser."""

import time

from house import Visitor

STATES = ("proposed", "final", "withdrawn")


def trash(running, demo, javascript):
    """A vendor leaves the lists, is found in the trash, comes back, and goes again."""
    name = f"Thrown Away {'with' if javascript else 'without'} scripts"
    made = demo.client("manager").post("/v1/vendors", {"name": name})
    assert made.status == 201, made
    path = f"/vendors/{made.json['id']}"
    manager = Visitor(running, demo, javascript)
    manager.sign_in("manager").go(path)
    put(manager)
    manager.reads(name).reads("30 days left")
    manager.go(f"/vendors?q={name.replace(' ', '+')}").reads("0 found|no vendor")
    manager.go(path).reads("in the trash")
    assert not manager.has("link", "^edit"), "what lies in the trash can be edited"
    manager.press("^bring back").reads("it is back").reads(name)
    put(manager.go(path))
    row = manager.page.get_by_role("row").filter(has_text=name)
    manager.click(row.get_by_role("button"))
    manager.reads("it is back")
    manager.leave()


def put(manager):
    form = manager.form("/trash")
    manager.open_around(form)
    manager.click(form.get_by_role("button"))
    manager.reads("it is in the trash")


def erasure(running, demo):
    """The owner sees what goes and what remains, confirms with the password, and gets the record."""
    made = demo.client("manager").post("/v1/vendors", {"name": "Erased Away Ltd"})
    owner = Visitor(running, demo)
    owner.sign_in("owner").go(f"/vendors/{made.json['id']}").follow("^erase")
    owner.reads("What goes").reads("What remains, and why").reads("Backups")
    owner.fill("why is it erased", "They asked for it.").press("^propose the erasure")
    address = owner.page.url
    owner.reads("Waits for confirmation")
    owner.fill("your password, again", "not this one").press("^erase for good").reads("not your present password")
    owner.fill("your password, again", demo.person("owner")["password"]).press("^erase for good")
    finished(owner, address).reads("Every copy of the keys ended").reads("key store [0-9a-f]{8}")
    with owner.page.expect_download() as download:
        owner.page.get_by_role("link", name="Download the record").click()
    assert download.value.suggested_filename.endswith(".json"), download.value.suggested_filename
    owner.leave()


def person(running, demo):
    """The way to erase a person leads from the list of people; the last owner is told why not."""
    owner = Visitor(running, demo)
    owner.sign_in("owner").go("/people")
    row = owner.page.get_by_role("row").filter(has_text=demo.person("auditor")["email"])
    owner.click(row.get_by_role("link", name="Erase"))
    owner.reads("Name and address").reads("person.s id on the record")
    owner.leave()


def finished(owner, address):
    """Reloads until it is final; servers that share a database wait for a lease."""
    for _ in range(60):
        owner.go(address)
        if "Final everywhere" in owner.page.content() and owner.has("link", "^download the record"):
            return owner
        time.sleep(1)
    raise AssertionError(f"{address} is not final")


def prepared(demo):
    """Addresses of an erasure in each state, and of something in the trash, for screenshots."""
    manager, owner = demo.client("manager"), demo.client("owner")
    pages = {}
    for state in STATES:
        vendor = manager.post("/v1/vendors", {"name": f"Shown {state}"}).json["id"]
        body = {"object": {"type": "vendor", "id": vendor}, "reason": "They asked for it.", "suppress": state == "final"}
        erasure_id = owner.post("/v1/erasures", body).json["id"]
        pages[f"erasure-{state}"] = f"/erasures/{erasure_id}"
        if state == "final":
            owner.post(f"/v1/erasures/{erasure_id}/confirm", {})
        if state == "withdrawn":
            owner.post(f"/v1/erasures/{erasure_id}/withdraw", {})
    for name in ("Globex Hosting", "Umbrella Analytics"):
        vendor = manager.post("/v1/vendors", {"name": name}).json["id"]
        manager.post(f"/v1/vendors/{vendor}", method="DELETE")
        pages["vendor-trashed"] = f"/vendors/{vendor}"
    person_id = next(p["id"] for p in owner.items("/v1/people") if p["email"] == demo.person("approver")["email"])
    pages["person-erasure"] = f"/erasures/new?type=person&id={person_id}"
    pages["trash"], pages["people"] = "/trash", "/people"
    return pages


def held(demo, manager):
    """A case whose vendor is under legal hold."""
    case = next(case for case in manager.items("/v1/cases") if case["state"] == "open")
    demo.client("owner").post("/v1/holds", {"object": {"type": "vendor", "id": case["vendor"]["id"]}, "reason": "Dispute about the last invoice."})
    return case
