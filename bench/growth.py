"""What grows with what: time for each character and memory, against the text, the network, the batch and the ranks.

    python bench/growth.py --picture docs/growth.svg     # all of it: some minutes on an idle machine, 4 GB of disk
    python bench/growth.py --quick                       # a few small sizes, once, in seconds
    python bench/growth.py --axes units ranks            # some of it

Every point is a process of its own, which trains as `charrnn train` does. Those of one axis take turns, some tenths of
a second each, and each round gives a ratio to the first of them; the median of the rounds is told, so that a machine
that is now slower and now faster changes little. Memory is the most that a process took in training, with no counts
beside the network. AdamW updates all of them, so that what changes is the size and not the recipe.

The texts of the first axis are English letters as likely as the bundled novel has them, written to a temporary folder;
reading and encoding them is timed apart from training, and the training reads them from the cache. Ranks are processes
of torchrun with one thread each, against one process with two.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from panels import Panel, svg

ROOT = Path(__file__).resolve().parents[1]
NOVEL = ROOT / "corpora" / "the-tidewater-bank.txt"
BASE: dict[str, Any] = {"rnn_size": 256, "num_layers": 2, "batch_size": 32, "optimizer": "adamw"}
AXES: dict[str, tuple[str, list[int]]] = {  # the setting, and its values
    "text": ("characters", [1_000_000, 10_000_000, 100_000_000, 500_000_000, 2_000_000_000]),
    "units": ("rnn_size", [64, 128, 256, 512, 1024]),
    "layers": ("num_layers", [1, 2, 3, 4]),
    "streams": ("batch_size", [8, 16, 32, 64, 128, 256]),
    "ranks": ("ranks", [1, 2]),
}
QUICK: dict[str, list[int]] = {
    "text": [100_000, 5_000_000],
    "units": [16, 32],
    "layers": [1, 2],
    "streams": [8, 16],
    "ranks": [1, 2],
}
ROUNDS, TURN = 9, 0.4  # turns of each process, and seconds of one, about
_RANK_ITERATIONS, _RANK_ROUNDS = 150, 3
_WARM = 30  # iterations of ranks that are left out
_SETTLED = 2.5  # seconds after which a file that was written is known by its times
_READING = """
import sys, time
from charrnn.text import corpus

corpus.read(sys.argv[1])  # so that everything is imported
began = time.perf_counter()
corpus.read(sys.argv[2])
print(time.perf_counter() - began)
"""


@dataclass
class Point:
    """A size, and what was measured at it."""

    size: int
    seconds: list[float] = field(default_factory=list)  # for each character, of every round
    memory: int = 0  # bytes
    reading: float | None = None  # seconds for each character of the text


def child(settings: dict[str, Any]) -> None:
    """Train as often as the parent says; tell how long it took, and in the end how much memory."""
    from charrnn.training import threads

    count = threads.prepare()
    import torch

    torch.set_num_threads(count)
    torch.set_flush_denormal(True)
    from charrnn.config import ModelConfig, TrainConfig
    from charrnn.text import corpus
    from charrnn.training.devices import peak_memory
    from charrnn.training.trainer import Trainer

    text = corpus.read(settings.pop("text"))
    settings |= {"learning_rate": 1e-3, "eval_every": 0, "iterations": 10**9}
    trainer = Trainer(
        text, ModelConfig.pick(settings).completed(), TrainConfig.pick(settings).completed(), device="cpu"
    )
    for line in sys.stdin:
        before, began = trainer.characters, time.perf_counter()
        for _ in range(int(line)):
            trainer.step()
        passed = time.perf_counter() - began
        print(json.dumps([passed / (trainer.characters - before), passed, peak_memory() or 0]), flush=True)


class Child:
    """A process that trains when it is its turn."""

    def __init__(self, settings: dict[str, Any], environment: dict[str, str]) -> None:
        command = [sys.executable, __file__, "--child", json.dumps(settings)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.iterations = 2

    def turn(self) -> tuple[float, int]:
        """Seconds for each character, and bytes of memory."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{self.iterations}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a process that trains has ended")
        each, passed, memory = json.loads(line)
        self.iterations = max(1, round(self.iterations * TURN / passed))
        return float(each), int(memory)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def in_turns(axis: str, sized: Iterable[tuple[Point, Path]], environment: dict[str, str], rounds: int) -> None:
    """Measure the points of an axis, each with its text, by processes that take turns."""
    setting = AXES[axis][0]
    with ExitStack() as stack:
        children: dict[int, tuple[Point, Child]] = {}
        for point, text in sized:
            settings = BASE | ({} if axis == "text" else {setting: point.size}) | {"text": str(text)}
            process = Child(settings, environment)
            stack.callback(process.close)
            process.turn()  # it has its text then
            children[point.size] = point, process
        for number in range(rounds + 1):  # one in which the turns become as long as they are to be
            for size in sorted(children):
                point, process = children[size]
                seconds, point.memory = process.turn()
                if number:
                    point.seconds.append(seconds)


def texts_of(points: list[Point], folder: Path, environment: dict[str, str]) -> Iterator[tuple[Point, Path]]:
    """Texts of the points' sizes, encoded in the cache, and how long each character took of that.

    The largest comes first, and a text goes when the next is asked for: no more than twice the largest is on the disk.
    """
    import numpy as np

    novel = np.frombuffer(NOVEL.read_bytes(), dtype=np.uint8)
    novel, generator = novel[novel < 128], np.random.default_rng(0)
    small = folder / "small.txt"
    small.write_bytes(generator.choice(novel, 100_000).tobytes())
    for point in sorted(points, key=lambda point: -point.size):
        path, piece = folder / f"{point.size}.txt", generator.choice(novel, min(point.size, 16_000_000))
        with path.open("wb") as file:
            for start in range(0, point.size, len(piece)):
                file.write(piece[: min(len(piece), point.size - start)].tobytes())
        time.sleep(_SETTLED)
        command = [sys.executable, "-c", _READING, str(small), str(path)]
        seconds = float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
        point.reading = seconds / point.size
        yield point, path
        path.unlink()


def ranks(points: list[Point], text: Path, folder: Path, environment: dict[str, str], rounds: int, most: int) -> None:
    """Measure one process with two threads, and ranks with one each, as commands of their own that take turns."""
    options = [str(text), "--iterations", str(most), "--eval-every", "0", "--snapshot-at", str(most), "--no-ngrams"]
    options += [f"--{name.replace('_', '-')}={value}" for name, value in BASE.items()] + ["--sample-length", "0"]
    for number in range(rounds):
        for point in points:
            run = folder / "runs" / f"{point.size}-{number}"
            launch = ["-m", "charrnn"]
            if point.size > 1:
                launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(point.size), *launch]
            command = [sys.executable, *launch, "train", *options, "--checkpoint-dir", str(run.parent)]
            command += ["--name", run.name, "--threads", str(max(1, 2 // point.size))]
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            assert process.stderr is not None
            said = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise SystemExit(said.decode())
            lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
            progress = [line for line in lines if line["event"] == "progress"]
            first = next((line for line in progress if line["iteration"] >= _WARM), progress[0])
            passed = [progress[-1][name] - first[name] for name in ("seconds", "characters")]
            point.seconds.append(passed[0] / passed[1])
            point.memory = max(point.memory, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def ratios(points: list[Point]) -> list[float]:
    """Time for each character, of that of the first point: the median of the rounds."""
    return [
        statistics.median(here / base for here, base in zip(point.seconds, points[0].seconds, strict=True))
        for point in points
    ]


def table(axis: str, points: list[Point]) -> str:
    """What was measured, in Markdown."""
    lines = [
        f"| {axis} | characters/s | time per character | memory | reading, characters/s |",
        "|---|---|---|---|---|",
    ]
    for point, ratio in zip(points, ratios(points), strict=True):
        reading = f"{1 / point.reading:,.0f}" if point.reading else ""
        speed = 1 / statistics.median(point.seconds)
        lines.append(f"| {point.size:,} | {speed:,.0f} | {ratio:.2f} | {point.memory / 1e6:,.0f} MB | {reading} |")
    return "\n".join(lines)


def panel(axis: str, points: list[Point]) -> Panel:
    """The same as a chart."""
    lines: dict[str, list[float | None]] = {
        "time a character": [*ratios(points)],
        "memory": [point.memory / points[0].memory for point in points],
    }
    if points[0].reading:
        lines["reading, a character"] = [(point.reading or 0.0) / points[0].reading for point in points]
    return Panel(title=axis, across=[short(point.size) for point in points], lines=lines)


def short(size: int) -> str:
    """`1M`, `2G`, `256`."""
    for power, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if size >= power and size % (power // 10) == 0:
            return f"{size / power:g}{letter}"
    return str(size)


def measure(axis: str, sizes: list[int], folder: Path, rounds: int, iterations: int) -> list[Point]:
    """The points of an axis."""
    environment = os.environ | {"CHARRNN_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    points = [Point(size) for size in sizes]
    if axis == "text":
        in_turns(axis, texts_of(points, folder, environment), environment, rounds)
    elif axis == "ranks":
        ranks(points, NOVEL, folder, environment, max(1, rounds * _RANK_ROUNDS // ROUNDS), iterations)
    else:
        in_turns(axis, [(point, NOVEL) for point in points], environment, rounds)
    return points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--axes", nargs="+", choices=list(AXES), default=list(AXES))
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of turns")
    parser.add_argument("--picture", type=Path, help=".svg to write")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return
    rounds, iterations = (1, 2 * _WARM) if arguments.quick else (arguments.rounds, _RANK_ITERATIONS)
    panels = []
    for axis in arguments.axes:
        sizes = QUICK[axis] if arguments.quick else AXES[axis][1]
        with tempfile.TemporaryDirectory(prefix="charrnn-growth-") as folder:
            points = measure(axis, sizes, Path(folder), rounds, iterations)
        print(table(axis, points), end="\n\n", flush=True)
        panels.append(panel(axis, points))
    if arguments.picture:
        network = f"LSTM {BASE['num_layers']} x {BASE['rnn_size']}, {BASE['batch_size']} streams of 64"
        note = f"Each as a multiple of the first point's, where nothing else is said with {network}, on {cores()}."
        arguments.picture.write_text(svg(panels, note), "utf-8")


def cores() -> str:
    """How many there are."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{count} core{'s' * (count > 1)}"


if __name__ == "__main__":
    main()
