"""Coverage-guided fuzzing of the targets, with atheris: `make fuzz`.

Each target gets a process and so many seconds, begins with its seeds and with what earlier runs found worth keeping,
and adds to that. Both are in `.fuzz/`, as is every input that a target fails with, to become a test with a name.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".fuzz"
LONGEST, SLOWEST, LARGEST = 16_384, 10, 2048  # bytes of an input; seconds and MB that one may take
ROW = "{:<20}{:>12}{:>10}{:>10}{:>10}"


def names() -> list[str]:
    """The targets' names, without what importing them takes."""
    text = Path(__file__).with_name("targets.py").read_text(encoding="utf-8")
    return re.findall(r"^    Target\(\"(\w+)\"", text, re.MULTILINE)


def fuzz_one(name: str, options: list[str]) -> None:
    """Fuzz a target in this process, which ends with it."""
    import atheris

    sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]
    with atheris.instrument_imports(include=["charrnn"]):
        import targets
    target = targets.named(name)
    seeds = KEPT / "seeds" / name
    seeds.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (seeds / f"{number:04}").write_bytes(seed)
    found = KEPT / "found" / name
    found.mkdir(parents=True, exist_ok=True)
    atheris.Setup([sys.argv[0], *options, str(found), str(seeds)], target.run)
    atheris.Fuzz()


def fuzz(name: str, seconds: int) -> tuple[str, bool]:
    """A target in a process of its own: a row of figures, and whether nothing failed."""
    failed = KEPT / "failed" / f"{name}-"
    failed.parent.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={SLOWEST}", f"-rss_limit_mb={LARGEST}"]
    options += [f"-artifact_prefix={failed}", "-print_final_stats=1", "-seed=15"]
    done = subprocess.run(
        [sys.executable, __file__, "--target", name, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
    )
    said = done.stdout + done.stderr
    count = re.findall(r"stat::number_of_executed_units: +(\d+)", said)
    covered = re.findall(r"cov: (\d+) ft: (\d+)", said)
    row = ROW.format(name, count[-1] if count else "-", *(covered[-1] if covered else "--"), int(done.returncode != 0))
    if done.returncode:
        row += "\n" + "\n".join(line for line in said.splitlines() if not line.startswith(("INFO", "WARNING")))[-6000:]
    return row, done.returncode == 0


def main() -> None:
    """Every target, one after another; exit code 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument("--only", choices=names(), help="one target alone")
    parser.add_argument("--target", choices=names(), help=argparse.SUPPRESS)
    arguments, options = parser.parse_known_args()
    if arguments.target:
        fuzz_one(arguments.target, options)
        return
    print(ROW.format("target", "executions", "edges", "features", "failures"))
    whole = True
    for name in [arguments.only] if arguments.only else names():
        row, fine = fuzz(name, arguments.seconds)
        whole &= fine
        print(row, flush=True)
    sys.exit(not whole)


if __name__ == "__main__":
    main()
