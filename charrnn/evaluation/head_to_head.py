"""Models measured on one text, character by character, and so comparable whatever they were trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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
from charrnn.text.vocabulary import Vocabulary

_LEAD = 512  # characters read before the first that counts, or behind the last, where there are any
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
    unit = common_unit(reader.header.vocabulary.unit for reader in readers) or CHARACTER
    parts = _counted(passages(corpus, spans, length), [reader.header.vocabulary for reader in readers], corpus.name)
    counted = "".join(part.text for part in parts)
    characters, size = len(counted), utf8_size(counted)
    scale = characters / size if unit == BYTE else 1.0  # makes of bits per character what is told
    share = _share(progress, 2 * len(paths) * len(parts))
    measured = [_bits(load(path), ngrams, path, parts, forms.get(path), scale, share) for path in paths]
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
    parts: Sequence[Part],
    byte_form: ByteForm | None,
    scale: float,
    progress: ShareCallback,
) -> _ModelBits:
    """What a model makes of the parts of a text, each after what leads to it; its bits times `scale`."""
    engine, vocabulary = Engine(loaded.header.model, loaded.weights), loaded.header.vocabulary
    mixture = loaded.mixture if ngrams else None

    def measured(part: Part, window: int | None = None) -> tuple[list[Bits], int]:
        """The bits of each character of a part, and how many of them are unseen."""
        before, after = (part.before, part.after) if window is None else (part.before[-1:], part.after[:1])
        text, lead = (part.text + after, after) if vocabulary.backward else (before + part.text, before)
        if byte_form is None:
            scored = score(engine, vocabulary, text, lead=len(lead), window=window, mixture=mixture, progress=progress)
            return _kinds(scored), int(scored.unseen.sum())
        encoded, sizes = byte_form.encode(text)
        first = int(sizes[vocabulary.order][: len(lead)].sum())
        scored = score(engine, vocabulary, encoded, lead=first, window=window, mixture=mixture, progress=progress)
        own = sizes[len(before) :] if not vocabulary.backward else sizes[: len(part.text)]
        return [np.add.reduceat(bits, np.cumsum(own) - own) for bits in _kinds(scored)], 0

    carried, cold = [measured(part) for part in parts], [measured(part, COLD_WINDOW) for part in parts]
    form = vocabulary.form_of("".join(part.text for part in parts)).note("the text")
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


class Part(NamedTuple):
    """Some of a text that is measured, with what is read to lead to it: up to 512 characters on either side."""

    before: str
    text: str
    after: str  # read by a model that reads from the end


def _counted(parts: Sequence[Part], vocabularies: Sequence[Vocabulary], name: str) -> list[Part]:
    """The parts without what follows nothing that one of the models reads. Raises CorpusError if nothing is left.

    Nothing predicts the character of a text that is read first, but the boundary of documents.
    """
    first, last = (
        int(any(known.boundary is None for known in vocabularies if known.backward == backward))
        for backward in (False, True)
    )
    counted = list[Part]()
    for before, text, after in parts:
        begin, end = (0 if before else first), len(text) - (0 if after else last)
        if begin < end:
            counted.append(Part(before + text[:begin], text[begin:end], text[end:] + after))
    if not counted:
        raise _nothing_held_out(name)
    return counted


def held_out_parts(text: TrainingText, length: int) -> list[Part]:
    """What of a text is measured: what is held out; of a text that was not trained on, all.

    Args:
        text: The text.
        length: So many characters in all, at most.

    Returns:
        Each part, with what is around it.

    Raises:
        CorpusError: Nothing of it is held out.
    """
    if text.same:
        return passages(text.corpus.measured, text.split.held_out, length)
    return passages(text.corpus, [HeldOutSpan(0, 0, len(text.corpus))], length)


def passages(source: Corpus, spans: Sequence[HeldOutSpan], length: int) -> list[Part]:
    """Spans of a text, as `held_out_parts` returns them, and raises."""
    parts, unpredicted, known = list[Part](), int(source.boundaries is None), source.vocabulary
    if source.boundaries is not None:
        spans = [*source.without_boundaries(spans)]
    for context, start, end in spans:
        stop = min(end, start + length)
        begin, behind = max(context, start - _LEAD), _behind(source, stop)
        if stop > max(start, context + unpredicted):
            whole = known.decode(source.ids[begin:stop])
            cut = len(known.decode(source.ids[begin:start]))
            parts.append(Part(whole[:cut], whole[cut:], known.decode(source.ids[stop:behind])))
            length -= stop - start
    if not parts:
        raise _nothing_held_out(source.name)
    return parts


def _behind(source: Corpus, stop: int) -> int:
    """Up to where what stands behind a part is read: not beyond the end of its document."""
    end = min(len(source), stop + _LEAD)
    if source.boundaries is not None:
        return min(end, int(source.boundaries[np.searchsorted(source.boundaries, stop)]))
    if source.apart:
        ends = (document.start + document.characters for document in source.documents)
        return min(end, next((at for at in ends if at >= stop), end))
    return end


def _nothing_held_out(name: str) -> CorpusError:
    return CorpusError(f"{name}: nothing of it is held out to be measured.", "Name another text: --text FILE")


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
