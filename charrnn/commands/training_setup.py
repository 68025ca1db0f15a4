"""A training as the options of `charrnn train` describe it: new, on from another's weights, or resumed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.commands import text_options
from charrnn.commands.options import Typed, typed_over
from charrnn.config import ModelConfig, ReadConfig, SourceConfig, StartConfig, TrainConfig
from charrnn.errors import CheckpointError, UsageError
from charrnn.formatting import visible

if TYPE_CHECKING:
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.runs.run import Run
    from charrnn.training.trainer import Trainer

_TOLD_APART_BY = ("bytes", "lowercase", "normalize", "keep_newlines")  # how characters are
_EMBEDDING = ("embedding_size", "tied")


@dataclass(frozen=True, slots=True)
class Where:
    """The place of the runs, and what of the machine is used."""

    checkpoint_dir: Path
    device: str
    threads: int | None


@dataclass(frozen=True, slots=True)
class Begun:
    """A training that is ready for its next iteration."""

    trainer: Trainer
    run: Run
    preset: str | None = None  # by which a new training's settings were chosen


def prepare(threads: int | None) -> None:
    """Everything that must happen before torch is imported, then its import. Raises CharrnnError if it is missing."""
    from charrnn.training import threads as openmp
    from charrnn.training import torch_import

    count = openmp.prepare(threads)
    torch_import.import_torch()
    import torch

    torch.set_num_threads(count)
    torch.set_flush_denormal(True)  # oneDNN's LSTM slows some twenty times on denormals


def new(
    texts: Sequence[str] | None,
    source: SourceConfig,
    reading: ReadConfig,
    start: StartConfig,
    model: ModelConfig,
    training: TrainConfig,
    name: str | None,
    where: Where,
    typed: Typed,
) -> Begun:
    """A new training, on from a checkpoint's weights if they are asked for."""
    from charrnn.runs.run import create_run
    from charrnn.text import known_texts

    before = _initial_checkpoint(start, where.checkpoint_dir)
    if before is not None:  # what the checkpoint was made with stands, unless it is contradicted
        theirs = before.header
        if start.init_from is not None:
            model = typed_over(typed, theirs.model)
        else:
            model = replace(model, **{key: getattr(theirs.model, key) for key in _EMBEDDING if key not in typed})
        reading = replace(reading, **{key: getattr(theirs.reading, key) for key in _TOLD_APART_BY if key not in typed})
    corpus = text_options.read(
        texts or [str(known_texts.bundled())], reading, training=training, val_text=training.val_text, **asdict(source)
    )
    prepare(where.threads)
    from charrnn.training import autotune

    if start.max_epochs is not None:  # about, until the streams are known
        split = corpus.split(training.val_frac, training.val_max, training.val_at)
        window = training.completed().batch_size * training.effective_shift
        training = replace(training, iterations=max(1, round(start.max_epochs * split.training_size / window)))
    trainer, choice = autotune.begin(corpus, start.preset, model, training, where.device)
    if before is not None:
        _transfer(before, trainer, embedding_only=start.init_from is None)
    if start.max_epochs is not None:
        trainer.train_for(start.max_epochs)
    return Begun(trainer, create_run(where.checkpoint_dir, name, Path(corpus.name).stem), choice.preset)


def _initial_checkpoint(start: StartConfig, root: Path) -> Checkpoint | None:
    """The checkpoint that weights are taken from. Raises RunError, CheckpointError."""
    where = start.init_from or start.embedding_from
    if where is None:
        return None
    from charrnn.runs import checkpoint
    from charrnn.runs.find import find_checkpoint

    return checkpoint.load(find_checkpoint(where, root))


def _transfer(before: Checkpoint, trainer: Trainer, *, embedding_only: bool) -> None:
    """Begin with a checkpoint's weights, and say on standard error which characters had any."""
    from charrnn.training import transfer

    weights, matched = transfer.transferred_weights(
        before,
        trainer.vocabulary,
        trainer.model.weights(),
        model=trainer.model.config,
        embedding_only=embedding_only,
    )
    what = "embedding" if embedding_only else "network"
    trainer.begin_with(
        weights,
        {"what": what, "path": str(before.path), "sha256": before.digest, "iteration": before.header.iteration},
    )
    print(f"charrnn: {what} from {visible(str(before.path))}: {matched.describe()}", file=sys.stderr)


def resumed(resume: Path, texts: Sequence[str] | None, source: SourceConfig, where: Where, typed: Typed) -> Begun:
    """A run's training as it was when its resume file was written, rewound to that iteration."""
    from charrnn.runs import checkpoint
    from charrnn.runs.find import find_run
    from charrnn.runs.run import Run

    run = find_run(resume, where.checkpoint_dir)
    if not run.resume_path.exists():
        raise CheckpointError(f"{run.resume_path}: is missing; this run cannot be resumed, only sampled.")
    saved = checkpoint.load(run.resume_path)
    iterations: int | None = typed.get("iterations")
    if saved.header.iteration >= (iterations or saved.header.training.iterations):
        raise UsageError(
            f"{run.path}: is complete at iteration {saved.header.iteration:,}.",
            "To train on, give more: --iterations N.",
        )
    origin = dict(saved.header.progress.get("origin", ()))
    if not texts:
        texts = origin.pop("texts", None)
        source = typed_over(typed, SourceConfig.pick(origin))
    val_text = typed.get("val_text", origin.get("val_text"))
    if not texts:
        raise UsageError(
            f"{run.path}: was trained on a text in memory.", f"Name it: charrnn train TEXT --resume {run.path}"
        )
    corpus = text_options.read(texts, saved.header.reading, val_text=val_text, **asdict(source))
    prepare(where.threads or saved.header.made_with.get("threads"))  # their number is part of being exact
    from charrnn.training import resume as resuming

    trainer = resuming.resumed(saved, corpus, device=where.device, iterations=iterations)
    run.rewind(trainer.iteration)
    return Begun(trainer, Run(run.path))
