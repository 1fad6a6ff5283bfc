"""The rules of this code base that no compiler checks. Each is a function from a source to findings (line, message).

The name of a rule is what `allowed.txt` and a fixture's first line speak of."""

import re

from swift_source import SwiftSource

#: Pure targets: what an auditor's verifier is made of. No server, no database, no network; TransparencyLog not even a disk.
PURE = {"Kernel", "TransparencyLog", "Certificate", "steward-verify"}
PURE_FORBIDDEN = re.compile(
    r"^(Foundation|FoundationNetworking|NIO\w*|Hummingbird\w*|HTTPTypes|AsyncHTTPClient|GRDB|GRDBSQLite|SQLite3|Logging|ServiceLifecycle"
    r"|Mustache|Server|Platform|Web|Ledger|Storage|Custody|Accounts|AuditTrail|Offboarding|Trust|Dispatch)$")
NO_DISK_NO_CLOCK = {"TransparencyLog": re.compile(r"^(FoundationEssentials|Glibc|Musl|Darwin)$")}

#: The only targets that see a database connection (the baseline of the bench is a server of its own).
DATABASE = {"Storage", "Ledger", "steward-bench"}

#: Where a connection to somewhere else may be made: the mechanics behind the gate; the command line, which is a client of the
#: HTTP API; and the bench.
CALLERS = ("Sources/Egress/", "Sources/steward/", "Sources/steward-bench/")

#: What opens a connection, or asks somebody else where to: URL sessions, NIO's and AsyncHTTPClient's clients, curl, sockets, name servers.
OPENS_CONNECTION = (
    r"\bURLSession\b|\bFoundationNetworking\b|\bAsyncHTTPClient\b|\bHTTPClient\b"
    r"|\b(?:Client|DatagramClient|NIOTSConnection)Bootstrap\b|\bNIORawSocketBootstrap\b|\bNIOPipeBootstrap\b|\bDatagramBootstrap\b"
    r"|\bCCurl\b|\bcurl_easy_\w+|\bcurl_multi_\w+|\bsteward_curl_\w+"
    r"|(?<![\w.])(?:(?:Glibc|Musl|Darwin)\.)?(?:connect|socket|socketpair|sendto|sendmsg|getaddrinfo|gethostbyname\w*|getnameinfo|res_\w+)\(")

#: Who may speak to those mechanics: the gate, which asks first and writes down, what goes through it, what reads its values
#: from the configuration, and the services that keep the root key, without which there is no gate and no record yet.
GATE = ("Sources/Custody/Root/Services/", "Sources/Platform/Egress/", "Sources/Platform/Outbox/SMTPTransport.swift", "Sources/Server/Settings/SettingsMapping.swift",
        "Sources/Server/Doctor/Diagnosis.swift")

LONGEST_FUNCTION = 70

RULES = {}


def rule(name):
    def register(check):
        RULES[name] = check
        return check
    return register


def matches(source: SwiftSource, text: str, pattern: str, message: str):
    for match in re.finditer(pattern, text):
        yield source.line_of(match.start()), message.format(match.group().strip())


@rule("module-imports-module")
def module_imports_module(source, package):
    if source.target in package.modules:
        for line, name in source.imports():
            if name in package.modules and name != source.target:
                yield line, f"{source.target} imports {name}: modules meet in Server, through a closure or a small protocol"


@rule("pure-target")
def pure_target(source, package):
    if source.target in PURE:
        narrower = NO_DISK_NO_CLOCK.get(source.target)
        for line, name in source.imports():
            if PURE_FORBIDDEN.match(name) or (narrower and narrower.match(name)):
                yield line, f"{source.target} imports {name}: what the offline verifier is made of stays pure"


@rule("database-import")
def database_import(source, package):
    if source.path.startswith("Sources/") and source.target not in DATABASE:
        for line, name in source.imports():
            if name in ("GRDB", "GRDBSQLite", "SQLite3"):
                yield line, f"{source.target} imports {name}: only Storage and Ledger see a database connection"


@rule("trap")
def trap(source, package):
    if source.path.startswith("Sources/"):
        yield from matches(source, source.code, r"\btry!", "`{}` ends the server for every tenant: throw instead")
        yield from matches(source, source.code, r"\bas!", "`{}` ends the server for every tenant: use `as?` and throw")
        joined = "".join(s if s == '"' else c for c, s in zip(source.code, source.strings))
        yield from matches(source, joined, r'(?<![\w!])(?!try!|as!)[\w`]*[\w`)\]}"?]!(?![=\w])(?=[\s.,;:)\]}(\[?!]|$)',
                           "`{}` is a force unwrap, which ends the server for every tenant: guard and throw")


@rule("unexplained-escape")
def unexplained_escape(source, package):
    comments = source.comments.split("\n")
    pattern = r"@unchecked\s+Sendable|nonisolated\(unsafe\)|@preconcurrency|\bunowned\(unsafe\)|\bunsafeBitCast\b"
    for match in re.finditer(pattern, source.code):
        line = source.line_of(match.start())
        around = comments[max(line - 2, 0):line + 1]
        if not any(text.strip() for text in around):
            yield line, f"`{match.group()}` without the reason in a comment on the line before or after"


@rule("outbound-call")
def outbound_call(source, package):
    if source.path.startswith("Sources/") and not source.path.startswith(CALLERS):
        yield from matches(source, source.code, OPENS_CONNECTION,
                           "`{}`: nothing leaves the process but through the gate (Sources/Platform/Egress)")


@rule("around-the-gate")
def around_the_gate(source, package):
    if source.path.startswith("Sources/") and not source.path.startswith(CALLERS + GATE):
        for line, name in source.imports():
            if name == "Egress":
                yield line, f"{source.target} imports Egress: ask the gate (`services.egress`), which writes down what leaves"
        yield from matches(source, source.code, r"\bEgressClient\b|\bSMTPCall\b|\bHTTPCall\b",
                           "`{}`: ask the gate (`services.egress`), which writes down what leaves")


@rule("inline-style-or-script")
def inline_style_or_script(source, package):
    if source.path.startswith("Sources/"):
        text = source.strings if source.path.endswith(".swift") else source.text
        yield from matches(source, text, r"<script(?![^>]*\bsrc=)|<style\b|[\s\"']style=\\?[\"']|\son[a-z]{3,12}=\\?[\"']|javascript:",
                           "`{}`: the pages' content security policy allows no inline style and no inline script")
        yield from matches(source, text, r"(?:\bsrc|\baction)=\\?[\"']?(?:https?:)?//|@import\b|url\((?:[\"']?)(?:https?:)?//",
                           "`{}`: a page loads nothing from elsewhere")


@rule("long-function")
def long_function(source, package):
    if not source.path.endswith(".swift"):
        return
    for match in re.finditer(r"\b(?:func\s+[^\s(<]+|init[?]?|subscript|deinit)(?=[\s(<{])", source.code):
        start, end = body(source.code, match.end())
        if start is None:
            continue
        length = source.line_of(end) - source.line_of(match.start()) + 1
        if length > LONGEST_FUNCTION:
            yield source.line_of(match.start()), f"`{match.group()}` takes {length} lines; {LONGEST_FUNCTION} fit on a screen"


@rule("left-over")
def left_over(source, package):
    text = source.comments if source.path.endswith(".swift") else source.text
    yield from matches(source, text, r"\b(TODO|FIXME|XXX|HACK)\b", "`{}`: finish it, or open an issue and say so in a sentence")


def body(code: str, at: int):
    """Offsets of the braces of the declaration whose name ends at `at`, or (None, None) if it has no body (a call, a requirement)."""
    depth = 0
    while at < len(code):
        c = code[at]
        if c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
            if depth < 0:
                return None, None
        elif c == "{" and depth == 0:
            return at, matching_brace(code, at)
        elif c == "}" and depth == 0:
            return None, None
        elif c == "\n" and depth == 0 and not continues(code, at):
            return None, None
        at += 1
    return None, None


def continues(code: str, newline: int) -> bool:
    """Whether a declaration goes on after this line end: `where`, `->`, `throws` or the brace stand on the next line."""
    rest = code[newline:].lstrip()
    return rest.startswith(("where", "->", "async", "throws", "{"))


def matching_brace(code: str, opening: int) -> int:
    depth = 0
    for at in range(opening, len(code)):
        depth += {"{": 1, "}": -1}.get(code[at], 0)
        if depth == 0:
            return at
    return len(code) - 1
