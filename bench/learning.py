"""What `charrnn train TEXT --time T` reaches by itself: held-out loss after so much time, with no other option.

    python bench/learning.py tinyshakespeare.txt --time 60s 180s --seeds 3
    python bench/learning.py tinyshakespeare.txt --time 60s --seeds 3 --against v1.0
    python bench/learning.py tinyshakespeare.txt --time 180s --keep checkpoints --option=--preset=small

Every training is the command itself, in a process of its own, one after the other. `trained` are the seconds from its
first iteration to its end, held-out losses and snapshots on the way included; `command` those of the whole process. The
loss is of the last model, over the last tenth of the text: carried, in one pass with the state carried from 512
characters before it; cold, in windows of 256 that begin with a zero state, as a transformer with that context has it;
with counts, the same of the network and the counts beside it, where its checkpoint has any.

With `--against REV` the code of that revision (before) and this (after) train in turns with the same seeds, and what
they differ by is told for each seed. Rows are printed as they come: Ctrl-C keeps them.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from revision import ROOT, Code, checked_out

from charrnn.training import threads

LOSSES = ("carried", "cold 256", "carried, with counts", "cold 256, with counts")
COLUMNS = ("time", "seed", "network", "iterations", "epochs", "trained", "command", *LOSSES)
Losses = dict[str, float]  # nats per character, by what stands in LOSSES


@dataclass(frozen=True)
class Training:
    """One that is done, and what it reached."""

    side: str  # "before" or "after", "" without `--against`
    budget: str
    seed: int
    losses: Losses


def train(code: Code, source: Path, budget: str, seed: int, root: Path, name: str, options: list[str]) -> float:
    """The seconds that the command takes to train a run below `root`."""
    command = ["-m", "charrnn", "train", str(source), "--time", budget, "--seed", str(seed)]
    began = time.perf_counter()
    code.run(*command, "--checkpoint-dir", str(root), "--name", name, *options)
    return time.perf_counter() - began


def measured(path: Path, text: Path, dynamic: float | None) -> tuple[list[str], Losses]:
    """How a run was trained, as cells (network, iterations, epochs, seconds), and what its last model reached."""
    import torch
    from losses import cold_loss, dynamic_loss, losses_with_counts

    from charrnn.network.torch_model import CharModel
    from charrnn.runs import checkpoint
    from charrnn.text import corpus
    from charrnn.training.validation import held_out_loss

    torch.set_flush_denormal(True)
    elapsed = checkpoint.load(path / "resume.safetensors").header.progress["elapsed"]
    last = checkpoint.load(max(path.glob("iteration-*.safetensors")))
    header, source = last.header, corpus.read(text)
    model = CharModel(header.model, len(header.vocabulary))
    model.load_weights(last.weights)
    split = source.split(header.training.val_frac, header.training.val_max, header.training.val_at)
    ids, spans = source.measured.ids, split.held_out
    losses = {"carried": held_out_loss(model, ids, spans, streams=1), "cold 256": cold_loss(model, ids, spans)}
    if last.mixture:
        both = losses_with_counts(model, last.mixture.model, source, split)
        losses |= dict(zip(LOSSES[2:], both, strict=True))
    if dynamic is not None:
        losses["dynamic"] = dynamic_loss(model, ids, spans, rate=dynamic)
    network = f"{header.model.model.upper()} {header.model.num_layers} x {header.model.rnn_size}"
    network += f", dropout {header.model.dropout:g}"
    epochs = header.characters / split.training_size
    return [network, f"{header.iteration:,}", f"{epochs:.1f}", f"{elapsed:.1f}"], losses


def row(cells: Iterable[str]) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def head(names: Iterable[str]) -> str:
    """The first two rows of a table in Markdown."""
    cells = list(names)
    return f"{row(cells)}\n|{'---|' * len(cells)}"


def spread(values: list[float], sign: str = "") -> list[str]:
    """Mean, least and most."""
    return [f"{value:{sign}.4f}" for value in (statistics.mean(values), min(values), max(values))]


def means(trainings: list[Training]) -> list[str]:
    """The losses of all seeds, a line for each budget, side and figure."""
    lines = [head(["time", "side", "loss", "seeds", "mean", "least", "most"])]
    for budget, side in dict.fromkeys((training.budget, training.side) for training in trainings):
        for figure in LOSSES:
            alike = [training for training in trainings if (training.budget, training.side) == (budget, side)]
            values = [training.losses[figure] for training in alike if figure in training.losses]
            if values:
                lines.append(row([budget, side, figure, str(len(values)), *spread(values)]))
    return lines


def gained(before: Losses, after: Losses) -> Losses:
    """By how much each loss is lower than before; with counts, than the network alone where it had none before.

    >>> gained({"carried": 1.5}, {"carried": 1.25, "carried, with counts": 1.0})
    {'carried': 0.25, 'carried, with counts': 0.5}
    """
    counterpart = {figure: figure if figure in before else figure.removesuffix(", with counts") for figure in after}
    return {figure: before[counterpart[figure]] - loss for figure, loss in after.items()}


def gains(trainings: list[Training]) -> list[str]:
    """By how much each seed is better than before, a line for each budget and figure."""
    sides: dict[tuple[str, int], dict[str, Losses]] = {}
    for training in trainings:
        sides.setdefault((training.budget, training.seed), {})[training.side] = training.losses
    pairs = {key: gained(both["before"], both["after"]) for key, both in sides.items() if len(both) == 2}
    lines = [head(["time", "better by", "each seed", "mean", "least", "most"])]
    for budget in dict.fromkeys(budget for budget, _ in pairs):
        for figure in LOSSES:
            values = [gain[figure] for (of, _), gain in pairs.items() if of == budget and figure in gain]
            if values:
                each = ", ".join(f"{value:+.4f}" for value in values)
                lines.append(row([budget, figure, each, *spread(values, "+")]))
    return lines


def trainings(arguments: argparse.Namespace, text: Path, sides: dict[str, Code], root: Path) -> Iterator[Training]:
    """Train and measure every budget, seed and side in turn, and print a row of the table for each."""
    extra = ["dynamic"] * (arguments.dynamic is not None)
    compared = ["side"] * (len(sides) > 1)
    print(head([*compared, *COLUMNS, *extra]), flush=True)
    for budget in arguments.time:
        for seed in range(1, arguments.seeds + 1):
            for side, code in sides.items():
                name = f"{text.name.removesuffix('.txt')}-{budget}-{seed}"
                seconds = train(code, text, budget, seed, root / side, name, arguments.option)
                how, losses = measured(root / side / name, text, arguments.dynamic)
                shown = [f"{losses[figure]:.4f}" if figure in losses else "-" for figure in (*LOSSES, *extra)]
                print(row([*filter(None, [side]), budget, str(seed), *how, f"{seconds:.1f}", *shown]), flush=True)
                yield Training(side, budget, seed, losses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, nargs="?", help="default: the bundled novel")
    parser.add_argument("--time", nargs="+", default=["60s"])
    parser.add_argument("--seeds", type=int, default=1, help="how many, from 1")
    parser.add_argument("--against", metavar="REV", help="train this revision of the code too, in turns")
    parser.add_argument("--option", action="append", default=[], help="more options of train: --option=--preset=small")
    parser.add_argument("--dynamic", type=float, metavar="RATE", help="dynamic evaluation too, an extra: other rules")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the runs, for bench/picture.py")
    arguments = parser.parse_args()
    threads.prepare()
    import torch

    from charrnn.text import corpus, known_texts

    today, done = Code(ROOT), list[Training]()
    with contextlib.ExitStack() as stack:
        root = arguments.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        against = stack.enter_context(checked_out(arguments.against)) if arguments.against else None
        sides = {"before": against, "after": today} if against else {"": today}
        for side, code in sides.items():
            code.verify()
            print(f"{side or 'code'}: {code.revision}")
        text = corpus.read(arguments.text or known_texts.bundled())
        print(f"{text.name}: {len(text):,} characters; {torch.get_num_threads()} threads, torch {torch.__version__}\n")
        try:
            for training in trainings(arguments, arguments.text or known_texts.bundled(), sides, root):
                done.append(training)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
    if done:
        print("\nNats per character\n", *means(done), sep="\n")
    if arguments.against and done:
        print("\nBetter than before by, nats per character\n", *gains(done), sep="\n")


if __name__ == "__main__":
    main()
