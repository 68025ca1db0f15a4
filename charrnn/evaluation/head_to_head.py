"""Models measured on one text, character by character, and so comparable whatever they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError, UsageError
from charrnn.evaluation import novelty
from charrnn.evaluation.bootstrap import Difference, paired_difference
from charrnn.evaluation.ngrams import kneser_ney
from charrnn.evaluation.sample_statistics import SampleStatistics, texture
from charrnn.evaluation.scoring import ShareCallback, score
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.runs.training_text import Read, TrainingText, find_training_text
from charrnn.text import corpus
from charrnn.text.corpus import HeldOutSpan
from charrnn.text.words import words_of

LENGTH = 50_000  # characters, so that a difference of 0.01 bits is told from none, in seconds
_LEAD = 512  # characters read before the first that counts, where there are any
_WINDOW = 256  # of the cold loss, as charrnn.training.validation has it
_COUNTED = 20_000_000  # characters of a text, of which n-grams are counted and words collected in seconds, in memory
_PASSAGES = 20  # of real text, over which its texture is a mean: that of one goes up and down

Bits = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelMeasurement:
    """One model on the text. In bits per character."""

    path: Path
    carried: float  # the state carried from character to character
    cold: float  # in windows of 256 that begin with a zero state
    unseen: int  # characters that the model had never seen, each charged 20.1 bits (charrnn.evaluation.scoring)
    behind: Difference | None  # its bits less those of the best; None for the best itself


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """What all were measured on, and how they did."""

    text: str
    held_out: bool  # whether it is the held-out part of a text they were trained on
    characters: int
    models: tuple[ModelMeasurement, ...]  # in the order asked for
    best: Path
    order: int | None  # of the best n-gram model of the training text
    ngrams: float | None  # its bits per character

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self) | {
            "best": str(self.best),
            "models": [asdict(one) | {"path": str(one.path)} for one in self.models],
        }


def measure(
    paths: Sequence[Path],
    text: str | None = None,
    *,
    length: int = LENGTH,
    read: Read = corpus.read,
    progress: ShareCallback = lambda share: None,
) -> Measurement:
    """Measure checkpoints on `text`, a path or known name, or on what the first of them held out, up to `length`
    characters of it; `progress` is told what share of the work has been done since it was last told.

    Of a text that a model was trained on only the held-out part counts. Raises UsageError if the models would read
    different characters, if nothing says where the text is or it has changed since; CorpusError, CheckpointError.
    """
    if length < 2:
        raise UsageError(f"--text-length {length}: at least 2 characters.")
    parts: list[tuple[str, str]] = []
    found: TrainingText | None = None
    bits: list[tuple[Bits, Bits, int]] = []
    readings: dict[Any, TrainingText] = {}
    for path in paths:
        kept = checkpoint.load(path)
        header = kept.header
        key = (header.reading, header.corpus.get("digest"), header.training.val_frac, header.training.val_max)
        if key not in readings:
            readings[key] = find_training_text(path, header, text, read)
        found = found or readings[key]
        if text is None and not readings[key].same:
            raise UsageError(f"{readings[key].corpus.name}: is not what {path} was trained on. Name it: --text FILE")
        here = _parts(readings[key], length)
        parts = parts or here
        if here != parts:
            raise UsageError("these models were trained on, or read, different texts. Name one for all: --text FILE")
        engine, vocabulary = Engine(kept.header.model, kept.weights), kept.header.vocabulary
        done = _share(progress, 2 * len(paths) * len(parts))
        carried = [
            score(engine, vocabulary, lead + part, lead=max(1, len(lead)), progress=done) for lead, part in parts
        ]
        cold = [score(engine, vocabulary, lead[-1:] + part, window=_WINDOW, progress=done) for lead, part in parts]
        joined = [np.concatenate([one.bits for one in scores]) for scores in (carried, cold)]
        bits.append((joined[0], joined[1], sum(int(one.unseen.sum()) for one in carried)))
    assert found is not None
    best = min(range(len(bits)), key=lambda number: bits[number][0].mean())
    order, ngrams = _counting(found, parts) if found.same else (None, None)
    return Measurement(
        text=found.corpus.name,
        held_out=found.same,
        characters=len(bits[0][0]),
        models=tuple(
            ModelMeasurement(
                path=path,
                carried=float(carried.mean()),
                cold=float(cold.mean()),
                unseen=unseen,
                behind=None if number == best else paired_difference(bits[best][0], carried),
            )
            for number, (path, (carried, cold, unseen)) in enumerate(zip(paths, bits, strict=True))
        ),
        best=paths[best],
        order=order,
        ngrams=ngrams,
    )


def _share(progress: ShareCallback, count: int) -> ShareCallback:
    return lambda share: progress(share / count)


def _parts(found: TrainingText, length: int) -> list[tuple[str, str]]:
    """What is measured, up to so many characters in all: each part with what comes before it."""
    source, parts = found.corpus, list[tuple[str, str]]()
    spans = found.split.held_out if found.same else [HeldOutSpan(0, 0, len(source))]
    for first, start, stop in spans:
        stop = min(stop, start + length)
        begin = max(first, start - _LEAD)
        if stop - max(start, first + 1) > 0:
            text = source.vocabulary.decode(source.ids[begin:stop])
            cut = len(source.vocabulary.decode(source.ids[begin:start]))
            parts.append((text[:cut], text[cut:]))
            length -= stop - start
    if not parts:
        raise CorpusError(f"{source.name}: nothing of it is held out to be measured. Name another text: --text FILE")
    return parts


def _counting(found: TrainingText, parts: list[tuple[str, str]]) -> tuple[int | None, float | None]:
    """The order and bits of the best n-gram model; none of a text too long to be counted, or in several documents."""
    source = found.corpus
    if len(found.split.training) > 1 or len(source) > _COUNTED:
        return None, None
    start = found.split.training[0].stop
    ids = source.ids[0 : start + len(source.vocabulary.encode(parts[0][1]))]
    baseline = kneser_ney(ids[:start], ids[start:], len(source.vocabulary))
    return baseline.order, baseline.bits


def textures(samples: Sequence[str], found: TrainingText) -> tuple[list[SampleStatistics], SampleStatistics]:
    """What samples are made of, and the same of held-out passages of their mean length, on average.

    Of another text than the one trained on, and of one too long, it is only told what needs no looking up."""
    passages: list[str] = []
    shares: list[float | None] = [None] * len(samples)
    training_words: frozenset[str] | None = None
    if found.same and samples and len(found.corpus) <= _COUNTED:
        source, length = found.corpus, max(1, sum(map(len, samples)) // len(samples))
        text = "".join(part for _, part in _parts(found, _PASSAGES * length))
        passages = [text[at : at + length] for at in range(0, len(text) - length + 1, length)]
        looked_up = novelty.find([*samples, *passages], source, found.training)
        shares = [one.share for one in looked_up]
        ids = (source.ids[start:stop] for start, stop in found.training)
        training_words = frozenset(word for part in ids for word in words_of(source.vocabulary.decode(part)))
    made = [texture(one, training_words, share) for one, share in zip([*samples, *passages], shares, strict=True)]
    real = made[len(samples) :]
    return made[: len(samples)], SampleStatistics(
        known_words=_mean([one.known_words for one in real]),
        found=_mean([one.found for one in real]),
        repetition=_mean([one.repetition for one in real]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
