"""Models measured on one text, character by character, and so comparable whatever they were trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import COLD_WINDOW, COMPARED_LENGTH
from charrnn.errors import CorpusError, UsageError
from charrnn.evaluation.bootstrap import Difference, paired_difference
from charrnn.evaluation.ngrams import Baseline, kneser_ney
from charrnn.evaluation.scoring import ShareCallback, score
from charrnn.formatting import BYTE, CHARACTER, Unit, common_unit
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.training_text import Read, TrainingText, find_training_text
from charrnn.text import corpus
from charrnn.text.split import HeldOutSpan
from charrnn.text.vocabulary import utf8_size

_LEAD = 512  # characters read before the first that counts, where there are any
COUNTED = 20_000_000  # characters of a text, of which n-grams are counted and words collected in seconds, in memory

Bits = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelMeasurement:
    """One model on the text. In bits per unit of the measurement."""

    path: Path
    carried: float  # the state carried from character to character
    cold: float  # in windows of 256 that begin with a zero state
    unseen: int  # characters that the model had never seen, each charged 20.1 bits (charrnn.evaluation.scoring)
    difference: Difference | None  # its bits less those of the best; None for the best itself

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        values = asdict(self) | {"path": str(self.path)}
        values["behind"] = values.pop("difference")
        return values


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """What all were measured on, and how they did."""

    text: str
    held_out: bool  # whether it is the held-out part of a text they were trained on
    characters: int
    bytes: int  # that they are in UTF-8
    unit: Unit  # what all figures are bits per: a byte if all models are of bytes, else a character
    models: tuple[ModelMeasurement, ...]  # in the order asked for
    best: Path
    order: int | None  # of the best n-gram model of the training text
    ngrams: float | None  # its bits

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        models = [model.to_dict() for model in self.models]
        return asdict(self) | {"best": str(self.best), "unit": self.unit.one, "models": models}

    @property
    def count(self) -> int:
        """How many characters or bytes were measured."""
        return self.bytes if self.unit == BYTE else self.characters


def measure(
    paths: Sequence[Path],
    text: str | None = None,
    *,
    length: int = COMPARED_LENGTH,
    read: Read = corpus.read,
    load: Callable[[Path], Checkpoint] = checkpoint.load,
    progress: ShareCallback = lambda share: None,
) -> Measurement:
    """Measure checkpoints on one text; of a text that a model was trained on only the held-out part counts.

    Args:
        paths: The checkpoints, at least one.
        text: A path or known name; None: what the first of them held out.
        length: Characters of it, at most.
        read: What reads the text, as `corpus.read` does.
        load: What loads a checkpoint.
        progress: Is told what share of the work has been done since it was last told.

    Returns:
        Bits per character of each (per byte, if all models are of bytes), and by how much the best is better.

    Raises:
        UsageError: The models would read different characters, or the text is not to be found or has changed.
        CorpusError: The text cannot be read, or nothing of it is held out.
        CheckpointError, DivergedError: A checkpoint cannot be read, or its outputs are not numbers.
    """
    if length < 2:
        raise UsageError(f"--text-length {length}: at least 2 characters.")
    texts = _texts(paths, text, read, load)
    named = next(
        (source for source in texts if source.same), texts[0]
    )  # a text that one was trained on is split as there
    parts = held_out_parts(named, length)
    unit = common_unit(load(path).header.vocabulary.unit for path in paths) or CHARACTER
    counted = "".join(part if lead else part[1:] for lead, part in parts)
    characters, size = len(counted), utf8_size(counted)
    scale = characters / size if unit == BYTE else 1.0  # makes of bits per character what is told
    measured: list[_ModelBits] = []
    for path, source in zip(paths, texts, strict=True):
        if held_out_parts(source if source.same else _split_like(source, named), length) != parts:
            raise UsageError("these models were trained on, or read, different texts.", "Name one for all: --text FILE")
        measured.append(_bits(load(path), path, parts, scale, _share(progress, 2 * len(paths) * len(parts))))
    best = min(measured, key=lambda model: model.carried.mean())
    ids = sum(len(named.corpus.vocabulary.encode(part)) for _, part in parts)
    baseline = counting(named, ids) if named.same else None
    return Measurement(
        text=named.corpus.name,
        held_out=named.same,
        characters=characters,
        bytes=size,
        unit=unit,
        models=tuple(_beside(model, best) for model in measured),
        best=best.path,
        order=baseline.order if baseline else None,
        ngrams=baseline.bits * baseline.measured_on / characters * scale if baseline else None,
    )


def _texts(
    paths: Sequence[Path], text: str | None, read: Read, load: Callable[[Path], Checkpoint]
) -> list[TrainingText]:
    """The text as each checkpoint has it read. Raises UsageError where that is to be its own, and has changed."""
    readings: dict[Any, TrainingText] = {}
    texts = []
    for path in paths:
        header = load(path).header
        training = header.training
        held_out = (training.val_frac, training.val_max, training.val_at, training.val_text)
        key = (header.reading, header.corpus.get("digest"), *held_out)
        if key not in readings:
            readings[key] = find_training_text(path, header, text, read)
        texts.append(readings[key])
        if text is None and not texts[-1].same:
            raise UsageError(f"{texts[-1].corpus.name}: is not what {path} was trained on.", "Name it: --text FILE")
    return texts


def _split_like(source: TrainingText, named: TrainingText) -> TrainingText:
    """A text that its model was not trained on, with what another model held out of it."""
    fits = named.same and len(source.corpus) == len(named.corpus)
    return replace(source, same=True, split=named.split) if fits else source


@dataclass(frozen=True, eq=False, slots=True)
class _ModelBits:
    """The bits of every measured character by one model; per byte, if those are told, their share of a character's."""

    path: Path
    carried: Bits
    cold: Bits
    unseen: int  # how many it had never seen


def _bits(
    loaded: Checkpoint, path: Path, parts: Sequence[tuple[str, str]], scale: float, progress: ShareCallback
) -> _ModelBits:
    """What a model makes of the parts of a text, each after what leads to it; its bits times `scale`."""
    engine, vocabulary = Engine(loaded.header.model, loaded.weights), loaded.header.vocabulary
    carried = [
        score(engine, vocabulary, lead + part, lead=max(1, len(lead)), progress=progress) for lead, part in parts
    ]
    cold = [score(engine, vocabulary, lead[-1:] + part, window=COLD_WINDOW, progress=progress) for lead, part in parts]
    return _ModelBits(
        path,
        np.concatenate([scored.bits for scored in carried]) * scale,
        np.concatenate([scored.bits for scored in cold]) * scale,
        sum(int(scored.unseen.sum()) for scored in carried),
    )


def _beside(model: _ModelBits, best: _ModelBits) -> ModelMeasurement:
    """A model's figures, and how far it is from the best."""
    return ModelMeasurement(
        path=model.path,
        carried=float(model.carried.mean()),
        cold=float(model.cold.mean()),
        unseen=model.unseen,
        difference=None if model is best else paired_difference(best.carried, model.carried),
    )


def _share(progress: ShareCallback, count: int) -> ShareCallback:
    """The progress of one of so many equal parts of the work."""
    return lambda share: progress(share / count)


def held_out_parts(text: TrainingText, length: int) -> list[tuple[str, str]]:
    """What of a text is measured: the held-out part of each document; of a text that was not trained on, all.

    Args:
        text: The text.
        length: So many characters in all, at most.

    Returns:
        Each part, with what comes before it: (up to 512 characters to be read first, the part).

    Raises:
        CorpusError: Nothing of it is held out.
    """
    source, parts = text.corpus, list[tuple[str, str]]()
    spans = text.split.held_out if text.same else [HeldOutSpan(0, 0, len(source))]
    source = source.measured if text.same else source
    for context, start, end in spans:
        stop = min(end, start + length)
        begin = max(context, start - _LEAD)
        if stop - max(start, context + 1) > 0:
            whole = source.vocabulary.decode(source.ids[begin:stop])
            cut = len(source.vocabulary.decode(source.ids[begin:start]))
            parts.append((whole[:cut], whole[cut:]))
            length -= stop - start
    if not parts:
        raise CorpusError(f"{source.name}: nothing of it is held out to be measured.", "Name another text: --text FILE")
    return parts


def counting(text: TrainingText, length: int | None = None) -> Baseline | None:
    """What counting alone achieves on the held-out part of a text.

    Args:
        text: The very text of a training.
        length: Ids that are predicted, at most; None: all that is held out.

    Returns:
        The best n-gram model and its bits per id, a character or a byte; none of a text too long to be counted.
    """
    source, split = text.corpus, text.split
    if len(source) > COUNTED or not split.held_out_size or not split.training_size:
        return None
    measured = source.measured.joined(split.held_out, length)
    return kneser_ney(source.joined(split.training), measured, len(source.vocabulary))
