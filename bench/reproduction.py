"""What charrnn computes and prints, as one JSON, so that a change that should change nothing can be held to it.

    PYTHONPATH=OLD python bench/reproduction.py before.json
    PYTHONPATH=NEW python bench/reproduction.py after.json before.json

Only the command line is used, which outlives names inside: trainings of every cell and most settings, interrupted and
resumed ones, `--time` under a clock that counts passes, transfers; then samples, comparisons, scores, listings. Weights
are told by SHA-256 of each file's tensors. Hashes hold on one machine, so none is kept; with a second file the two are
compared, and what differs is named.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "80"}

import torch
from safetensors.numpy import load_file


def words(line: str) -> list[str]:
    return line.split()


SMALL = words("--rnn-size 24 --embedding-size 12 --batch-size 8 --seq-length 16 --iterations 40")
WATCH = words("--snapshot-at 10,20 --eval-every 20 --sample-length 60 --seed 3")
ANEW = {"created", "sha256", "seconds", "elapsed", "size", "torch", "checkpoint_sha256"}  # of this run alone
TRAININGS: dict[str, list[str]] = {
    "lstm": [],
    "gru": ["--model", "gru"],
    "rnn": ["--model", "rnn"],
    "relu": ["--model", "rnn", "--nonlinearity", "relu", "--learning-rate", "0.003"],
    "plain": ["--no-residual", "--no-layer-norm", "--num-layers", "3"],
    "one-hot": ["--embedding-size", "0"],
    "tied": ["--tied", "--model", "gru"],
    "dropouts": words("--dropout 0.2 --input-dropout 0.1 --recurrent-dropout 0.2"),
    "shift": ["--shift", "7"],
    "stateless": ["--stateless"],
    "rotate": words("--rotate --state-reset 0.2 --max-epochs 3"),
    "adamw": ["--optimizer", "adamw"],
    "rmsprop": words("--optimizer rmsprop --decay linear --l2 0.001 --average 0.9"),
    "sgd": words("--optimizer sgd --decay constant --l1 0.0001 --grad-clip 0.1 --grad-clip-mode value"),
    "plateau": words("--decay plateau --patience 2 --eval-every 2 --learning-rate 0.5 --grad-clip 0.05"),
    "bytes": ["--bytes"],
    "rare": ["--min-count", "20", "--lowercase", "--normalize", "nfc"],
    "freeze": ["--freeze", "embedding"],
    "float32": ["--precision", "float32"],
    "bfloat16": ["--precision", "bfloat16"],
    "threads": ["--threads", "2"],
    "no-held-out": ["--val-frac", "0", "--eval-every", "0"],
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


class Recorder:
    """Runs commands in a folder, each in a process of its own, and keeps what they did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = {}

    def run(self, name: str, *typed: str, before: Callable[[], None] = lambda: None, stdin: bytes = b"") -> str:
        """One command; its standard output, which is kept with its exit code, and its messages."""
        out, err, given = (self.folder / f".{end}" for end in ("out", "err", "in"))
        given.write_bytes(stdin)
        if not (child := os.fork()):
            os.chdir(self.folder)
            for path, descriptor, flags in ((given, 0, os.O_RDONLY), (out, 1, None), (err, 2, None)):
                wanted = os.O_WRONLY | os.O_CREAT | os.O_TRUNC if flags is None else flags
                os.dup2(os.open(path, wanted, 0o600), descriptor)
            sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
            sys.argv = ["charrnn", *typed]
            code = 0
            try:
                before()
                from charrnn.__main__ import main  # type: ignore[attr-defined]

                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(bool(end.code))
            except BaseException:
                traceback.print_exc()
                code = 99
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        text = out.read_text("utf-8", "backslashreplace")
        self.facts[name] = {"exit": os.waitstatus_to_exitcode(status), "stdout": self.scrubbed(text)}
        self.facts[f"messages: {name}"] = self.scrubbed(err.read_text("utf-8", "replace"))
        return text

    def scrubbed(self, text: str) -> Any:
        """Without what is another in every run; JSON as values."""
        text = re.sub(r'[^" ]*/the-tidewater-bank', "the-tidewater-bank", text.replace(str(self.folder), "FOLDER"))
        try:
            return clean(
                [json.loads(line) for line in text.splitlines()] if text.startswith('{"') else json.loads(text)
            )
        except ValueError:
            digest, date, time_taken = (
                r"\b[0-9a-f]{64}\b|sha256 [0-9a-f]{12}",
                r"20\d\d-\d\d-\d\d \d\d:\d\d",
                r"\b\d+ s\b",
            )
            return re.sub(f"{digest}|{date}|{time_taken}", "…", text)

    def checkpoints(self, name: str, run: str) -> None:
        """The tensors, losses and rows of a run."""
        path = self.folder / "checkpoints" / run
        for file in sorted(path.glob("*.safetensors")):
            tensors = load_file(file)
            digest = sha256(b"".join(key.encode() + tensors[key].tobytes() for key in sorted(tensors)))
            header = json.loads(json.loads(file.read_bytes()[8:][: int.from_bytes(file.read_bytes()[:8], "little")])
                                ["__metadata__"]["charrnn"])  # fmt: skip
            kept = ("iteration", "characters", "train_loss", "held_out_loss", "sample", "kind")
            self.facts[f"{name}/{file.name}"] = {"tensors": digest} | {key: header[key] for key in kept}
        rows = [clean(json.loads(line)) for line in (path / "metrics.jsonl").read_text().splitlines()]
        self.facts[f"{name}/metrics"] = rows
        self.facts[f"{name}/samples.md"] = (path / "samples.md").read_text() if (path / "samples.md").exists() else None


def clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: clean(inner) for key, inner in value.items() if key not in ANEW}
    return [clean(inner) for inner in value] if isinstance(value, list) else value


def counting_clock() -> None:
    """Time passes with the network's work alone: 20 ms a gradient, 2 ms a loss."""
    passed = [0.0]

    def counted(function: Callable[..., Any], seconds: float) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            passed[0] += seconds
            return function(*arguments, **named)

        return wrapper

    torch.autograd.grad = counted(torch.autograd.grad, 0.02)
    torch.nn.functional.cross_entropy = counted(torch.nn.functional.cross_entropy, 0.002)
    time.perf_counter = lambda: passed[0]


def interrupted_after(gradients: int) -> Callable[[], None]:
    """Ctrl-C at the so many-th gradient."""

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        made, original = [0], torch.autograd.grad

        def counted(*arguments: Any, **named: Any) -> Any:
            made[0] += 1
            if made[0] == gradients:
                os.kill(os.getpid(), signal.SIGINT)
            return original(*arguments, **named)

        torch.autograd.grad = counted

    return prepare


def record(folder: Path) -> dict[str, Any]:
    os.environ |= {"CHARRNN_CACHE_DIR": str(folder / "cache"), "CHARRNN_DATA_DIR": str(folder / "data")}
    to = Recorder(folder)
    novel = (Path(__file__).parent.parent / "corpora" / "the-tidewater-bank.txt").read_text("utf-8")
    (folder / "text.txt").write_text(novel[:60_000], "utf-8")
    (folder / "other.txt").write_text("Ünïcode: " + novel[60_000:90_000].upper(), "utf-8")
    (folder / "letter.txt").write_text(novel[100_000:104_000] + " 漢字", "utf-8")
    (folder / "documents").mkdir()
    for number in range(12):
        (folder / "documents" / f"{number:02d}.txt").write_text(novel[number * 5000 :][: 1000 + 300 * number], "utf-8")
    train = ["train", "text.txt", *SMALL, *WATCH]
    for name, more in TRAININGS.items():
        typed = [word for word in train if "--max-epochs" not in more or word not in ("--iterations", "40")]
        to.run(f"train {name}", *typed, *more, "--name", name)
        to.checkpoints(name, name)
    to.run("train documents", "train", "documents", "--documents", *SMALL, *WATCH, "--name", "documents")
    to.run("train joined", "train", "documents", *SMALL, *WATCH, "--name", "joined")
    to.run("train preset", *words("train text.txt --iterations 6 --sample-length 20 --name preset"))
    to.run("train quick", *words("train text.txt --preset quick --iterations 4 --sample-length 0 --name quick"))
    timed = words("train text.txt --rnn-size 16 --time 20s --sample-length 20 --name timed")
    to.run("train timed", *timed, before=counting_clock)
    to.run("train text-1", *words("train text.txt --iterations 2 --rnn-size 8"))
    for name in ("documents", "joined", "preset", "quick", "timed", "text-1"):
        to.checkpoints(name, name)
    for cell, more in (("lstm", []), ("gru", ["--average", "0.9"]), ("rnn", ["--shift", "5"])):
        name = f"stopped-{cell}"
        typed = [*train, "--model", cell, "--dropout", "0.1", *more, "--name", name]
        to.run(f"train {name}", *typed, before=interrupted_after(13))
        to.checkpoints(f"{name} at 13", name)
        to.run(f"resume {name}", "train", "--resume", name)
        to.checkpoints(name, name)
        to.run(f"lengthen {name}", "train", "--resume", name, "--iterations", "50")
        to.checkpoints(f"{name} longer", name)
    to.run("init-from", "train", "other.txt", "--init-from", "lstm", *words("--iterations 10 --name onward"))
    to.run("embedding-from", "train", "other.txt", "--embedding-from", "lstm", "--freeze", "embedding", *SMALL,
           "--name", "embedded")  # fmt: skip
    to.checkpoints("onward", "onward")
    to.checkpoints("embedded", "embedded")

    for run in ("lstm", "gru", "rnn", "tied", "bytes", "rare", "plain", "documents"):
        to.run(f"sample {run}", "sample", run, *words("--seed 5 --length 150"))
    for name, options in {
        "greedy": "--greedy -n 80",
        "chain": "--top-k 9 --top-p 0.9 --min-p 0.02 -t 1.2 -n 120",
        "several": "--count 3 -n 40",
        "strip": "--temperatures 0.3,1.0 -n 60 --prime Tide",
        "snapshots": "--every-snapshot -n 40",
        "json": "--json --count 2 -n 40 --novelty --novelty-length 6",
        "until": r"--until e\n --until x -n 300 --no-echo -p The",
        "finish": "--finish sentence -n 50",
        "unknown": "--unknown replace -p Thé漢 -n 50",
        "refused": "-p 漢字",
        "newest": "-n 10",
    }.items():
        to.run(f"sample: {name}", "sample", "lstm", *options.split(), "--seed", "7")
    to.run("sample: prime file", *words("sample gru --prime-file - -n 40 --seed 1"), stdin=b"The bank ")
    to.run("compare one", *words("compare lstm --json -n 60"))
    to.run("compare shown", *words("compare lstm -n 60"))
    to.run("compare runs", *words("compare lstm gru dropouts --json -n 60 --text-length 3000"))
    to.run("compare runs shown", *words("compare lstm gru dropouts -n 60 --text-length 3000"))
    to.run("compare texts", *words("compare lstm bytes rare onward nowhere --json -n 40 --text letter.txt"))
    to.run(
        "compare files",
        "compare",
        "checkpoints/lstm/iteration-000010.safetensors",
        "checkpoints/lstm/iteration-000040.safetensors",
        *words("--json --temperatures 0.4,1 -n 40"),
    )
    to.run("score", *words("score lstm gru bytes rare letter.txt --json"))
    to.run("score shown", *words("score lstm gru letter.txt"))
    to.run("score cold", *words("score lstm - --cold --json"), stdin=novel[:700].encode())
    to.run("runs", *words("runs --json"))
    to.run("runs shown", *words("runs"))
    for run in ("lstm", "documents", "rare", "bytes", "onward"):
        to.run(f"runs show {run}", *f"runs show {run} --json".split())
    to.run("runs show shown", *words("runs show lstm"))
    to.run("check", *words("corpora check text.txt --json --no-trials"))
    to.run("check shown", *words("corpora check text.txt --no-trials"))
    to.run("check documents", *words("corpora check documents --documents --json --no-trials"))
    to.run("check bytes", *words("corpora check letter.txt --bytes --json --no-trials"))
    to.run("corpora", *words("corpora --json"))
    for name, line in {
        "no run": "sample nowhere", "no file": "train nowhere.txt", "range": "train text.txt --dropout 2",
        "choice": "train text.txt --model transformer", "both": "train text.txt --time 5s --iterations 5",
        "fixed": "train --resume lstm --seed 4", "complete": "train --resume lstm",
        "short": "train letter.txt --batch-size 512", "damaged": "sample text.txt",
    }.items():  # fmt: skip
        to.run(f"error: {name}", *line.split())
    return to.facts


def main() -> None:
    target, *known = map(Path, sys.argv[1:])
    folder = Path(tempfile.mkdtemp(prefix="reproduction-"))
    try:
        facts = record(folder)
    finally:
        shutil.rmtree(folder)
    target.write_text(json.dumps(facts, indent=1, sort_keys=True, default=str), "utf-8")
    print(f"{len(facts)} facts in {target}")
    if known:
        before = json.loads(known[0].read_text("utf-8"))
        after = json.loads(target.read_text("utf-8"))
        differing = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
        for name in differing:
            print("differs:", name)
        sys.exit(any(not name.startswith("messages") for name in differing))


if __name__ == "__main__":
    main()
