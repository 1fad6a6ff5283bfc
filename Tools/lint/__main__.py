"""Checks the sources against rules.py. `python3 Tools/lint` lints, `--self-test` proves that every rule catches its fixture.

Exit 0: nothing found. 1: findings, one a line as path:line: rule: message. A finding that has to stay is named in allowed.txt
with its reason; an entry there that no finding needs any more is itself a finding."""

from dataclasses import dataclass
from pathlib import Path
import re
import sys

from rules import RULES
from swift_source import SwiftSource

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


@dataclass
class Package:
    """What Package.swift says: a module is a target that builds on Platform and is not the composition of them."""

    modules: set

    @classmethod
    def read(cls, text: str) -> "Package":
        parts = re.findall(r'part\(\s*"([\w-]+)",\s*\[(.*?)\]\s*\)', text, re.S)
        return cls({name for name, needs in parts if '"Platform"' in needs and name != "Server"})


def findings_in(source: SwiftSource, package: Package):
    for name, check in RULES.items():
        for line, message in check(source, package):
            yield name, source.path, line, message


def sources():
    for folder in ("Sources", "Tests"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".swift", ".mustache", ".html", ".css", ".js") and path.is_file():
                yield SwiftSource.read(ROOT, path)


def read_allowed():
    """(rule, path) → reason. One a line: rule, path, reason."""
    allowed = {}
    for line in (HERE / "allowed.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, path, reason = line.split(None, 2)
            allowed[(name, path)] = reason
    return allowed


def lint() -> int:
    package = Package.read((ROOT / "Package.swift").read_text())
    allowed, used, count = read_allowed(), set(), 0
    for source in sources():
        for name, path, line, message in findings_in(source, package):
            if (name, path) in allowed:
                used.add((name, path))
                continue
            count += 1
            print(f"{path}:{line}: {name}: {message}")
    for name, path in sorted(set(allowed) - used):
        count += 1
        print(f"Tools/lint/allowed.txt: {name} {path} is no longer needed: delete the line")
    if count == 0:
        print(f"lint: {len(RULES)} rules, nothing found")
    return 1 if count else 0


def self_test() -> int:
    """A fixture's first line says where it pretends to lie; its lines with `// caught: RULE` must be found, no others."""
    package = Package({"Accounts", "Offboarding", "Trust", "AuditTrail"})
    failures, proven = [], set()
    for path in sorted((HERE / "fixtures").glob("*.txt")):
        text = path.read_text()
        marker = re.compile(r"// caught: ([\w-]+)")
        source = SwiftSource(text.split("\n", 1)[0].removeprefix("// ").strip(), marker.sub("", text))
        expected = {(m.group(1), text.count("\n", 0, m.start()) + 1) for m in marker.finditer(text)}
        found = {(name, line) for name, _, line, _ in findings_in(source, package)}
        proven |= {name for name, _ in expected & found}
        failures += [f"{path.name}:{line}: {name} was not caught" for name, line in sorted(expected - found)]
        failures += [f"{path.name}:{line}: {name} was caught and should not be" for name, line in sorted(found - expected)]
    failures += [f"{name}: no fixture shows that it catches anything" for name in sorted(set(RULES) - proven)]
    print("\n".join(failures) if failures else f"lint self-test: each of {len(RULES)} rules catches its fixture")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(self_test() if "--self-test" in sys.argv[1:] else lint())
