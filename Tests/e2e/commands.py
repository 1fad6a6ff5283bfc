"""What the commands say of themselves: reviewed as a golden file. UPDATE_GOLDEN=1 rewrites it, `git diff` reviews it."""

import os
import subprocess

from expect import expect, scenario
from steward import ROOT, STEWARD

COMMANDS = ["", "init", "serve", "demo", "tenant", "tenant create", "token", "token create", "vendors", "vendors import", "subprocessor",
            "subprocessor add", "subprocessor list", "subprocessor announce", "subprocessor activate", "subprocessor suspend",
            "subprocessor end", "keys",
            "keys recovery", "keys recovery make", "keys recovery check", "keys replicate", "keys forget", "audit",
            "audit verify", "audit rebuild", "backup", "backup create", "backup list", "backup verify", "restore", "prove", "config",
            "config check", "config example", "doctor", "version"]
GOLDEN = ROOT / "Tests/Golden/help.txt"


def help_of(command):
    result = subprocess.run([STEWARD, *command.split(), "--help"], capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"})
    expect(result.returncode == 0 and result.stderr == "", f"steward {command} --help ends with 0 and says nothing on standard error")
    return f"$ steward {command + ' ' if command else ''}--help\n{result.stdout.rstrip()}\n"


@scenario("every command's --help is as reviewed")
def helps():
    text = "\n".join(help_of(command) for command in COMMANDS)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text)
    expect(GOLDEN.read_text() == text, "the helps are those of Tests/Golden/help.txt; UPDATE_GOLDEN=1 rewrites it")
