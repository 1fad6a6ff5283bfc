"""What an acknowledged write took home, read as docs/format.md §3.5 says: place and leaf data of its entry."""

import base64


class Receipt:
    """Of the field `Steward-Receipt`."""

    def __init__(self, header):
        self.read(base64.b64decode(header))

    @classmethod
    def of(cls, content):
        """Of the bytes of a tlog-proof."""
        made = cls.__new__(cls)
        made.read(content)
        return made

    def read(self, proof):
        lines = proof.split(b"\n")
        extra = next(line for line in lines if line.startswith(b"extra "))
        self.index = int(next(line for line in lines if line.startswith(b"index "))[6:])
        content = base64.b64decode(extra[6:])
        self.leaf = content[content.index(b"\n{") + 1:]
