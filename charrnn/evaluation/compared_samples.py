"""Samples of several checkpoints after the same prime, and what they are made of beside real text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charrnn.errors import CheckpointError, CorpusError, DivergedError, UsageError
from charrnn.evaluation import novelty
from charrnn.evaluation.head_to_head import COUNTED, held_out_parts
from charrnn.evaluation.sample_statistics import SampleStatistics
from charrnn.evaluation.settings import text_key
from charrnn.network.engine import Engine
from charrnn.runs.checkpoint_file import CheckpointFile
from charrnn.runs.listing import CheckpointRow
from charrnn.runs.loaded import CheckpointLoader
from charrnn.runs.training_text import Read, TrainingText, find_training_text
from charrnn.sampling.generate import text_of
from charrnn.sampling.request import Request
from charrnn.text.lexicon import Lexicon

_PASSAGES = 20  # of real text, over which its statistics are a mean: those of one go up and down
_UNKNOWN = SampleStatistics(known_words=None, verbatim=None, repetition=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenSample:
    """What a checkpoint wrote."""

    file: CheckpointFile
    temperature: float
    prime: str  # as its vocabulary could take it
    text: str  # what follows the prime
    ngrams: bool = False  # whether the counts beside the network had a say


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedSample:
    """What one checkpoint wrote for the comparison, and what that is made of."""

    row: CheckpointRow
    temperature: float
    prime: str  # as its vocabulary could take it
    text: str  # what follows the prime, or leads up to it
    backward: bool  # whether it leads up to it
    ngrams: bool  # whether the counts beside the network had a say
    restored: bool  # whether the prime is a passage with hidden characters, and the text what was made of it
    statistics: SampleStatistics

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "run": self.row.run,
            "iteration": self.row.iteration,
            "path": str(self.row.path),
            "temperature": self.temperature,
            "prime": self.prime,
            "text": self.text,
            "backward": self.backward,
            "ngrams": self.ngrams,
            "restored": self.restored,
            "texture": self.statistics.to_dict(),
        }


def compared_samples(
    files: Sequence[CheckpointFile],
    rows: Mapping[Path, CheckpointRow],
    prime: str,
    request: Request,
    loader: CheckpointLoader,
    read: Read,
    notes: list[str],
    *,
    ngrams: bool | None = False,
) -> tuple[tuple[ComparedSample, ...], SampleStatistics]:
    """Have each checkpoint write what is requested, and look at what that is made of.

    Args:
        files: Who writes.
        rows: Of each file, by path.
        prime: What the samples begin with, or end with, as far as a vocabulary has it; "" is each one's default.
        request: How long, at which temperatures, and from which seed.
        loader: Where tensors come from; a checkpoint that cannot write is one of its problems.
        read: What reads the texts that were trained on, as `corpus.read` does.
        notes: Is added a line for each checkpoint that has never seen something of the prime.
        ngrams: Whether the counts beside the networks have a say; None: where they lower the held-out loss.

    Returns:
        The samples: those of a file, by temperature, after those of the one before; and what real text is made of.
    """
    written = _write(files, rows, prime, request, loader, notes, ngrams)
    statistics, real = statistics_of(written, read)
    samples = tuple(
        ComparedSample(
            row=rows[sample.file.path],
            temperature=sample.temperature,
            prime=sample.prime,
            text=sample.text,
            backward=sample.file.header.backward,
            ngrams=sample.ngrams,
            restored=sample.file.header.model.bidirectional,
            statistics=its,
        )
        for sample, its in zip(written, statistics, strict=True)
    )
    return samples, real


def _write(
    files: Sequence[CheckpointFile],
    rows: Mapping[Path, CheckpointRow],
    prime: str,
    request: Request,
    loader: CheckpointLoader,
    notes: list[str],
    ngrams: bool | None,
) -> list[WrittenSample]:
    """What each checkpoint writes."""
    samples: list[WrittenSample] = []
    for file in files if request.length != 0 else ():
        if (kept := file.header.sample) and file.header.model.bidirectional:  # a passage restored, always the same
            samples.append(WrittenSample(file=file, temperature=0.0, prime=kept.prime, text=kept.text))
        if file.header.model.bidirectional:
            continue
        row, vocabulary = rows[file.path], file.header.vocabulary
        fitted = vocabulary.form_of(prime, "replace").text or vocabulary.default_prime
        goes = "ended" if vocabulary.backward else "began"
        if prime and fitted != prime:
            notes.append(f"{row.label} does not know some characters of {prime!r}; it {goes} with {fitted!r}.")
        try:
            loaded = loader.load(file.path)
            engine, mixture = Engine(file.header.model, loaded.weights), loaded.chosen_mixture(ngrams)
            samples += [
                WrittenSample(
                    file=file,
                    temperature=written.temperature,
                    prime=fitted,
                    text=text_of(written.characters, vocabulary),
                    ngrams=written.ngrams,
                )
                for written in request.generate(engine, vocabulary, fitted, mixture)
            ]
        except (CheckpointError, DivergedError) as error:
            loader.problems.append(f"{row.label}: no sample; {error}")
    return samples


def statistics_of(samples: Sequence[WrittenSample], read: Read) -> tuple[list[SampleStatistics], SampleStatistics]:
    """What samples are made of, each looked up in the text that its own model was trained on.

    Args:
        samples: Of any checkpoints.
        read: What reads their texts, as `corpus.read` does.

    Returns:
        The statistics of each sample, with what can be told of it if the text is not there any longer; and those of
        held-out text, where all had the same.
    """
    statistics, of_real = [_UNKNOWN] * len(samples), []
    places_of_text: dict[tuple[Any, ...], list[int]] = {}
    for place, sample in enumerate(samples):
        places_of_text.setdefault(text_key(sample.file.header), []).append(place)
    for places in places_of_text.values():
        file, texts = samples[places[0]].file, [samples[place].text for place in places]
        try:
            of_these, real = beside_real_text(texts, find_training_text(file.path, file.header, read=read))
        except (UsageError, CorpusError):
            of_these, real = [SampleStatistics.of(text) for text in texts], _UNKNOWN
        of_real.append(real)
        for place, its in zip(places, of_these, strict=True):
            statistics[place] = its
    return statistics, of_real[0] if len(of_real) == 1 else _UNKNOWN


def beside_real_text(samples: Sequence[str], source: TrainingText) -> tuple[list[SampleStatistics], SampleStatistics]:
    """What samples are made of, and the same of held-out passages of their mean length, on average.

    Args:
        samples: Texts that a model wrote.
        source: The text that it was trained on. Of another text, and of one too long, only that is told which needs
            no looking up.

    Returns:
        The statistics of each sample, and those of real text.
    """
    passages: list[str] = []
    shares: list[float | None] = [None] * len(samples)
    lexicon: Lexicon | None = None
    if source.same and samples and len(source.corpus) <= COUNTED:
        corpus, length = source.corpus, max(1, sum(map(len, samples)) // len(samples))
        between = corpus.measured.vocabulary.boundary or ""
        text = between.join(part.text for part in held_out_parts(source, _PASSAGES * length))
        passages = [text[at : at + length] for at in range(0, len(text) - length + 1, length)]
        shares = [overlap.share for overlap in novelty.find([*samples, *passages], corpus, source.training)]
        lexicon = Lexicon.of(corpus, source.training, source.split.held_out, limit=None, piece=None)
    statistics = [
        SampleStatistics.of(text, lexicon, share) for text, share in zip([*samples, *passages], shares, strict=True)
    ]
    real = statistics[len(samples) :]
    return statistics[: len(samples)], SampleStatistics(
        known_words=_mean([passage.known_words for passage in real]),
        known_trigrams=_mean([passage.known_trigrams for passage in real]),
        verbatim=_mean([passage.verbatim for passage in real]),
        repetition=_mean([passage.repetition for passage in real]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of what is known."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
