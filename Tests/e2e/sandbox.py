"""Runs a program as the unit says, without systemd: the unit's own directives are read and done with mount namespaces, setpriv and a
seccomp filter. What is not in `DONE` or `LEFT` fails the test, so that a new directive cannot go unnoticed."""

import configparser
import ctypes
import functools
import os
from pathlib import Path
import re
import resource
import struct
import subprocess

#: Directives that are done here.
DONE = {
    "User", "Group", "UMask", "StateDirectory", "StateDirectoryMode", "RuntimeDirectory", "RuntimeDirectoryMode", "WorkingDirectory",
    "ConfigurationDirectory", "ConfigurationDirectoryMode", "NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities",
    "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictAddressFamilies", "MemoryDenyWriteExecute",
    "SystemCallFilter", "SystemCallErrorNumber", "SystemCallArchitectures", "LimitCORE", "LimitNOFILE", "ExecStart", "ExecStartPre",
    "Type", "WatchdogSec", "TimeoutStopSec", "NotifyAccess", "PrivateIPC", "ProtectHostname", "RestrictNamespaces"}
#: Those that only systemd can do, or that the ones above already bring about here.
LEFT = {
    "Restart", "RestartSec", "KillMode", "TimeoutStartSec", "ProtectClock", "ProtectKernelTunables", "ProtectKernelModules",
    "ProtectKernelLogs", "ProtectControlGroups", "ProtectProc", "ProcSubset", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality",
    "RemoveIPC", "KeyringMode", "MemorySwapMax"}

AUDIT_ARCH_X86_64, AF = 0xC000003E, {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
PR_SET_MDWE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 65, 22, 38


class Unit:
    def __init__(self, path):
        parser = configparser.RawConfigParser(strict=False, dict_type=Many)
        parser.optionxform = str
        parser.read(path)
        self.values = {name: value.split("\n") for name, value in parser.items("Service")}

    def one(self, name):
        return self.values[name][-1]

    def unknown(self):
        return sorted(set(self.values) - DONE - LEFT)

    def command(self, name="ExecStart"):
        return self.one(name).split()


class Many(dict):
    """Keeps every value of a directive that stands there several times."""

    def __setitem__(self, key, value):
        if isinstance(value, list) and key in self and isinstance(self[key], list):
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def allowed_calls(unit):
    """Numbers of the system calls that `SystemCallFilter` leaves, expanded by systemd itself."""
    allowed = set()
    for line in unit.values["SystemCallFilter"]:
        names = {name for group in line.lstrip("~").split() for name in expanded(group)}
        allowed = allowed - names if line.startswith("~") else allowed | names
    numbers = dict(re.findall(r"#define __NR_(\w+) (\d+)", Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h").read_text()))
    return sorted(int(numbers[name]) for name in allowed if name in numbers)


def expanded(group):
    if not group.startswith("@"):
        return {group}
    return {name for word in groups()[group] for name in expanded(word)}


@functools.cache
def groups():
    """What systemd's groups of system calls hold: names, and other groups."""
    output = subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True).stdout
    found, current = {}, None
    for line in output.splitlines():
        word = line.strip()
        if line.startswith("@"):
            current = found.setdefault(word, [])
        elif line.startswith(" ") and word and not word.startswith("#") and current is not None:
            current.append(word)
    return found


def bpf(unit):
    """A filter for seccomp(2): the calls above, socket(2) for the families above, EPERM for everything else."""
    calls, families = allowed_calls(unit), [AF[name] for name in unit.one("RestrictAddressFamilies").split()]
    socket = 41
    load, equal, ret = 0x20, 0x15, 0x06
    allow, deny = 0x7FFF0000, 0x00050000 | 1
    code = [(load, 0, 0, 4), (equal, 1, 0, AUDIT_ARCH_X86_64), (ret, 0, 0, deny), (load, 0, 0, 0)]
    code += [(equal, 0, 2 + len(families) * 2 + 0, socket), (load, 0, 0, 16)]
    for family in families:
        code += [(equal, 0, 1, family), (ret, 0, 0, allow)]
    code += [(ret, 0, 0, deny)]
    for call in calls:
        if call != socket:
            code += [(equal, 0, 1, call), (ret, 0, 0, allow)]
    code += [(ret, 0, 0, deny)]
    return b"".join(struct.pack("HBBI", *line) for line in code)


def prepare(root, destination, state, unit):
    """Inside a mount namespace of its own: `root` becomes the fresh machine, read-only but for the unit's directories."""
    def mount(*arguments):
        subprocess.run(["mount", *map(str, arguments)], check=True)

    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "mode=0755", "fresh", root)
    for name in ("usr", "etc", "opt", "proc", "dev", "tmp", "var", "run", "home", "root"):
        (root / name).mkdir()
    for link in ("bin", "sbin", "lib", "lib64"):
        (root / link).symlink_to(f"usr/{link}")
    for name in ("usr", "etc"):
        mount("-t", "overlay", "overlay", "-o", f"ro,lowerdir={destination / name}:/{name}", root / name)
    mount("--bind", "/opt", root / "opt")
    mount("-o", "remount,bind,ro", root / "opt")
    mount("-t", "proc", "proc", root / "proc")
    mount("-t", "tmpfs", "-o", "mode=0755", "devices", root / "dev")
    for device in ("null", "zero", "full", "random", "urandom", "tty"):
        (root / "dev" / device).touch()
        mount("--bind", f"/dev/{device}", root / "dev" / device)
    mount("-t", "tmpfs", "-o", "mode=1777", "private", root / "tmp")
    for base, name in (("var/lib", unit.one("StateDirectory")), ("run", unit.one("RuntimeDirectory"))):
        (root / base / name).mkdir(parents=True)
        mount("--bind", state / name if base == "var/lib" else state / "run", root / base / name)
    mount("-o", "remount,ro", root)


def confine(program):
    """The last steps of a process before it becomes the server: nothing that it could take back."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_MDWE, 1, 0, 0, 0)  # Linux 6.3; before it there is nothing to ask for.
    buffer = ctypes.create_string_buffer(program, len(program))

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    if libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(Filter(len(program) // 8, ctypes.addressof(buffer))), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def main(arguments):
    """`sandbox.py enter UNIT ROOT DESTINATION STATE [COMMAND…]`, then, inside, `sandbox.py confine UNIT COMMAND…`."""
    step, unit_path, *rest = arguments
    unit = Unit(unit_path)
    if step == "confine":
        os.umask(int(unit.one("UMask"), 8))
        confine(Path("/tmp/filter").read_bytes())
        os.execv(rest[0], rest)
    root, destination, state, *command = rest
    root, destination, state = map(Path, (root, destination, state))
    prepare(root, destination, state, unit)
    here = Path(__file__).resolve()
    inside = root / "tmp"
    (inside / "filter").write_bytes(bpf(unit))
    for file in (here, Path(unit_path)):
        (inside / file.name).write_bytes(file.read_bytes())
    capability = unit.one("CapabilityBoundingSet").removeprefix("CAP_").lower()
    os.chroot(root)
    os.chdir(unit.one("WorkingDirectory"))
    resource.setrlimit(resource.RLIMIT_CORE, (int(unit.one("LimitCORE")),) * 2)
    # systemd could raise it; here it is at most what this machine gives.
    files = min(int(unit.one("LimitNOFILE")), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    os.execvp("setpriv", [
        "setpriv", f"--reuid={unit.one('User')}", f"--regid={unit.one('Group')}", "--clear-groups", f"--bounding-set=-all,+{capability}",
        f"--inh-caps=-all,+{capability}", f"--ambient-caps=-all,+{capability}", "--no-new-privs",
        "python3", f"/tmp/{here.name}", "confine", f"/tmp/{Path(unit_path).name}", *(command or unit.command())])


if __name__ == "__main__":
    import sys
    main(sys.argv[1:])
