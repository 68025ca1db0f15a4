"""A training as the options of `charrnn train` describe it: new, on from another's weights, or resumed."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.commands import text_options
from charrnn.config import ModelConfig, TrainConfig, pick
from charrnn.errors import CheckpointError, UsageError
from charrnn.formatting import visible

if TYPE_CHECKING:
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.runs.run import Run
    from charrnn.training.trainer import Trainer


def prepare(threads: int | None) -> None:
    """Everything that must happen before torch is imported, then its import."""
    from charrnn.training import threads as openmp

    count = openmp.prepare(threads)
    import torch

    torch.set_num_threads(count)
    torch.set_flush_denormal(True)  # oneDNN's LSTM slows some twenty times on denormals


def new(settings: dict[str, Any], given: set[str]) -> tuple[Trainer, Run, str]:
    """A new training, on from a checkpoint's weights if they are asked for; its run; the preset's name."""
    from charrnn.runs.run import create_run
    from charrnn.text import known_texts

    root, before = settings["checkpoint_dir"], _before(settings)
    if before is not None:  # what the checkpoint was made with stands, unless it is contradicted
        taken = {name: getattr(before.header.model, name) for name in ("embedding_size", "tied")}
        if settings["init_from"]:
            taken = asdict(before.header.model)
        for name in ("bytes", "lowercase", "normalize", "keep_newlines"):  # how characters are told apart
            taken[name] = getattr(before.header.reading, name)
        settings |= {name: value for name, value in taken.items() if name not in given}
        given = given | set(taken)
    for config in (ModelConfig, TrainConfig):
        pick(config, settings)  # what is wrong with them is told before a long text is read
    source = text_options.read(
        settings["texts"] or [str(known_texts.bundled())],
        text_options.config(settings),
        check=True,
        glob=settings["glob"],
        max_expansion=settings["max_expansion"],
    )
    prepare(settings["threads"])
    from charrnn.training import autotune

    if settings["max_epochs"] is not None:  # about, until the streams are known
        window = settings["batch_size"] * (settings["shift"] or settings["seq_length"])
        settings["iterations"] = max(
            1, round(settings["max_epochs"] * len(source) * (1 - settings["val_frac"]) / window)
        )
    training, choice = autotune.begin(source, settings["preset"], settings, given, settings["device"])
    if before is not None:
        from charrnn.training import transfer

        weights, matched = transfer.carried_over(
            before,
            training.vocabulary,
            training.model.weights(),
            model=training.model.config,
            embedding_only=settings["init_from"] is None,
        )
        what = "embedding" if settings["init_from"] is None else "network"
        training.begin_with(
            weights,
            {"what": what, "path": str(before.path), "sha256": before.digest, "iteration": before.header.iteration},
        )
        print(f"charrnn: {what} from {visible(str(before.path))}: {matched.describe()}", file=sys.stderr)
    if settings["max_epochs"] is not None:
        count = max(1, round(settings["max_epochs"] * training.streams.per_epoch))
        training.config = replace(training.config, iterations=count)
    return training, create_run(root, settings["name"], Path(source.name).stem), choice.preset


def resumed(resume: Path, settings: dict[str, Any], given: set[str]) -> tuple[Trainer, Run, None]:
    """A run's training as it was when its resume file was written, rewound to that iteration."""
    from charrnn.runs import checkpoint
    from charrnn.runs.run import Run, find_run

    run = find_run(resume, settings["checkpoint_dir"])
    if not run.resume_path.exists():
        raise CheckpointError(f"{run.resume_path}: is missing; this run cannot be resumed, only sampled.")
    kept = checkpoint.load(run.resume_path)
    iterations = settings["iterations"] if "iterations" in given else None
    total = iterations or kept.header.training.iterations
    if kept.header.iteration >= total:
        raise UsageError(
            f"{run.path}: is complete at iteration {kept.header.iteration:,}. To train on, give more: --iterations N."
        )
    origin = dict(kept.header.progress.get("origin", ()))
    texts = settings["texts"] or origin.get("texts")
    if not texts:
        raise UsageError(
            f"{run.path}: was trained on a text in memory; name it: charrnn train TEXT --resume {run.path}"
        )
    files = {
        name: settings[name] if name in given or settings["texts"] else origin[name]
        for name in ("glob", "max_expansion")
    }
    source = text_options.read(texts, kept.header.reading, **files)
    prepare(settings["threads"] or kept.header.made_with.get("threads"))  # their number is part of being exact
    from charrnn.training.resume import resumed

    training = resumed(kept, source, device=settings["device"], iterations=iterations)
    run.rewind(training.iteration)
    return training, Run(run.path), None


def _before(settings: dict[str, Any]) -> Checkpoint | None:
    """The checkpoint that weights are taken from. Raises UsageError, RunError, CheckpointError."""
    whole, embedding = settings["init_from"], settings["embedding_from"]
    if whole is not None and embedding is not None:
        raise UsageError("--init-from and --embedding-from contradict each other; give one of them.")
    where = whole or embedding
    if where is None:
        return None
    from charrnn.runs import checkpoint
    from charrnn.runs.run import find_checkpoint

    return checkpoint.load(find_checkpoint(where, settings["checkpoint_dir"]))
