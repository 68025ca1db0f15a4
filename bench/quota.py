"""How fast a training is under a CPU quota, by threads: the way to round a quota that is no whole number of cores.

    python bench/quota.py        # Linux, and the right to make control groups: root, mostly

Threads take turns over the rounds; medians are printed, as shares of one thread's characters a second.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import threads as training

from charrnn import control_groups
from charrnn.training import threads

ROUNDS, PERIOD = 3, 100_000  # of a quota, in microseconds
QUOTAS = (1.0, 1.25, 1.5, 1.75, 2.0)


def measure(group: Path, quota: float, count: int) -> float:
    """Characters a second of a training with so many threads in a control group with that quota."""
    micros = f"{quota * PERIOD:.0f}"
    if (group / "cpu.max").exists():
        (group / "cpu.max").write_text(f"{micros} {PERIOD}", "ascii")
    else:
        (group / "cpu.cfs_quota_us").write_text(micros, "ascii")
    script = f'echo $$ > "{group}/cgroup.procs" && exec "$@"'
    command = ["sh", "-c", script, "sh", sys.executable, training.__file__, training.TRAIN]
    way = {"WAY": "rows", "OMP_NUM_THREADS": str(count)}
    return float(subprocess.run(command, env=os.environ | way, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    top = next(path for path in control_groups.bounding("cpu") if path.exists())
    group = top / f"charrnn-bench-{os.getpid()}"
    group.mkdir()
    counts = (1, threads.cores())
    try:
        print(f"| quota, cores | {' | '.join(f'{count} threads' for count in counts)} |")
        print("|---" * (1 + len(counts)) + "|")
        for quota in QUOTAS:
            rounds = [[measure(group, quota, count) for count in counts] for _ in range(ROUNDS)]
            medians = [statistics.median(figures) for figures in zip(*rounds, strict=True)]
            print(f"| {quota:g} | {' | '.join(f'{figure / medians[0]:.2f}' for figure in medians)} |", flush=True)
    finally:
        group.rmdir()


if __name__ == "__main__":
    main()
