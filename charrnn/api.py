"""The Python API: load a model and use it, or train one and follow it."""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import (
    CHECKPOINT_DIR,
    LENGTHS,
    TEMPERATURE,
    Config,
    FillConfig,
    ModelConfig,
    ReadConfig,
    TrainConfig,
    describe,
    settings_of,
    synonyms,
)
from charrnn.errors import UsageError
from charrnn.evaluation import both_sides
from charrnn.evaluation.held_out_check import examined
from charrnn.evaluation.suspects import Suspect, find, places_for
from charrnn.model import Model
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.find import find_run, load_found
from charrnn.runs.history import read as read_curves
from charrnn.runs.pair import in_order
from charrnn.sampling.chain import make_chain
from charrnn.sampling.fill import MARK, Fillings, FillRequest, Gap, in_known_form
from charrnn.sampling.fill import fill as fill_gap
from charrnn.sampling.request import random_seed
from charrnn.sampling.side import Side
from charrnn.text import corpus
from charrnn.training import following
from charrnn.training.bar import with_bar
from charrnn.training.events import Snapshot

if TYPE_CHECKING:
    from charrnn.training.events import Event


def load(path: str | Path | Snapshot) -> Model:
    """Load a model.

    Args:
        path: A checkpoint file; or a run directory, whose best snapshot is taken, with a warning for one that would be
            better and is damaged; or a Snapshot that `train` yielded.

    Returns:
        The model, in memory.

    Raises:
        RunError: There is no such run, or it has no snapshot.
        CheckpointError: The file is no checkpoint, is damaged, or is too new.
        TypeError: It is neither a path nor a Snapshot, such as another event of `train`.
    """
    if isinstance(path, Snapshot):
        return Model(Checkpoint(path.header, path.tensors))
    if not isinstance(path, str | Path):
        raise TypeError(f"a path or a Snapshot is loaded, not {type(path).__name__}")
    return Model(load_found(Path(path), warn=lambda problem: warnings.warn(problem, RuntimeWarning, stacklevel=4)))


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


def fill(
    forward: Model,
    backward: Model,
    text: str,
    *,
    mark: str = MARK,
    length: int | None = None,
    max_length: int | None = None,
    judged: int = 32,
    draws: int = 256,
    temperature: float = TEMPERATURE,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    seed: int | None = None,
    ngrams: bool | None = None,
) -> Fillings:
    """Propose what may stand in the gap of a text: drawn by the forward model, judged by both.

    Args:
        forward: A model that reads from the beginning of a text.
        backward: One of the same vocabulary that reads from the end (`train(..., backward=True)`).
        text: A text with one gap.
        mark: What stands in it for the gap.
        length: Characters of a filling, exactly so many; None: open.
        max_length: The most where it is open, each length up to it as likely beforehand; None: 30.
        judged: Characters on either side of the gap by which both models judge a filling.
        draws: How many fillings to draw.
        temperature: As in `Model.generate`, like the others.
        top_k: How many of the likeliest characters to choose from.
        top_p: The share of the probability to choose from.
        min_p: The least likelihood, as a share of the likeliest's, to choose from.
        seed: The same draws the same; None is another each time.
        ngrams: Whether the counts beside the networks have a say.

    Returns:
        The fillings, the likeliest first, with their probabilities and weights, and the effective sample size. What
        these are is said at the head of `charrnn.sampling.fill`.

    Raises:
        UsageError: The text has no gap, or several; a value is outside its range.
        CheckpointError: The models are of one direction, or of different vocabularies.
        VocabularyError: The text has characters that they have never seen.
        DivergedError: The outputs of a model are not numbers.
    """
    config = FillConfig(mark=mark, length=length, max_length=max_length, judged=judged, draws=draws, seed=seed)
    vocabulary = in_order(forward, backward)[0].vocabulary
    gap, notes = in_known_form(Gap.of(text, mark), vocabulary)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    request = FillRequest(
        lengths=config.lengths,
        process=make_chain(temperature, top_k=top_k, top_p=top_p, min_p=min_p),
        draws=draws,
        judged=judged,
        seed=random_seed() if seed is None else seed,
    )
    return fill_gap(*_sides(forward, backward, ngrams), vocabulary, gap, request)


def suspects(
    forward: Model, backward: Model, text: str, count: int = 20, *, ngrams: bool | None = None
) -> list[Suspect]:
    """Find the likeliest typing and OCR errors of a text, and what mends them.

    Args:
        forward: A model that reads from the beginning of a text.
        backward: One of the same vocabulary that reads from the end.
        text: Anyone's, in any characters.
        count: How many, at most.
        ngrams: Whether the counts beside the networks have a say.

    Returns:
        The likeliest first; none where the text is likeliest as it is.

    Raises:
        CheckpointError: The models are of one direction, or of different vocabularies.
        CorpusError: The text is too short.
        UsageError: The count is below 0.
        DivergedError: The outputs of a model are not numbers.
    """
    if count < 0:
        raise UsageError(f"{count} suspects: at least 0.")
    sides, vocabulary = _sides(forward, backward, ngrams), in_order(forward, backward)[0].vocabulary
    judged = both_sides.judge(*sides, vocabulary, text, candidates=places_for(count))
    return find(*sides, vocabulary, judged, count)


def _sides(forward: Model, backward: Model, ngrams: bool | None) -> tuple[Side, Side]:
    """What either model expects. Raises CheckpointError."""
    ahead, behind = (Side(model._engine, model._mixture(ngrams)) for model in in_order(forward, backward))
    return ahead, behind


_CONFIGS = (ModelConfig, TrainConfig, ReadConfig)


def train(
    text: str | Path | Sequence[str | Path] | corpus.Corpus | None = None,
    *,
    checkpoint_dir: str | Path | None = None,
    name: str | None = None,
    resume: str | Path | None = None,
    init_from: str | Path | None = None,
    embedding_from: str | Path | None = None,
    max_epochs: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    preset: str = "auto",
    progress: bool = False,
    **settings: Any,
) -> Generator[Event, None, None]:
    """Train a model, and follow it.

    Closing the iterator ends the training, and so do `break`, an exception in the loop and Ctrl-C. A run that is kept
    can then be resumed, exactly as if it had never stopped.

    Args:
        text: What `charrnn train` takes (paths of files and folders, names of known texts), a Corpus
            (`charrnn.text.corpus.from_text` makes one of a string), or None for the bundled novel; of a run that goes
            on None is the text that it has, where it lies in files.
        checkpoint_dir: Where everything is kept in a run directory, as by `charrnn train`; None: nothing is written.
        name: Of the run; None: after the text, numbered.
        resume: A run to go on with, by its path, or by its name in `checkpoint_dir` or `checkpoints`. Of the settings
            only iterations, max_epochs and time, which count all that the run has, and those that change no weight
            may be others than it has.
        init_from: A checkpoint or run whose weights to begin with, matched by character; the network is its.
        embedding_from: A checkpoint or run of which to take only the embedding.
        max_epochs: Times to read the text, instead of iterations.
        device: One of auto, cpu, cuda or mps.
        threads: CPU threads to train with, which sets those of torch in this process; None: as many as torch has, of
            a run that goes on as many as it had.
        preset: One of auto, quick, small, medium and large, which chooses what the settings leave open; or char-rnn or
            torch-rnn, those programs' recipes, with which the settings are what they leave open.
        progress: Whether to show a bar as it goes, with the losses in bits: in a notebook its own, else a line on
            standard error (`tqdm.auto`).
        settings: Those of the network, the training and, where a text is read, its reading; listed below.

    Yields:
        Progress, Evaluated and Snapshot events (`charrnn.events`) as they come; losses in nats per character.

    Raises:
        CharrnnError: Before the first event, for a text that cannot be read or settings that cannot be; after it, for a
            loss that is no number and files that cannot be written.
    """
    _require_known(settings)
    beginnings = {"preset": preset, "max_epochs": max_epochs, "init_from": init_from, "embedding_from": embedding_from}
    given = settings | {key: value for key, value in beginnings.items() if value is not None and value != "auto"}
    _refuse_several_lengths(given)
    if isinstance(text, corpus.Corpus):
        _refuse_reading(settings)
    root = CHECKPOINT_DIR if checkpoint_dir is None else Path(checkpoint_dir)
    machine = following.Machine(device, threads)
    if resume is not None:
        events = following.resumed(find_run(Path(resume), root), text, given | {"name": name}, machine)
    else:
        events = following.begun(text, given, None if checkpoint_dir is None else root, name, machine, examined)
    return with_bar(events) if progress else events


def _names(*configs: type[Config]) -> set[str]:
    """The names of the settings of configs."""
    return {setting.name for config in configs for setting in settings_of(config)}


def _require_known(settings: Mapping[str, Any]) -> None:
    """Raises UsageError for names that are no setting's, with what may be meant."""
    known = _names(*_CONFIGS)
    if unknown := sorted(set(settings) - known):
        hint = synonyms.python_advice(unknown[0], known)
        raise UsageError(f"unknown settings: {', '.join(unknown)}.", f"{hint} help(charrnn.train) lists them.".lstrip())


def _refuse_reading(settings: Mapping[str, Any]) -> None:
    """Raises UsageError for settings of how a text is read that has been read."""
    if names := sorted(_names(ReadConfig) & set(settings)):
        raise UsageError(f"{', '.join(names)}: how a text is read; this one has been.", "Give it to from_text.")


def _refuse_several_lengths(given: Mapping[str, Any]) -> None:
    """Raises UsageError where the length of a training is given in more than one way."""
    lengths = [length for length in LENGTHS if given.get(length) is not None]
    if len(lengths) > 1:
        raise UsageError(f"{' and '.join(lengths)} contradict each other.", "Give one of them.")


train.__doc__ = f"{(train.__doc__ or '').rstrip()}\n\n{textwrap.indent(describe(*_CONFIGS), '    ')}"
