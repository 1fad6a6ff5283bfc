"""Every reader of outside bytes under libFuzzer: `python3 Tests/fuzz [--long] [TARGET…]`. Begins with what failed before (`FailCases/`).

Compiles the readers alone with coverage for the fuzzer, some 20 s if something changed. An input that breaks something is left in
.build/fuzz/found/: mend it, and keep it as FailCases/TARGET-what-it-is. The last line is `N passed, M failed`."""

from concurrent.futures import ThreadPoolExecutor
import os
from pathlib import Path
import subprocess
import sys
import time

ROOT = Path(__file__).resolve().parent.parent.parent
HERE, BUILD, FAIL_CASES = ROOT / "Tests/fuzz", ROOT / ".build/fuzz", ROOT / "FailCases"
CRYPTO = ROOT / ".build/checkouts/swift-crypto/Sources"
DEBUG = ROOT / ".build/debug"
WEB = ["Accept", "Chunks", "Cookie", "Form", "FormReader", "Headers", "Incoming", "MediaType", "MultipartReader", "PercentEncoding", "ProblemDocument", "Query", "RequestMark", "Response", "Text"]
OFFBOARDING = ["Import/CSVReader", "Evidence/FileName", "Evidence/MediaTypeName", "Words"]

#: Name of the module and its files, in the order in which they are compiled.
MODULES = {
    "Kernel": sorted((ROOT / "Sources/Kernel").glob("*.swift")),
    "TransparencyLog": sorted((ROOT / "Sources/TransparencyLog").glob("*.swift")),
    "Certificate": sorted((ROOT / "Sources/Certificate").glob("*.swift")),
    "Web": [ROOT / f"Sources/Web/{name}.swift" for name in WEB],
    "Platform": [HERE / "Platform.swift"],
    "Offboarding": [ROOT / f"Sources/Offboarding/{name}.swift" for name in OFFBOARDING],
    "Fuzz": sorted(set(HERE.glob("*.swift")) - {HERE / "Platform.swift"}) + [ROOT / "Tests/CertificateTests/SampleCase.swift"],
}

SECONDS = 120 if "--long" in sys.argv else 1.6
WORKERS = 2
LONGEST = 70_000
MEGABYTES = 1_024


def compile_all():
    BUILD.mkdir(parents=True, exist_ok=True)
    newest = max(path.stat().st_mtime for files in MODULES.values() for path in files)
    program = BUILD / "fuzz"
    if program.exists() and program.stat().st_mtime > newest:
        return program
    is_stale = False
    for name, files in MODULES.items():
        made = BUILD / f"{name}.o"
        is_stale = is_stale or not made.exists() or made.stat().st_mtime <= max(path.stat().st_mtime for path in files)
        if not is_stale:
            continue
        module = [] if name == "Fuzz" else ["-emit-module", "-emit-module-path", BUILD / f"{name}.swiftmodule"]
        swiftc(*module, "-emit-object", "-o", made, "-module-name", name, *files)
    crypto = [path for folder in ("Crypto", "CryptoBoringWrapper", "CCryptoBoringSSL", "CCryptoBoringSSLShims", "CXKCP", "CXKCPShims")
              for path in (DEBUG / f"{folder}.build").rglob("*.o")]
    subprocess.run(["swiftc", "-sanitize=fuzzer", "-o", program, *[BUILD / f"{name}.o" for name in MODULES], *crypto, "-lstdc++"], check=True)
    return program


def swiftc(*arguments):
    includes = [part for name in ("CCryptoBoringSSL", "CCryptoBoringSSLShims") for part in ("-Xcc", f"-I{CRYPTO / name / 'include'}")]
    subprocess.run(
        ["swiftc", "-O", "-wmo", "-parse-as-library", "-swift-version", "6", "-enable-testing", "-sanitize=fuzzer", "-package-name", "steward",
         "-enable-upcoming-feature", "ExistentialAny", "-I", BUILD, "-I", DEBUG / "Modules", *includes, *arguments], check=True)


def fuzz(program, target):
    """None, or what broke."""
    corpus, found = BUILD / "corpus" / target, BUILD / "found"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    environment = {**os.environ, "FUZZ_TARGET": target, "SWIFT_BACKTRACE": "enable=no"}
    for case in sorted(FAIL_CASES.glob(f"{target}-*")):
        again = subprocess.run([program, case], env=environment, capture_output=True, text=True, errors="replace")
        if again.returncode != 0:
            return f"{case.name} fails again: {reason(again.stderr)}"
    run = subprocess.run(
        [program, corpus, BUILD / "seeds" / target, f"-max_total_time={max(1, round(SECONDS))}", f"-max_len={LONGEST}", "-timeout=10",
         f"-rss_limit_mb={MEGABYTES}", f"-artifact_prefix={found}/{target}-", "-print_final_stats=1"],
        env=environment, capture_output=True, text=True, errors="replace")
    if run.returncode == 0:
        count = next((line.split()[-1] for line in run.stderr.split("\n") if "number_of_executed_units" in line), "?")
        print(f"ok     {target}: {count} inputs", flush=True)
        return None
    return reason(run.stderr)


def reason(text):
    lines = text.split("\n")
    telling = [line for line in lines if "BROKEN" in line or "Fatal error" in line or "ERROR" in line or "Test unit written" in line]
    return " ".join(telling[:4]) or "\n".join(lines[-12:])


def main() -> int:
    program = compile_all()
    seeds = BUILD / "seeds"
    seeds.mkdir(exist_ok=True)
    subprocess.run([program], env={**os.environ, "FUZZ_SEEDS": str(seeds)}, check=True)
    chosen = [word for word in sys.argv[1:] if not word.startswith("--")]
    targets = sorted(path.name for path in seeds.iterdir() if not chosen or path.name in chosen)
    with ThreadPoolExecutor(WORKERS) as pool:
        said = dict(zip(targets, pool.map(lambda target: fuzz(program, target), targets)))
    broken = {target: text for target, text in said.items() if text}
    for target, text in broken.items():
        print(f"FAILED {target}: {text}")
    print(f"{len(said) - len(broken)} passed, {len(broken)} failed")
    return 1 if broken else 0


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    sys.exit(code)
