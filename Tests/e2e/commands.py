"""What the commands say of themselves: reviewed as a golden file. UPDATE_GOLDEN=1 rewrites it, `git diff` reviews it."""

import os
import re
import subprocess

from expect import expect, scenario
from steward import ROOT, STEWARD

GOLDEN = ROOT / "Tests/Golden/help.txt"
MANUAL = ROOT / "Packaging/steward.8"


def help_of(command):
    result = subprocess.run([STEWARD, *command.split(), "--help"], capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"})
    expect(result.returncode == 0 and result.stderr == "", f"steward {command} --help ends with 0 and says nothing on standard error")
    return f"$ steward {command + ' ' if command else ''}--help\n{result.stdout.rstrip()}\n"


def below(said):
    """The commands that a help lists."""
    return re.findall(r"^  ([a-z]+)(?:  |$)", said.partition("SUBCOMMANDS:")[2], re.MULTILINE)


def every_help(command=""):
    """Of a command, then of all below it."""
    said = help_of(command)
    yield said
    for name in below(said):
        yield from every_help(f"{command} {name}".strip())


@scenario("every command's --help is as reviewed, and the manual page names it")
def helps():
    text = "\n".join(every_help())
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text)
    expect(GOLDEN.read_text() == text, "the helps are those of Tests/Golden/help.txt; UPDATE_GOLDEN=1 rewrites it")
    commands = MANUAL.read_text().partition(".SH COMMANDS")[2].partition(".SH FILES")[0]
    for name in below(help_of("")):
        expect(re.search(rf"\b{name}\b", re.sub(r"\\f[BRI]", "", commands)), f"{MANUAL.name} names the command {name}")
