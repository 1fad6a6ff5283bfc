"""Bad input: a clear error, nothing half-done, and the process goes on."""

import socket
import struct
import tempfile
import zipfile
from pathlib import Path

from expect import expect, expect_equal, expect_problem, expect_status, scenario
from fixtures import a_place_for_evidence, a_vendor, an_open_case
from steward import Client, Demo, VERIFY, run

HEADER = b"registry_id,name,privacy_url,standard_retention_days,data_categories,purposes,deleted_on\r\n"


@scenario("malformed input is refused with a clear error and leaves nothing half-done")
def malformed():
    with Demo() as demo:
        manager, pid = demo.client("manager"), demo.process.pid
        for number in range(3):
            a_vendor(manager, f"Fixture {number} Ltd")
        place = a_place_for_evidence(manager)
        before = everything(demo)
        bad_csv(manager)
        bad_json(manager)
        bad_lists(manager)
        bad_uploads(manager, place)
        bad_http(demo)
        expect(demo.alive() and demo.process.pid == pid, "the server ended")
        expect_equal(everything(demo), before, "something was left behind")


def everything(demo):
    manager = demo.client("manager")
    cases = manager.items("/v1/cases")
    return {
        "vendors": sorted((v["id"], v["name"]) for v in manager.items("/v1/vendors")),
        "cases": [manager.get(f"/v1/cases/{case['id']}").json for case in cases],
        "people": sorted(p["id"] for p in demo.client("owner").items("/v1/people")),
    }


def bad_csv(manager):
    row = b'990001,"A, B",https://a.example/,30,IP addresses,Store,\r\n'
    whole_file = {
        "a broken quote": HEADER + row + b'990002,"never closed,https://a.example/,30,x,y,\r\n',
        "a quote in the middle": HEADER + b'990002,a"b"c,https://a.example/,30,x,y,\r\n',
        "UTF-16": (HEADER + row).decode().encode("utf-16"),
        "Latin-1": HEADER + b"990002,Soci\xe9t\xe9,https://a.example/,30,x,y,\r\n",
        "ten thousand columns": b",".join(b"c%d" % i for i in range(10_000)) + b"\r\n" + b"," * 9_999 + b"\r\n",
        "another header": b"id,name\r\n1,x\r\n",
        "nothing": b"",
        "NUL bytes": HEADER + b"990002,\x00\x00,https://a.example/,30,x,y,\r\n",
        "a line of 20 MB": HEADER + b"990002," + b"x" * 20_000_000,
    }
    for what, content in whole_file.items():
        answer = manager.upload("/v1/vendors/import", content, "text/csv")
        if answer.status == 200:
            # A line of its own that is wrong may be told line by line instead; it must not have been written.
            expect(answer.json["rejected_total"] >= 1 and answer.json["created"] + answer.json["updated"] == 0 or what in
                   ("a quote in the middle", "NUL bytes"), f"CSV with {what}: {answer}")
        else:
            expect_problem(answer, 400, 413, 415, 422)


def bad_json(manager):
    bodies = {
        "nested 10,000 deep": b"[" * 10_000 + b"]" * 10_000,
        "nested objects": b'{"name":' * 10_000 + b"1" + b"}" * 10_000,
        "a duplicate key": b'{"name":"a","name":"b"}',
        "not an object": b'["name"]',
        "no name": b"{}",
        "an empty name": b'{"name":""}',
        "a name of another type": b'{"name":{"a":1}}',
        "cut off": b'{"name":"a',
        "not UTF-8": b'{"name":"\xff\xfe"}',
        "a lone surrogate": b'{"name":"\\ud800"}',
        "a name of a megabyte": b'{"name":"' + b"x" * 900_000 + b'"}',
        "a number out of range": b'{"name":"a","retention_days":1e400}',
        "a fraction": b'{"name":"a","retention_days":1.5}',
        "a negative retention": b'{"name":"a","retention_days":-1}',
        "a retention beyond Int64": b'{"name":"a","retention_days":99999999999999999999}',
        "a day that is none": b'{"name":"a","relationship":"ended","ended_on":"2026-02-30"}',
        "another relationship": b'{"name":"a","relationship":"complicated"}',
        "a script as address": b'{"name":"a","privacy_url":"javascript:alert(1)"}',
        "categories that are none": b'{"name":"a","data_categories":"x"}',
        "a NUL": b'{"name":"a\\u0000b"}',
    }
    for what, body in bodies.items():
        answer = manager.request("POST", "/v1/vendors", body, {"Content-Type": "application/json"})
        try:
            expect_problem(answer, 400, 413, 422)
        except AssertionError as problem:
            raise AssertionError(f"a vendor with {what}: {problem}") from None
    over = b'{"name":"' + b"x" * 5_000_000 + b'"}'
    expect_problem(over_limit(manager, "/v1/vendors", over, "application/json"), 413)
    for path in ("/v1/cases", "/v1/people"):
        expect_problem(manager.post(path, {"vendor": 7, "email": ["x"], "roles": "king"}), 400, 404, 422)


def over_limit(client, path, body, media_type):
    """The server may answer and close before it has read a body that is too long."""
    try:
        return client.request("POST", path, body, {"Content-Type": media_type})
    except OSError:
        return client.request("POST", path, None, {"Content-Type": media_type, "Content-Length": str(len(body))})


def bad_lists(manager):
    for query in ("limit=0", "limit=201", "limit=-1", "limit=abc", "limit=99999999999999999999", "cursor=from-elsewhere",
                  "cursor=%00", "cursor=" + "a" * 5_000):
        expect_problem(manager.get(f"/v1/vendors?{query}"), 400, 414, 422, 431)
    page = expect_status(manager.get("/v1/vendors?limit=2"), 200).json
    expect(page["next"], "several vendors take more than one page of two")
    expect_problem(manager.get(f"/v1/people?limit=2&cursor={page['next']}x"), 400, 404, 422)
    for path in ("/v1/audit?since=yesterday", "/v1/audit?until=2026-13-01T00:00:00.000Z", "/v1/audit?object=nonsense%20here"):
        answer = manager.get(path)
        if answer.status != 200:
            expect_problem(answer, 400, 422)
    for path in ("/v1/vendors/none", "/v1/vendors/" + "0" * 26, "/v1/vendors/..%2f..%2fetc", "/v1/vendors/%00", "/v1/cases/%ff",
                 "/v1/log/tile/0/999", "/v1/log/tile/x/y/z", "/v1/log/tile/0/../../etc/passwd", "/nothing/here"):
        expect_problem(manager.get(path), 400, 404)


def bad_uploads(manager, place):
    here, kind = place
    for name in ("../../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "a/b", ".."):
        answer = manager.upload(f"{here}?kind={kind}", b"x", "application/pdf", name)
        expect_problem(answer, 400, 413, 422, 431)
    expect_problem(manager.upload(f"{here}?kind=..%2F%3Cscript%3E", b"x", "application/pdf", "a.pdf"), 400, 422)
    expect_problem(manager.upload(f"{here}?kind={kind}", b"x", "not a media type", "a.pdf"), 400, 415, 422)
    elsewhere = here.rsplit("/", 2)[0] + f"/none/evidence?kind={kind}"
    expect_problem(manager.upload(elsewhere, b"x", "application/pdf", "a.pdf"), 404)


def bad_http(demo):
    """Below HTTP: what no client library would send."""
    raw_requests = [
        b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"POST /v1/vendors HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/vendors HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/vendors HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /t/%C0%AE%C0%AE/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/vendors?q=%ZZ%FF HTTP/1.1\r\nHost: a\r\nCookie: " + b"a=b; " * 500 + b"\r\n\r\n",
    ]
    for raw in raw_requests:
        with socket.create_connection(("127.0.0.1", demo.port), timeout=5) as connection:
            try:
                connection.sendall(raw)
                connection.settimeout(1)
                connection.recv(4096)
            except OSError:
                pass
    for token in ("", "x", "Bearer", "a" * 10_000, "é", "stw_" + "0" * 52):
        headers = {"Authorization": f"Bearer {token}".encode("utf-8", "replace")}
        expect_problem(Client(demo.url).request("GET", "/v1/vendors", None, headers), 400, 401, 431)
    expect_problem(Client(demo.url).request("DELETE", "/v1/vendors"), 401, 404, 405)


@scenario("what a principal may not know about is not there: other tenants, people without grants, strangers")
def strangers():
    with Demo() as demo:
        manager, other = demo.client("manager"), demo.client("owner", "globex")
        vendor = a_vendor(manager)
        opened = an_open_case(manager, vendor)
        case, step = opened["id"], opened["steps"][0]["id"]
        for path in (f"/v1/vendors/{vendor}", f"/v1/cases/{case}", f"/v1/cases/{case}/certificate"):
            expect_problem(other.get(path), 404)
            expect_problem(demo.client("member").get(path), 404)
            expect_problem(demo.anonymous().get(path), 401)
        for client in (other, demo.client("member")):
            expect_problem(client.patch(f"/v1/vendors/{vendor}", {"name": "taken"}), 404)
            expect_problem(client.post("/v1/cases", {"vendor": vendor, "template": "x", "terminated_on": "2026-11-01"}), 404, 422)
            expect_problem(client.post(f"/v1/cases/{case}/steps/{step}/complete", {"note": ""}), 404)
        member = demo.client("member")
        for path in ("/v1/people", "/v1/vendors", "/v1/audit", "/v1/audit/export", "/v1/log/checkpoint"):
            expect_problem(member.get(path), 404)
        expect_problem(demo.client("auditor").post("/v1/vendors", {"name": "by an auditor"}), 404)
        expect_problem(demo.client("manager").post("/v1/people", {"name": "x", "email": "x@acme.example", "roles": []}), 404)
        expect(not any(v["id"] == vendor for v in other.items("/v1/vendors")), "the other tenant's list")


@scenario("steward-verify refuses zip bombs, truncated and foreign files, and never ends by a signal")
def bad_bundles():
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        bomb = here / "bomb.zip"
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("README.txt", "certificate.html", "statement.json"):
                archive.writestr(name, b"\0" * 50_000_000)
        many = here / "many.zip"
        with zipfile.ZipFile(many, "w") as archive:
            for number in range(20_000):
                archive.writestr(f"{number}.txt", b"")
        lying = here / "lying.zip"
        lying.write_bytes(b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 65_535, 65_535, 0xFFFF_FFFF, 0xFFFF_FFFF, 0))
        (here / "empty.zip").write_bytes(b"")
        (here / "text.zip").write_bytes(b"not a zip\n" * 100)
        (here / "cut.zip").write_bytes(bomb.read_bytes()[:500])
        (here / "bad.vkey").write_bytes(b"steward/x+00000000+AAAA\n")
        for path in sorted(here.glob("*.zip")) + [here / "missing.zip", here]:
            for key in ([], ["--key", here / "bad.vkey"], ["--key", here / "missing.vkey"]):
                result = run(VERIFY, *key, path, timeout=20)
                expect(result.returncode in (1, 2), f"{path.name} {key}: {result.returncode} {result.stdout}")
                expect(result.stdout + result.stderr, f"{path.name}: says nothing")
