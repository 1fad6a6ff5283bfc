"""A Swift file, read well enough to tell code from comments and strings. Nothing here understands Swift further than that."""

from dataclasses import dataclass, field
from pathlib import Path
import re


@dataclass
class SwiftSource:
    """`code`, `comments` and `strings` are as long as the text; what belongs to the other two is blank in each."""

    path: str
    text: str
    code: str = field(init=False)
    comments: str = field(init=False)
    strings: str = field(init=False)

    def __post_init__(self):
        kinds = classify(self.text)
        self.code = keep(self.text, kinds, "c")
        self.comments = keep(self.text, kinds, "/")
        self.strings = keep(self.text, kinds, '"')

    @classmethod
    def read(cls, root: Path, path: Path) -> "SwiftSource":
        return cls(str(path.relative_to(root)), path.read_text(encoding="utf-8"))

    @property
    def target(self) -> str:
        """The SwiftPM target, from `Sources/<target>/…`."""
        parts = Path(self.path).parts
        return parts[1] if len(parts) > 2 and parts[0] == "Sources" else ""

    def line_of(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1

    def imports(self):
        """(line, module) of each import, whatever stands before the word."""
        pattern = re.compile(
            r"^[ \t]*(?:@\w+(?:\([^)\n]*\))?[ \t]+)*(?:(?:public|package|internal|private|fileprivate)[ \t]+)?"
            r"import[ \t]+(?:(?:struct|class|enum|func|protocol|typealias|let|var|actor)[ \t]+)?(\w+)", re.M)
        for match in pattern.finditer(self.code):
            yield self.line_of(match.start(1)), match.group(1)


def keep(text: str, kinds: list, wanted: str) -> str:
    return "".join(c if c == "\n" or kinds[i] == wanted else " " for i, c in enumerate(text))


STRING_OPENING = re.compile(r'(#*)("""|")')
COMMENT_EDGE = re.compile(r"/\*|\*/")


def classify(text: str) -> list:
    """For each character: `c` code, `/` comment, `"` string. An interpolation is code again."""
    kinds = ["c"] * len(text)
    scan_code(text, 0, kinds, until_parenthesis=False)
    return kinds


def scan_code(text: str, at: int, kinds: list, until_parenthesis: bool) -> int:
    depth = 0
    while at < len(text):
        opening = STRING_OPENING.match(text, at)
        if text.startswith("//", at):
            end = text.find("\n", at)
            at = mark(kinds, at, len(text) if end < 0 else end, "/")
        elif text.startswith("/*", at):
            at = mark(kinds, at, end_of_block_comment(text, at), "/")
        elif opening:
            at = scan_string(text, opening, kinds)
        else:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            if until_parenthesis and depth < 0:
                return at
            at += 1
    return at


def scan_string(text: str, opening: re.Match, kinds: list) -> int:
    hashes, quote = opening.groups()
    closing, escape = quote + hashes, "\\" + hashes
    at = mark(kinds, opening.start(), opening.end(), '"')
    while at < len(text):
        if text.startswith(closing, at):
            return mark(kinds, at, at + len(closing), '"')
        if text.startswith(escape + "(", at):
            inside = mark(kinds, at, at + len(escape) + 1, '"')
            at = scan_code(text, inside, kinds, until_parenthesis=True)
            at = mark(kinds, at, min(at + 1, len(text)), '"')
        elif text.startswith(escape, at):
            at = mark(kinds, at, min(at + len(escape) + 1, len(text)), '"')
        elif quote == '"' and text[at] == "\n":
            return at
        else:
            at = mark(kinds, at, at + 1, '"')
    return at


def end_of_block_comment(text: str, start: int) -> int:
    """Swift's block comments nest."""
    depth = 0
    for edge in COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def mark(kinds: list, start: int, end: int, kind: str) -> int:
    for i in range(start, end):
        kinds[i] = kind
    return end
