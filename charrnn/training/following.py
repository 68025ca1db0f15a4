"""Trainings as Python code asks for them: an iterator of events, which saves when it is closed. Imports torch late."""

from __future__ import annotations

import atexit
import warnings
import weakref
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.config import CHECKPOINT_DIR, ModelConfig, ReadConfig, StartConfig, TrainConfig, settings_of
from charrnn.errors import UsageError
from charrnn.runs.creation import create_run, require_new, require_plain_name, require_writable
from charrnn.runs.run import Run
from charrnn.text import corpus, known_texts
from charrnn.text.split import Split

if TYPE_CHECKING:
    from charrnn.training.events import Event

_CONFIGS = (StartConfig, ModelConfig, TrainConfig, ReadConfig)

Text = str | Path | Sequence[str | Path] | corpus.Corpus | None


@dataclass(frozen=True, slots=True)
class Machine:
    """What of the machine is used."""

    device: str
    threads: int | None


def begun(
    text: Text,
    given: dict[str, Any],
    root: Path | None,
    name: str | None,
    machine: Machine,
    examine: Callable[[corpus.Corpus, Split], corpus.Corpus],
) -> Generator[Event, None, None]:
    """The events of a new training.

    Args:
        text: What to train on; None: the bundled novel.
        given: The settings that were said, by name.
        root: Where its run is kept; None: nothing is.
        name: Of the run; None: after the text.
        machine: What of the machine is used.
        examine: Finds what makes the part that is held out a bad measure, and keeps it in the text.

    Returns:
        The events. Closing them saves.

    Raises:
        CharrnnError: As `charrnn.train` does.
    """
    from charrnn.training.beginning import Beginning

    if name is not None:
        if root is None:
            raise UsageError(f"name {name!r}: is that of a run, and none is kept.", "Give a checkpoint_dir, too.")
        require_plain_name(name)
        require_new(Run(root / name))  # before a text is read
    if root is not None:
        require_writable(root)
    configs = StartConfig.pick(given), ModelConfig.pick(given), TrainConfig.pick(given), ReadConfig.pick(given)
    beginning = Beginning.of(*configs, given, root or CHECKPOINT_DIR)
    _import_torch(machine.threads)
    from charrnn.training.checkpointing import record

    training = beginning.training
    if isinstance(text, corpus.Corpus):
        source = text if text.validation else corpus.with_validation(text, training.val_text)
    else:
        source = corpus.read(text or known_texts.bundled(), beginning.reading, val_text=training.val_text)
    source = examine(source, source.split(training.val_frac, training.val_max, training.val_at))
    trainer, _, _ = beginning.begin(source, machine.device)
    if root is None:
        return trainer.events()
    return _closed_at_exit(record(trainer, create_run(root, name, Path(source.name).stem)))


def resumed(
    run: Run,
    text: Text,
    given: dict[str, Any],
    machine: Machine,
) -> Generator[Event, None, None]:
    """The events of a training that goes on.

    Args:
        run: The run.
        text: Its text; None: where it was.
        given: The settings that were said, by name.
        machine: What of the machine is used; threads are those that it had, if None are said.

    Returns:
        The events. Closing them saves.

    Raises:
        CharrnnError: As `charrnn.train` does.
    """
    from charrnn.training.resumption import Resumption

    given = given | {
        setting.name: setting.of_any(given[setting.name])
        for config in _CONFIGS
        for setting in settings_of(config)
        if setting.name in given
    }
    going_on = Resumption.of(run, given, lambda message: warnings.warn(message, RuntimeWarning, stacklevel=4))
    try:
        going_on.require_incomplete()
        header = going_on.checkpoint.header
        _import_torch(machine.threads or header.made_with.get("threads"))
        from charrnn.training import resume
        from charrnn.training.checkpointing import record

        if isinstance(text, corpus.Corpus):
            val_text = given.get("val_text", header.training.val_text)
            source = text if text.validation else corpus.with_validation(text, val_text)
        else:
            texts = [text] if isinstance(text, str | Path) else text
            source = going_on.read_text(texts, corpus.read)
        trainer = resume.resumed(
            going_on.checkpoint, source, device=machine.device, watching=going_on.watching, **going_on.length
        )
        fell_back = " ".join(going_on.fallback.notes) if going_on.fallback else None
        for note in (fell_back, resume.change_of_machine(trainer, header)):
            if note is not None:
                warnings.warn(note, RuntimeWarning, stacklevel=3)
        resume.rewound(going_on, trainer)
    except BaseException:
        going_on.release()
        raise
    events = record(trainer, Run(run.path), lock=going_on.lock)
    weakref.finalize(events, going_on.release).atexit = False  # one that was never begun has nothing to close
    return _closed_at_exit(events)


def _import_torch(threads: int | None) -> None:
    """Import torch, with so many threads. None: as it has."""
    from charrnn.training import threads as openmp
    from charrnn.training import torch_import

    if threads is not None:
        openmp.prepare(threads)
    torch_import.import_torch()
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def _closed_at_exit(events: Generator[Event, None, None]) -> Generator[Event, None, None]:
    """The same events, closed before Python ends, so that what was trained is saved."""
    reference = weakref.ref(events)

    def close() -> None:
        """Close them if they are still there."""
        if (alive := reference()) is not None:
            alive.close()

    atexit.register(close)
    weakref.finalize(events, atexit.unregister, close).atexit = False
    return events
