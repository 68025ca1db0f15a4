"""A training as the options of `charrnn train` describe it: new, on from another's weights, or resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.commands import text_options
from charrnn.commands.notes import tell
from charrnn.commands.options import Typed
from charrnn.config import LENGTHS, ModelConfig, ReadConfig, RunConfig, SourceConfig, StartConfig, TrainConfig
from charrnn.config.option import flag
from charrnn.errors import UsageError

if TYPE_CHECKING:
    from charrnn.runs.lock import RunLock
    from charrnn.runs.run import Run
    from charrnn.training.resumption import Resumption
    from charrnn.training.trainer import Trainer


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
    lock: RunLock | None = None  # of a run that goes on


def require_one_length(typed: Typed) -> None:
    """Raises UsageError where the length of a training is given in more than one way."""
    lengths = [flag(name) for name in LENGTHS if name in typed]
    if len(lengths) > 1:
        raise UsageError(f"{' and '.join(lengths)} contradict each other; give one of them.")


def prepare(threads: int | None) -> None:
    """Everything that must happen before torch is imported, then its import. Raises CharrnnError if it is missing."""
    from charrnn.training import threads as openmp
    from charrnn.training import torch_import

    for remark in openmp.remarks(threads):
        tell(remark)
    count = openmp.prepare(threads)
    torch_import.import_torch()
    import torch

    torch.set_num_threads(count)
    torch.set_flush_denormal(True)  # oneDNN's LSTM slows some twenty times on denormals


def resumption(run: RunConfig, where: Where, typed: Typed) -> Resumption | None:
    """The run that is to go on, if one is.

    Returns:
        The run that `--resume` names; with `--auto-resume` that of the name, or None where it is still to begin.

    Raises:
        UsageError: There is no name to find it by, or a setting that would change it was given.
        RunError, CheckpointError: There is no such run, or nothing in it to go on from.
    """
    from charrnn.runs.creation import require_plain_name
    from charrnn.runs.find import find_run
    from charrnn.runs.run import Run
    from charrnn.training.resumption import Resumption

    if run.name is not None:
        require_plain_name(run.name)
    if run.resume is not None:
        if run.auto_resume:
            raise UsageError("--auto-resume and --resume contradict each other; give one of them.")
        return Resumption.of(find_run(run.resume, where.checkpoint_dir), typed, tell)
    if not run.auto_resume:
        return None
    if run.name is None:
        raise UsageError("--auto-resume: goes on with the run of the given name.", "Name it: --name NAME")
    named = Run(where.checkpoint_dir / run.name)
    return Resumption.of(named, typed, tell) if named.begun else None


def new(
    texts: Sequence[str] | None,
    source: SourceConfig,
    reading: ReadConfig,
    start: StartConfig,
    model: ModelConfig,
    training: TrainConfig,
    run: RunConfig,
    where: Where,
    typed: Typed,
) -> Begun:
    """A new training, on from a checkpoint's weights if they are asked for."""
    from charrnn.runs.creation import create_run, require_new, require_writable
    from charrnn.runs.run import Run
    from charrnn.text import known_texts
    from charrnn.training.beginning import Beginning

    if run.name is not None and not run.auto_resume:
        require_new(Run(where.checkpoint_dir / run.name))  # before a text is read
    require_writable(where.checkpoint_dir)
    beginning = Beginning.of(start, model, training, reading, typed, where.checkpoint_dir)
    named = texts or [str(known_texts.bundled())]
    files = asdict(source) | {"val_text": training.val_text}
    corpus = text_options.read(named, beginning.reading, training=beginning.training, **files)
    prepare(where.threads)
    trainer, choice, note = beginning.begin(corpus, where.device)
    for line in (note, corpus.vocabulary.form_of(trainer.config.sample_prime or "").note("--sample-prime")):
        if line is not None:
            tell(line)
    kept = create_run(where.checkpoint_dir, run.name, Path(corpus.name).stem, unfinished=run.auto_resume)
    return Begun(trainer, kept, choice.preset)


def resumed(going_on: Resumption, texts: Sequence[str] | None, where: Where) -> Begun:
    """A run's training as it was when its resume file was written, rewound to that iteration."""
    from charrnn.runs.run import Run

    corpus = going_on.read_text(texts, text_options.read)
    header, run = going_on.checkpoint.header, going_on.run
    prepare(where.threads or header.made_with.get("threads"))  # their number is part of being exact
    from charrnn.training import resume as resuming

    trainer = resuming.resumed(
        going_on.checkpoint, corpus, device=where.device, watching=going_on.watching, **going_on.length
    )
    notes = (resuming.change_of_machine(trainer, header), resuming.change_of_rate(trainer, header))
    fell_back = going_on.fallback.notes if going_on.fallback else ()
    for note in (*fell_back, *notes):
        if note is not None:
            tell(note)
    if (note := resuming.rewound(going_on, trainer)) is not None:
        tell(note)
    return Begun(trainer, Run(run.path), lock=going_on.lock)
