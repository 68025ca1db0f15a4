"""How well `charrnn plan` tells what trainings then take: seconds, memory, bytes on the disk.

    python bench/plan_check.py                # a dozen minutes on an idle machine
    python bench/plan_check.py --only lstm    # those trainings whose options have this word

Each training is planned, carried out and planned again, all by the command itself in processes of their own; what both
plans say on average stands beside what the training took. Seconds are those of the training, from before its first
iteration to its end, and those of the whole command; memory is the most that a process had; disk is what the run and
the cache have in the end. With `--nproc-per-node` torchrun starts the ranks. Last, what gradients take between two
processes: `torch.distributed.all_reduce` over gloo, which the plan takes two figures from.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NOVEL = ROOT / "corpora" / "the-tidewater-bank.txt"
TRAININGS = (
    "--model lstm --rnn-size 128 --iterations 500 --eval-every 100",
    "--model lstm --rnn-size 256 --iterations 250 --eval-every 100 --snapshot-every 50",
    "--model lstm --rnn-size 512 --iterations 80 --snapshot-at 0,20 --no-ngrams",
    "--model gru --rnn-size 128 --iterations 400 --eval-every 100",
    "--model gru --rnn-size 256 --iterations 200 --no-ngrams --keep last:2",
    "--model lstm --batch-size 128 --iterations 100 --snapshot-at 0",
    "--time 30s",
    "--model lstm --rnn-size 256 --iterations 200 --nproc-per-node 2",
    "--model gru --rnn-size 128 --iterations 200 --nproc-per-node 2 --no-ngrams",
)
_COLUMNS = ("training", "seconds", "command", "memory", "disk")
_ALL_REDUCE = """
import time, torch
import torch.distributed as distributed
torch.set_num_threads(1)
distributed.init_process_group("gloo")
for numbers in (1, 250_000, 1_000_000, 4_000_000, 16_000_000):
    gradients, seconds = torch.ones(numbers), []
    for _ in range(20):
        began = time.perf_counter()
        distributed.all_reduce(gradients)
        seconds.append(time.perf_counter() - began)
    if distributed.get_rank() == 0:
        each = sorted(seconds)[10]
        print(f"{4 * numbers / 1e6:g} MB: {1e3 * each:.2f} ms, {4 * numbers / each / 1e9:.2f} GB/s", flush=True)
"""


def run(command: list[str], environment: dict[str, str]) -> tuple[bytes, float, int]:
    """What a command writes, its seconds, and the bytes of memory that it or one of its processes had at most."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as wrong:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=wrong)
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            wrong.seek(0)
            raise SystemExit(wrong.read().decode())
    return said, time.perf_counter() - began, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def planned(options: list[str], environment: dict[str, str]) -> dict[str, float]:
    """What the plan says."""
    said, _, _ = run([sys.executable, "-m", "charrnn", "plan", str(NOVEL), *options, "--json"], environment)
    plan: dict[str, Any] = json.loads(said)
    disk = plan["disk"]
    return {
        "seconds": plan["seconds"],
        "command": plan["seconds"] + plan["start_seconds"],
        "memory": plan["memory"],
        "disk": disk["snapshots"] + disk["resume"] + disk["log"] + disk["cache"],
    }


def trained(options: list[str], folder: Path, environment: dict[str, str]) -> dict[str, float]:
    """What the training takes."""
    from charrnn.runs import checkpoint

    launch = ["-m", "charrnn"]
    if "--nproc-per-node" in options:
        at = options.index("--nproc-per-node")
        launch = ["-m", "torch.distributed.run", "--standalone", *options[at : at + 2], *launch]
        options = options[:at] + options[at + 2 :]
    kept = ["--checkpoint-dir", str(folder), "--name", "run"]
    _, seconds, memory = run([sys.executable, *launch, "train", str(NOVEL), *options, *kept], environment)
    files = [*(folder / "run").iterdir(), *(folder / "cache").glob("*.ids")]
    elapsed = checkpoint.read_header(folder / "run" / "resume.safetensors").progress["elapsed"]
    size = sum(path.stat().st_size for path in files)
    return {"seconds": elapsed, "command": seconds, "memory": memory, "disk": size}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="trainings whose options match this")
    arguments = parser.parse_args()
    print(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}")
    for training in TRAININGS:
        if not re.search(arguments.only, training):
            continue
        with tempfile.TemporaryDirectory(prefix="charrnn-plan-") as folder:
            environment = os.environ | {"CHARRNN_CACHE_DIR": f"{folder}/cache", "PYTHONPATH": str(ROOT)}
            first = planned(training.split(), environment)
            real = trained(training.split(), Path(folder), environment)
            plans = [first, planned(training.split(), environment)]
        cells = [
            f"{mean(plan[name] for plan in plans) / real[name]:.2f} of {real[name] / scale:,.{digits}f}{unit}"
            for name, scale, digits, unit in (
                ("seconds", 1, 1, " s"),
                ("command", 1, 1, " s"),
                ("memory", 1e6, 0, " MB"),
                ("disk", 1e6, 1, " MB"),
            )
        ]
        print(f"| `{training}` | {' | '.join(cells)} |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "all_reduce.py"
        program.write_text(_ALL_REDUCE, "utf-8")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(program)]
        print(f"\nAn all-reduce between two processes:\n\n{run(command, dict(os.environ))[0].decode()}")


if __name__ == "__main__":
    main()
