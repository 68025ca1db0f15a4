"""Models measured on one text, character by character, and so comparable whatever they were trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import COLD_WINDOW, COMPARED_LENGTH
from charrnn.errors import CorpusError, UsageError
from charrnn.evaluation.bootstrap import paired_difference
from charrnn.evaluation.byte_form import ByteForm
from charrnn.evaluation.measurement import Measurement, ModelMeasurement
from charrnn.evaluation.ngrams import Baseline, kneser_ney
from charrnn.evaluation.scoring import Score, ShareCallback, score
from charrnn.evaluation.unseen import Reader, first_of, same_places, unseen_text
from charrnn.formatting import BYTE, CHARACTER, common_unit
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.training_text import Read, TrainingText, find_training_text
from charrnn.text import corpus
from charrnn.text.code_points import utf8_size
from charrnn.text.corpus import Corpus
from charrnn.text.split import HeldOutSpan

_LEAD = 512  # characters read before the first that counts, where there are any
COUNTED = 20_000_000  # characters of a text, of which n-grams are counted and words collected in seconds, in memory

Bits = NDArray[np.float64]


def measure(
    paths: Sequence[Path],
    text: str | None = None,
    *,
    length: int = COMPARED_LENGTH,
    ngrams: bool = True,
    read: Read = corpus.read,
    load: Callable[[Path], Checkpoint] = checkpoint.load,
    progress: ShareCallback = lambda share: None,
) -> Measurement:
    """Measure checkpoints on one text; of a text that a model was trained on only the held-out part counts.

    Args:
        paths: The checkpoints, at least one.
        text: A path or known name; None: what the first of them held out.
        length: Characters of it, at most.
        ngrams: Whether networks that have counts are measured with them as well.
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
    readers = _readers(paths, text, read, load)
    first, forms = first_of(readers), dict[Path, ByteForm]()
    if all(_holds_out_like(reader.text, first.text) for reader in readers):
        corpus, spans, held_out = first.text.corpus.measured, first.text.split.held_out, True
    else:
        unseen = unseen_text(readers, length, read)
        corpus, spans, held_out, forms = unseen.corpus, unseen.spans, unseen.held_out, {**unseen.forms}
    parts = passages(corpus, spans, length)
    unit = common_unit(reader.header.vocabulary.unit for reader in readers) or CHARACTER
    # Nothing predicts the first character of a text but the boundary of documents.
    least = int(any(reader.header.vocabulary.boundary is None for reader in readers))
    counted = "".join(part if lead else part[least:] for lead, part in parts)
    characters, size = len(counted), utf8_size(counted)
    scale = characters / size if unit == BYTE else 1.0  # makes of bits per character what is told
    share = _share(progress, 2 * len(paths) * len(parts))
    measured = [_bits(load(path), ngrams, path, parts, least, forms.get(path), scale, share) for path in paths]
    best = min(measured, key=lambda model: model.carried[0].mean())
    having = [model for model in measured if len(model.carried) > 1]
    mixed_best = min(having, key=lambda model: model.carried[1].mean(), default=None)
    baseline = _counting(first.text, corpus, spans, length) if first.text.same else None
    return Measurement(
        text=first.text.corpus.name,
        held_out=held_out,
        characters=characters,
        bytes=size,
        unit=unit,
        models=tuple(_beside(model, best, mixed_best) for model in measured),
        best=best.path,
        mixed_best=mixed_best.path if mixed_best else None,
        order=baseline.order if baseline else None,
        ngrams=baseline.bits * baseline.measured_on / characters * scale if baseline else None,
    )


def _readers(paths: Sequence[Path], text: str | None, read: Read, load: Callable[[Path], Checkpoint]) -> list[Reader]:
    """The models, and the text as each has it read. Raises UsageError where that is to be its own, and has changed."""
    readings: dict[Any, TrainingText] = {}
    readers = []
    for path in paths:
        header = load(path).header
        training = header.training
        held_out = (training.val_frac, training.val_max, training.val_at, training.val_text)
        key = (header.reading, header.corpus.get("digest"), *held_out)
        if key not in readings:
            readings[key] = find_training_text(path, header, text, read)
        readers.append(Reader(path, header, readings[key]))
        if text is None and not readings[key].same:
            name = readings[key].corpus.name
            raise UsageError(f"{name}: is not what {path} was trained on.", "Name the text: --text FILE")
    return readers


def _holds_out_like(text: TrainingText, other: TrainingText) -> bool:
    """Whether a model was trained on the very text, and the same of it is held out as by another."""
    alike = text.corpus.config == other.corpus.config or text.corpus.documents == other.corpus.documents
    same_ids = text.corpus.vocabulary == other.corpus.vocabulary and same_places(text.corpus, other.corpus)
    return text.same and other.same and alike and same_ids and text.split == other.split


@dataclass(frozen=True, eq=False, slots=True)
class _ModelBits:
    """The bits of every measured character by one model; per byte, if those are told, their share of a character's.

    By the network and, if it has counts, by both together: (characters,) of each.
    """

    path: Path
    carried: list[Bits]
    cold: list[Bits]
    unseen: int  # how many it had never seen
    form: str | None


def _bits(
    loaded: Checkpoint,
    ngrams: bool,
    path: Path,
    parts: Sequence[tuple[str, str]],
    least: int,
    byte_form: ByteForm | None,
    scale: float,
    progress: ShareCallback,
) -> _ModelBits:
    """What a model makes of the parts of a text, each after what leads to it or its `least`; its bits times `scale`."""
    engine, vocabulary = Engine(loaded.header.model, loaded.weights), loaded.header.vocabulary
    mixture = loaded.mixture if ngrams else None

    def measured(lead: str, part: str, window: int | None = None) -> tuple[list[Bits], int]:
        """The bits of each character of a part, and how many of them are unseen."""
        text, count = lead + part, max(least, len(lead))
        if byte_form is None:
            scored = score(engine, vocabulary, text, lead=count, window=window, mixture=mixture, progress=progress)
            return _kinds(scored), int(scored.unseen.sum())
        encoded, sizes = byte_form.encode(text)
        first = int(sizes[:count].sum())
        scored = score(engine, vocabulary, encoded, lead=first, window=window, mixture=mixture, progress=progress)
        begins = (np.cumsum(sizes) - sizes)[count:] - first
        return [np.add.reduceat(bits, begins) for bits in _kinds(scored)], 0

    carried, cold = (
        [measured(*part) for part in parts],
        [measured(lead[-1:], part, COLD_WINDOW) for lead, part in parts],
    )
    form = vocabulary.form_of("".join(part for _, part in parts)).note("the text")
    return _ModelBits(
        path,
        [np.concatenate(bits) * scale for bits in zip(*(kinds for kinds, _ in carried), strict=True)],
        [np.concatenate(bits) * scale for bits in zip(*(kinds for kinds, _ in cold), strict=True)],
        sum(unseen for _, unseen in carried),
        byte_form.note() if byte_form else form,
    )


def _kinds(scored: Score) -> list[Bits]:
    """Of each character by the network and, if it has counts, by both together."""
    return [scored.bits, *([scored.mixed.bits] if scored.mixed else [])]


def _beside(model: _ModelBits, best: _ModelBits, mixed_best: _ModelBits | None) -> ModelMeasurement:
    """A model's figures, and how far it is from the best network, and with counts from the best that has any."""
    carried, *mixed_carried = model.carried
    cold, *mixed_cold = model.cold
    mixed_difference = None
    if mixed_best and mixed_carried and model is not mixed_best:
        mixed_difference = paired_difference(mixed_best.carried[1], mixed_carried[0])
    return ModelMeasurement(
        path=model.path,
        carried=float(carried.mean()),
        cold=float(cold.mean()),
        mixed_carried=float(mixed_carried[0].mean()) if mixed_carried else None,
        mixed_cold=float(mixed_cold[0].mean()) if mixed_cold else None,
        unseen=model.unseen,
        form=model.form,
        difference=None if model is best else paired_difference(best.carried[0], carried),
        mixed_difference=mixed_difference,
    )


def _share(progress: ShareCallback, count: int) -> ShareCallback:
    """The progress of one of so many equal parts of the work."""
    return lambda share: progress(share / count)


def held_out_parts(text: TrainingText, length: int) -> list[tuple[str, str]]:
    """What of a text is measured: what is held out; of a text that was not trained on, all.

    Args:
        text: The text.
        length: So many characters in all, at most.

    Returns:
        Each part, with what comes before it: (up to 512 characters to be read first, the part).

    Raises:
        CorpusError: Nothing of it is held out.
    """
    if text.same:
        return passages(text.corpus.measured, text.split.held_out, length)
    return passages(text.corpus, [HeldOutSpan(0, 0, len(text.corpus))], length)


def passages(source: Corpus, spans: Sequence[HeldOutSpan], length: int) -> list[tuple[str, str]]:
    """Spans of a text, as `held_out_parts` returns them, and raises."""
    parts, unpredicted = list[tuple[str, str]](), int(source.boundaries is None)
    if source.boundaries is not None:
        spans = [*source.without_boundaries(spans)]
    for context, start, end in spans:
        stop = min(end, start + length)
        begin = max(context, start - _LEAD)
        if stop > max(start, context + unpredicted):
            whole = source.vocabulary.decode(source.ids[begin:stop])
            cut = len(source.vocabulary.decode(source.ids[begin:start]))
            parts.append((whole[:cut], whole[cut:]))
            length -= stop - start
    if not parts:
        raise CorpusError(f"{source.name}: nothing of it is held out to be measured.", "Name another text: --text FILE")
    return parts


def counting(text: TrainingText) -> Baseline | None:
    """What counting alone achieves on the held-out part of a text.

    Args:
        text: The very text of a training.

    Returns:
        The best n-gram model and its bits per id, a character or a byte; none of a text too long to be counted.
    """
    return _counting(text, text.corpus.measured, text.split.held_out, None)


def _counting(
    text: TrainingText, measured: Corpus, spans: Sequence[HeldOutSpan], length: int | None
) -> Baseline | None:
    """The same of the first so many ids in spans of a text."""
    source, split = text.corpus, text.split
    ids = measured.joined(spans, length)
    if (
        len(source) > COUNTED
        or not len(ids)
        or not split.training_size
        or len(measured.vocabulary) != len(source.vocabulary)
    ):
        return None
    return kneser_ney(source.joined(split.training), ids, len(source.vocabulary))
