"""What people do on the disk that will fail: some twenty writes of several kinds, and what they are told."""

from dataclasses import dataclass, field
import http.client

from house import Receipt

#: One more than a sealed chunk, so that a file takes several writes.
FILE = bytes(range(256)) * 400


@dataclass
class Told:
    """One write as its caller saw it. `status` 0: no answer. `seen` is where the log stood when the answer had come."""
    kind: str
    name: str
    status: int
    text: str
    receipt: Receipt = None
    seen: int = 0
    fired: bool = False
    id: str = ""

    @property
    def acknowledged(self):
        return 200 <= self.status < 400

    @property
    def claims_nothing(self):
        return "nothing was" in self.text.lower()


@dataclass
class Story:
    told: list = field(default_factory=list)

    def acknowledged(self, until=None):
        return [t for t in self.told if t.acknowledged and (until is None or t.seen <= until)]

    def receipts(self, until=None):
        return [t.receipt for t in self.acknowledged(until) if t.receipt]


class Teller:
    def __init__(self, life, tokens):
        self.life, self.tokens, self.story = life, tokens, Story()
        self.manager = life.client(tokens["manager"])

    def tell(self, kind, name, ask):
        try:
            answer = ask()
            status, text, receipt = answer.status, answer.body.decode(errors="replace"), answer.receipt
        except (OSError, http.client.HTTPException) as error:
            answer, status, text, receipt = None, 0, repr(error), None
        told = Told(kind, name, status, text, Receipt(receipt) if receipt else None, self.life.log.stat().st_size, self.life.control.fired)
        made = answer.json if told.acknowledged and answer.body[:1] == b"{" else {}
        told.id = made.get("id", "")
        self.story.told.append(told)
        return made

    def vendor(self, name):
        return self.tell("vendor", name, lambda: self.manager.post("/v1/vendors", {"name": name, "data_categories": ["a", "b"]})).get("id")


def play(life, tokens, place, word="x"):
    """`place` is the path of a step's evidence, with its kind."""
    teller = Teller(life, tokens)
    tell, manager = teller.tell, teller.manager
    first = [teller.vendor(f"First {word} {n}") for n in range(4)]
    for n, vendor in enumerate(first[:3]):
        new = f"Changed {word} {n}"
        tell("change", new, lambda: manager.patch(f"/v1/vendors/{vendor or 'none'}", {"name": new}))
    tell("file", f"{word}-1.bin", lambda: manager.upload(place, FILE + word.encode(), "application/octet-stream", f"{word}-1.bin"))
    case = tell("case", first[3], lambda: manager.post(
        "/v1/cases", {"vendor": first[3] or "none", "template": tokens["template"], "terminated_on": "2026-11-01"}))
    register = "name,registry_id\n" + "".join(f"Import {word} {n},{word}-{n}\n" for n in range(5))
    tell("import", f"Import {word} 4", lambda: manager.upload("/v1/vendors/import", register.encode(), "text/csv"))
    owner = life.client(tokens["owner"])
    person = {"name": f"Pia {word}", "email": f"pia.{word}@acme.example", "roles": ["member"]}
    tell("person", person["email"], lambda: owner.post("/v1/people", person))
    token = tell("token", word, lambda: manager.post("/v1/tokens", {"label": word}))
    tell("revoke", word, lambda: manager.post(f"/v1/tokens/{token.get('id', 'none')}/revoke"))
    tell("file", f"{word}-2.bin", lambda: manager.upload(place, b"small " + word.encode(), "text/plain", f"{word}-2.bin"))
    if case:
        tell("withdraw", case["id"], lambda: manager.post(f"/v1/cases/{case['id']}/withdraw"))
    for n in range(4):
        teller.vendor(f"Last {word} {n}")
    tell("read", "", lambda: manager.get("/v1/vendors?limit=1"))
    return teller.story


def contents(name):
    """What a file of this name may hold."""
    word = name.rsplit("-", 1)[0].encode()
    return FILE + word, b"small " + word
