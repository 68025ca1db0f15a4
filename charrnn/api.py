"""The Python API: load a model and use it, or train one and follow it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ModelConfig, ReadConfig, StartConfig, TrainConfig, describe, settings_of, synonyms
from charrnn.errors import UsageError
from charrnn.model import Model
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.checkpoint import load as load_checkpoint
from charrnn.runs.find import find_checkpoint, find_run
from charrnn.runs.history import read as read_curves
from charrnn.runs.run import create_run
from charrnn.text import corpus, known_texts
from charrnn.training.events import Snapshot

if TYPE_CHECKING:
    from charrnn.training.events import Event


def load(path: str | Path | Snapshot) -> Model:
    """Load a model.

    Args:
        path: A checkpoint file; or a run directory, whose best snapshot is taken; or a Snapshot that `train` yielded.

    Returns:
        The model, in memory.

    Raises:
        RunError: There is no such run, or it has no snapshot.
        CheckpointError: The file is no checkpoint, is damaged, or is too new.
    """
    if isinstance(path, Snapshot):
        return Model(Checkpoint(path.header, path.tensors))
    return Model(load_checkpoint(find_checkpoint(Path(path))))


def history(run: str | Path) -> dict[str, NDArray[Any]]:
    """What a training measured, as one table, which `pandas.DataFrame` takes as it is.

    Args:
        run: A run, by its path, or by its name below `checkpoints`.

    Returns:
        Columns of one length, a row for each iteration that was logged; what was not measured there is NaN.
        `iteration`; `train_bits` and `held_out_bits`, the losses in bits per character (per byte, of a model of bytes),
        the first as the training has it, a mean over about the last 50 iterations with dropout at work;
        `learning_rate`; `grad_norm`, the largest before clipping since the row before.

    Raises:
        RunError: There is no such run.
    """
    curves = read_curves(find_run(Path(run)))
    columns = {
        "train_bits": dict(curves.train),
        "held_out_bits": dict(curves.held_out),
        "learning_rate": dict(curves.learning_rate),
        "grad_norm": dict(curves.peak_norm),
    }
    iterations = sorted(set().union(*columns.values()))
    table: dict[str, NDArray[Any]] = {"iteration": np.array(iterations, dtype=np.int64)}
    for name, values in columns.items():
        table[name] = np.array([values.get(at, math.nan) for at in iterations])
    return table


_CONFIGS = (ModelConfig, TrainConfig, ReadConfig)


def train(
    text: str | Path | Sequence[str | Path] | corpus.Corpus | None = None,
    *,
    checkpoint_dir: str | Path | None = None,
    name: str | None = None,
    device: str = "auto",
    preset: str = "auto",
    **settings: Any,
) -> Iterator[Event]:
    """Train a model, and follow it.

    Args:
        text: What `charrnn train` takes (paths of files and folders, names of known texts), a Corpus
            (`charrnn.text.corpus.from_text` makes one of a string), or None for the bundled novel.
        checkpoint_dir: Where everything is kept in a run directory, as by `charrnn train`; None: nothing is written.
        name: Of the run; None: after the text, numbered.
        device: One of auto, cpu, cuda or mps.
        preset: One of auto, quick, small, medium or large: chooses what the settings leave open.
        settings: Those of the network, the training and, where a text is read, its reading; listed below.

    Yields:
        Progress, Evaluated and Snapshot events (`charrnn.events`) as they come; losses in nats per character.

    Raises:
        CharrnnError: Before the first event, for a text that cannot be read or settings that cannot be; after it, for a
            loss that is no number and files that cannot be written.

    """
    known = {config: {setting.name for setting in settings_of(config)} for config in _CONFIGS}
    unknown = sorted(set(settings).difference(*known.values()))
    if unknown:
        hint = synonyms.python_advice(unknown[0], set().union(*known.values()))
        raise UsageError(f"unknown settings: {', '.join(unknown)}.", f"{hint} help(charrnn.train) lists them.".lstrip())
    if "time" in settings and "iterations" in settings:
        raise UsageError("time and iterations contradict each other.", "Give one of them.")
    if name is not None and checkpoint_dir is None:
        raise UsageError(f"name {name!r}: is that of a run, and none is kept.", "Give a checkpoint_dir, too.")
    model, training, reading = ModelConfig.pick(settings), TrainConfig.pick(settings), ReadConfig.pick(settings)
    if isinstance(text, corpus.Corpus) and (names := sorted(known[ReadConfig] & set(settings))):
        raise UsageError(f"{', '.join(names)}: how a text is read; this one has been.", "Give it to from_text.")

    from charrnn.training import torch_import

    torch_import.import_torch()
    from charrnn.evaluation.held_out_check import examined
    from charrnn.training import autotune
    from charrnn.training.checkpointing import record

    if isinstance(text, corpus.Corpus):
        source = text if text.validation else corpus.with_validation(text, training.val_text)
    else:
        source = corpus.read(text or known_texts.bundled(), reading, val_text=training.val_text)
    source = examined(source, source.split(training.val_frac, training.val_max, training.val_at))
    preset = StartConfig.pick({"preset": preset}).preset
    trainer, _ = autotune.begin(source, preset, model, training, device)
    if checkpoint_dir is None:
        return trainer.events()
    return record(trainer, create_run(Path(checkpoint_dir), name, Path(source.name).stem))


train.__doc__ = f"{(train.__doc__ or '').rstrip()}\n\n{textwrap.indent(describe(*_CONFIGS), '    ')}"
