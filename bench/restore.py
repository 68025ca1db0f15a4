"""Hidden characters given back: by a bidirectional network, by forward ones alone, and by one in each direction.

    python bench/restore.py war-and-peace.txt --time 10m
    python bench/restore.py war-and-peace.txt --time 10m --keep runs     (again, with what is there: no new training)

Three networks learn the training part of a text for the same time, side by side, with a thread each: forward, backward
and bidirectional. (On a machine that has other work to do, look at the processor time that each got.) Then of passages
of held-out text a share of the characters is hidden, by a seed, and the share is printed that each way gives back as it
was:

    most frequent     the most frequent character, whatever stands around
    forward           the likeliest after what stands before, what was given back there included
    both              the likeliest by the forward and the backward network: the product of what each says, divided by
                      how frequent the character is (which is right where the two sides tell independently)
    fill              the first of `charrnn fill --length N --draws 64 --judged 16`, for gap after gap from the left;
                      what is hidden to the right of a gap is taken for what the backward network says there
    bidirectional     `charrnn restore`: the most certain first; and all at once, from one reading

`single` hides characters one by one, `runs` three in a row.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charrnn.network.bidirectional import BidirectionalEngine
from charrnn.network.engine import Engine, RecurrentStack
from charrnn.network.pieces import LENGTH
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.find import find_checkpoint
from charrnn.runs.training_text import find_training_text
from charrnn.sampling.chain import log_softmax, make_chain
from charrnn.sampling.fill import FillRequest, Gap, fill
from charrnn.sampling.restoring import restore
from charrnn.sampling.side import Side
from charrnn.text.vocabulary import Vocabulary

WAYS = {"forward": (), "backward": ("--backward",), "bidirectional": ("--bidirectional",)}
EDGE, MARK = 100, "\x00"  # characters at each end of a passage that are not hidden; what stands for the hidden ones
AROUND = 64  # characters on each side of a gap that fill is given
Ids = NDArray[np.intp]


def train(text: str, seconds: str, root: Path, options: list[str]) -> None:
    """The three networks, at the same time, those that are not there."""
    command = [sys.executable, "-m", "charrnn", "train", text, "--time", seconds, "--checkpoint-dir", str(root)]
    common = ["--threads", "1", "--snapshot-at", "0", "--sample-length", "0", "--no-ngrams", *options]
    missing = [name for name in WAYS if not (root / name).exists()]
    trainings = {name: subprocess.Popen([*command, "--name", name, *WAYS[name], *common]) for name in missing}
    for name, training in trainings.items():
        _, status, used = os.wait4(training.pid, 0)
        print(f"{name}: {used.ru_utime + used.ru_stime:.0f} s of processor time", flush=True)
        if status:
            sys.exit("a training failed")


def passages(loaded: Checkpoint, count: int, length: int, seed: int) -> Ids:
    """Held-out text, (B, T) ids in reading order."""
    source = find_training_text(loaded.path, loaded.header)
    if not source.same:
        sys.exit("the text is not what was trained on any longer")
    measured, spans = source.corpus.measured, source.split.held_out
    [(_, start, stop)] = [max(spans, key=lambda span: span.stop - span.start)]
    places = np.random.default_rng(seed).permutation((stop - start) // length)[:count]
    return np.stack([np.asarray(measured.ids[start + at * length :][:length], dtype=np.intp) for at in places])


def hidden(text: Ids, share: float, run: int, seed: int) -> NDArray[np.bool_]:
    """Which characters are hidden, (B, T): so many in a row."""
    rng = np.random.default_rng([seed, run])
    chosen = np.zeros(text.shape, dtype=np.bool_)
    begins = rng.random(text.shape) < share / run
    for at in range(run):
        chosen[:, at:] |= begins[:, : begins.shape[1] - at]
    chosen[:, :EDGE] = chosen[:, -EDGE:] = False
    return chosen


def one_way(engine: Engine, text: Ids, gone: NDArray[np.bool_], warmup: Ids) -> NDArray[np.float64]:
    """What a causal network says of every character after those before it, (B, T, V).

    A hidden one is read as what it says is likeliest there. `warmup` is read before, (n,).
    """
    stack, said = RecurrentStack(engine, (len(text),)), np.zeros((*text.shape, engine.head.shape[0]))
    for index in warmup:
        stack.step(engine.input_columns(np.full(len(text), index)))
    for at in range(text.shape[1]):
        said[:, at] = log_softmax(stack.logits().T)
        read = np.where(gone[:, at], said[:, at].argmax(axis=1), text[:, at])
        stack.step(engine.input_columns(read))
    return said


def filled(engines: Sequence[Engine], vocabulary: Vocabulary, text: Ids, gone: NDArray[np.bool_], guesses: Ids) -> Ids:
    """The text as `charrnn fill` gives it back; `guesses` stand for what is hidden to the right of a gap, (B, T)."""
    forward, backward = map(Side, engines)
    given = np.where(gone, guesses, text)
    edges = np.diff(gone.astype(np.int8), axis=1)
    gaps = zip(np.argwhere(edges > 0).tolist(), np.argwhere(edges < 0).tolist(), strict=True)
    for (row, before), (_, last) in gaps:
        begin, end = before + 1, last + 1
        around = [vocabulary.decode(given[row, begin - AROUND : begin]), vocabulary.decode(given[row, end:][:AROUND])]
        length = range(end - begin, end - begin + 1)
        request = FillRequest(lengths=length, process=make_chain(), draws=64, judged=16, seed=1)
        given[row, begin:end] = fill(forward, backward, vocabulary, Gap(*around), request).fillings[0].ids
    return given


def accuracies(models: dict[str, Checkpoint], text: Ids, gone: NDArray[np.bool_]) -> dict[str, float]:
    """The share of the hidden characters that each way gives back."""
    vocabulary = models["forward"].header.vocabulary
    engines = {name: Engine(models[name].header.model, models[name].weights) for name in ("forward", "backward")}
    newline = vocabulary.encode(vocabulary.default_prime).astype(np.intp)
    forward = one_way(engines["forward"], text, gone, newline)
    backward = one_way(engines["backward"], text[:, ::-1], gone[:, ::-1], newline)[:, ::-1]
    counts = np.bincount(text[~gone], minlength=len(vocabulary)) + 1.0
    frequent = np.log(counts / counts.sum())
    right = {
        "most frequent": np.broadcast_to(frequent.argmax(), text.shape) == text,
        "forward": forward.argmax(axis=2) == text,
        "backward": backward.argmax(axis=2) == text,
        "both": (forward + backward - frequent).argmax(axis=2) == text,
        "fill": filled([*engines.values()], vocabulary, text, gone, backward.argmax(axis=2)) == text,
    }
    loaded = models["bidirectional"]
    engine = BidirectionalEngine(loaded.header.model, loaded.weights)
    for name, at_once in (("bidirectional, the most certain first", False), ("bidirectional, all at once", True)):
        rows = list[Ids]()
        for row, where in zip(text, gone, strict=True):
            parts = restore(engine, vocabulary, [_marked(vocabulary.decode(row), where)], mark=MARK, at_once=at_once)
            rows.append(vocabulary.encode("".join(part.text for part in parts)).astype(np.intp))
        right[name] = np.stack(rows) == text
    return {name: float(same[gone].mean()) for name, same in right.items()}


def _marked(text: str, gone: NDArray[np.bool_]) -> str:
    return "".join(MARK if is_gone else character for character, is_gone in zip(text, gone.tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--time", default="10m", help="of each training")
    parser.add_argument("--keep", type=Path, help="where the runs are, or are to be")
    parser.add_argument("--share", type=float, nargs="+", default=[0.02, 0.15, 0.3])
    parser.add_argument("--passages", type=int, default=100)
    parser.add_argument("--length", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="of the trainings, last")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.keep or Path(temporary)
        train(arguments.text, arguments.time, root, arguments.options)
        models = {}
        for name in WAYS:
            from charrnn.runs import checkpoint

            models[name] = checkpoint.load(find_checkpoint(Path(name), root))
            print(f"{name}: {models[name].header.summary}")
    text = passages(models["forward"], arguments.passages, arguments.length, arguments.seed)
    print(f"\n{text.size:,} characters of held-out text in {len(text)} passages; pieces of {LENGTH}\n")
    columns: list[tuple[str, dict[str, float]]] = []
    for run, kind in ((1, "single"), (3, "runs")):
        for share in arguments.share:
            gone = hidden(text, share, run, arguments.seed)
            columns.append((f"{kind}, {share:.0%} ({gone.sum():,})", accuracies(models, text, gone)))
    print(f"| hidden | {' | '.join(name for name, _ in columns)} |\n|{'---|' * (len(columns) + 1)}")
    for way in columns[0][1]:
        print(f"| {way} | {' | '.join(f'{accuracy[way]:.1%}' for _, accuracy in columns)} |")


if __name__ == "__main__":
    main()
