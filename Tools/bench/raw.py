"""What the machine gives to anybody, whatever runs on it: the scale beside which all other figures stand."""

from pathlib import Path
import subprocess

from bench import row


@row("raw", engines=("SQLite",))
def raw(bench):
    place = bench.place("raw")
    program, source = place / "raw", Path(__file__).with_name("raw.c")
    if subprocess.run(["gcc", "-O2", "-o", program, source, "-lsqlite3"]).returncode != 0:
        raise SystemExit("Tools/bench/raw.c does not build: apt-get install gcc libsqlite3-dev")

    def run(kind):
        return lambda n: float(subprocess.run([program, kind, place / f"{kind}{n}", "2"], capture_output=True, text=True, check=True).stdout)

    (syncs, commits), calm = bench.rounds(run("sync"), run("sqlite"))
    bench.add("raw 4 KiB write + fdatasync, in C", syncs, "1/s", calm)
    bench.add("raw SQLite commit, one row of 512 bytes, in C", commits, "1/s", calm)
    for name, words, unit in [("AES-256-GCM, 1 KiB", ["-bytes", "1024", "-evp", "aes-256-gcm"], "MB/s"), ("SHA-256, 1 KiB", ["-bytes", "1024", "-evp", "sha256"], "MB/s")]:
        bench.add(f"openssl speed: {name}", [openssl(words) / 1e6 for _ in range(bench.options.rounds)], unit, calm)
    bench.add("openssl speed: Ed25519 signatures", [openssl(["ed25519"]) for _ in range(bench.options.rounds)], "1/s", calm)


def openssl(words):
    """`-mr` prints one line of figures: bytes a second (+F), or signatures a second (+F6)."""
    result = subprocess.run(["openssl", "speed", "-mr", "-seconds", "1", *words], capture_output=True, text=True, check=True)
    line = next(line for line in result.stdout.splitlines() if line.startswith("+F"))
    fields = line.split(":")
    return float(fields[3]) if fields[0] == "+F" else float(fields[4])
