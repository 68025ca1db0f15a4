"""What looking inside takes: seconds and memory of every verb of `charrnn inspect`, on a checkpoint and a text.

    python bench/inspection.py
    python bench/inspection.py --rnn-size 512 --characters 50000

The checkpoint is an LSTM of random weights, whose speed is that of trained ones; the text is the bundled novel. Each
verb is a process of its own, as a person runs it, with the options it has by default, but for the number of characters.
Memory is the most that the process held at once. What `import numpy` alone takes is shown beside it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOVEL = Path(__file__).resolve().parents[1] / "corpora" / "the-tidewater-bank.txt"
WITHOUT_TEXT = ("powers", "windows")  # verbs that look at no checkpoint


@dataclass(frozen=True)
class Taken:
    """What a process took."""

    seconds: float
    processor: float  # seconds of all its threads
    memory: int  # bytes, at most


def verbs() -> list[str]:
    """The verbs of `charrnn inspect` that take a checkpoint and a text."""
    from charrnn.commands.inspect import inspect_app

    names = [
        command.name or command.callback.__name__ for command in inspect_app.registered_commands if command.callback
    ]
    return [name for name in names if name not in WITHOUT_TEXT]


def save(path: Path, text: str, layers: int, hidden: int, model: str) -> None:
    """A checkpoint of random weights that knows the characters of a text."""
    import numpy as np

    from charrnn.config import ModelConfig, TrainConfig
    from charrnn.runs import checkpoint
    from charrnn.runs.header import Header
    from charrnn.text.vocabulary import Vocabulary, to_code_points

    vocabulary = Vocabulary.of(to_code_points(text))
    settings: dict[str, Any] = {"model": model, "num_layers": layers, "rnn_size": hidden}
    config = ModelConfig(**settings).completed()
    rng = np.random.default_rng(1)
    shapes = config.shapes(len(vocabulary))
    weights = {name: (rng.uniform(-1, 1, shape) * hidden**-0.5).astype(np.float32) for name, shape in shapes.items()}
    facts: dict[str, Any] = {"iteration": 1, "characters": 1, "train_loss": None, "held_out_loss": None, "corpus": {}}
    header = Header(kind="snapshot", model=config, training=TrainConfig().completed(), vocabulary=vocabulary, **facts)
    checkpoint.save(path, header, weights)


def run(command: list[str], folder: Path) -> Taken:
    """What a command took, in a folder. Raises SystemExit with what it said, if it fails."""
    began = time.perf_counter()
    with open(folder / "said", "w+b") as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)}: {said.read().decode('utf-8', 'replace')}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return Taken(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verbs", nargs="+", metavar="VERB", help="only these")
    parser.add_argument("--model", default="lstm", help="kind of cell, default %(default)s")
    parser.add_argument("--num-layers", type=int, default=2, help="layers, default %(default)s")
    parser.add_argument("--rnn-size", type=int, default=256, help="units of a layer, default %(default)s")
    parser.add_argument("--characters", type=int, default=100_000, help="of the text, default %(default)s")
    parser.add_argument("--rounds", type=int, default=1, help="times each, of which the median counts")
    arguments = parser.parse_args()
    text = NOVEL.read_text("utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "model.safetensors"
        save(path, text, arguments.num_layers, arguments.rnn_size, arguments.model)
        common = [str(path), str(NOVEL), "--characters", str(arguments.characters)]
        commands = {
            verb: [sys.executable, "-m", "charrnn", "inspect", verb, *common] for verb in arguments.verbs or verbs()
        }
        commands["(import numpy)"] = [sys.executable, "-c", "import numpy"]
        shape = f"{arguments.model.upper()} {arguments.num_layers} x {arguments.rnn_size}"
        print(f"{shape}, {arguments.characters:,} characters\n")
        print("| verb | seconds | of the processor | memory |\n|---|---|---|---|")
        rounds = [{verb: run(command, folder) for verb, command in commands.items()} for _ in range(arguments.rounds)]
        for verb in commands:
            taken = [of_round[verb] for of_round in rounds]
            seconds, processor = (
                statistics.median(figures)
                for figures in ([one.seconds for one in taken], [one.processor for one in taken])
            )
            memory = max(one.memory for one in taken)
            print(f"| {verb} | {seconds:.1f} | {processor:.1f} | {memory / 1e6:,.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
