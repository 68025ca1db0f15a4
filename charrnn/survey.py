"""What is worth knowing of a text before training on it: its size and characters, what is odd about it, how far
counting gets, and how long networks would take to learn it on this machine."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from charrnn import ngrams
from charrnn.config import ModelConfig, TrainConfig
from charrnn.corpus import Corpus
from charrnn.diagnosis import Finding, diagnose, rare
from charrnn.errors import CorpusError
from charrnn.ngrams import Baseline
from charrnn.vocabulary import Ids

if TYPE_CHECKING:
    from charrnn.training import Training

WIDTHS = (128, 192, 256, 384, 512)  # of the networks that are tried, two layers each
_COUNTED = 5_000_000  # characters of training text that n-grams are counted in: those before the held-out text
_MEASURED = 1_000_000  # characters of held-out text that n-grams are measured on
_RARE = 5  # characters that occur fewer times are told one by one
# Characters read for every parameter. On tinyshakespeare the widest that read 1.1 or more learned most, in 60 s (256)
# and in 180 s (384); one that read 0.2 came last (bench/sizes.md).
_ENOUGH = 1.0
_SETTLING = 3  # iterations that set memory and threads up
_SECONDS = 1.5  # of real iterations behind a speed, at least
_FEWEST = 5  # iterations behind a speed, at least


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A network that was trained on the text for a moment."""

    layers: int
    width: int
    parameters: int
    speed: float  # characters a second
    iterations: int  # of a whole training with the default settings
    epochs: float  # times that it reads the training text
    seconds: float  # that it would take


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """Everything `charrnn corpora check` tells but the trials."""

    name: str
    characters: int  # bytes, if the text is read as bytes
    documents: int
    shortest: int  # document
    longest: int
    encodings: tuple[str, ...]
    held_out: int
    distinct: int
    common: tuple[tuple[str, int], ...]  # the most frequent characters and how often they occur
    rare: tuple[tuple[str, int], ...]  # those that occur fewer than 5 times, rarest first
    unknown: int  # characters that --min-count makes the unknown symbol
    findings: tuple[Finding, ...]
    baseline: Baseline | None  # None without held-out text
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return dataclasses.asdict(self)


def survey(corpus: Corpus, config: TrainConfig | None = None) -> Survey:
    """Look a text over. `config` says what is held out."""
    tails = corpus.tails((config or TrainConfig()).val_frac, (config or TrainConfig()).val_max)
    lengths = [one.characters for one in corpus.documents]
    order = np.argsort(-corpus.counts, kind="stable")
    counted = [
        (corpus.alphabet.characters[index], int(corpus.counts[index])) for index in order if corpus.counts[index]
    ]
    return Survey(
        name=corpus.name,
        characters=len(corpus),
        documents=len(corpus.documents),
        shortest=min(lengths),
        longest=max(lengths),
        encodings=tuple(sorted({one.encoding for one in corpus.documents})),
        held_out=sum(stop - start for _, start, stop in tails),
        distinct=len(counted),
        common=tuple(counted[:20]),
        rare=tuple(rare(corpus, _RARE)),
        unknown=len(corpus.alphabet) - len(corpus.vocabulary) + 1 if corpus.vocabulary.unknown else 0,
        findings=tuple(diagnose(corpus)),
        baseline=_baseline(corpus, tails),
        notes=corpus.notes,
    )


def _baseline(corpus: Corpus, tails: Sequence[tuple[int, int, int]]) -> Baseline | None:
    """N-grams counted in the training text just before the held-out text; of documents, in the first ones."""
    if corpus.config.documents:
        counted = _joined(corpus, [(first, start) for first, start, _ in tails], _COUNTED)
    else:
        _, start, _ = tails[0]
        counted = corpus.ids[max(0, start - _COUNTED) : start]
    measured = _joined(corpus, [(start, stop) for _, start, stop in tails], _MEASURED)
    if not len(counted) or not len(measured):
        return None
    return ngrams.kneser_ney(counted, measured, len(corpus.vocabulary))


def _joined(corpus: Corpus, spans: Sequence[tuple[int, int]], most: int) -> Ids:
    pieces = [corpus.ids[:0]]
    for start, stop in spans:
        stop = min(stop, start + most)
        pieces.append(corpus.ids[start:stop])
        most -= stop - start
        if not most:
            break
    return cast(Ids, np.concatenate(pieces))


def trials(corpus: Corpus, config: TrainConfig | None = None, widths: Sequence[int] = WIDTHS) -> Iterator[Trial]:
    """Train networks of several widths for some real iterations each, and tell how long a training would take.

    Yields nothing for a text too short to train on."""
    from charrnn.training import Training

    for width in widths:
        model = ModelConfig(rnn_size=width)
        try:
            training = Training(corpus, model, config or TrainConfig())
        except CorpusError:
            return
        seconds = _seconds_an_iteration(training)
        iterations = training.config.iterations
        yield Trial(
            layers=model.num_layers,
            width=width,
            parameters=training.parameters,
            speed=training.characters / training.iteration / seconds,
            iterations=iterations,
            epochs=iterations / training.streams.per_epoch,
            seconds=iterations * seconds,
        )


def suggest(tried: Sequence[Trial], seconds: float, config: TrainConfig | None = None) -> tuple[Trial, int]:
    """The network to train for so many seconds, and for how many iterations: the widest of `tried`, at least one, that
    reads enough characters for its parameters in that time, else the narrowest."""
    enough = [one for one in tried if one.speed * seconds >= _ENOUGH * one.parameters]
    chosen = max(enough, key=lambda one: one.width) if enough else min(tried, key=lambda one: one.width)
    config = config or TrainConfig()
    return chosen, max(1, round(chosen.speed * seconds / (config.batch_size * config.seq_length)))


def _seconds_an_iteration(training: Training) -> float:
    for _ in range(_SETTLING):
        training.step()
    began, at = time.perf_counter(), training.iteration
    while (passed := time.perf_counter() - began) < _SECONDS or training.iteration - at < _FEWEST:
        training.step()
    return passed / (training.iteration - at)
