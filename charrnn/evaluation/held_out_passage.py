"""A held-out passage as a model read it: in shades of surprise, with the places it least expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.errors import CharrnnError, CorpusError
from charrnn.evaluation.scoring import Score, score, score_each
from charrnn.evaluation.surprising_places import Place, most_surprising
from charrnn.formatting import shaded
from charrnn.network.engine import Engine
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.training_text import TrainingText, find_training_text
from charrnn.text.corpus import Corpus
from charrnn.text.split import HeldOutSpan

_LENGTH = 1500  # characters that are shown
_LEAD = 500  # characters that are read before them, or behind them by a model that reads from the end
_SEEK = 400  # characters in which the passage may look for the beginning of a line
_PLACES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOutPassage:
    """Held-out text, in pieces of one shade of surprise (`formatting.shaded`)."""

    name: str  # of the text
    begins: int  # so many characters (bytes, of a text of bytes) after its beginning
    pieces: tuple[tuple[int, str], ...]
    bits: float  # per character (byte, of a model of bytes), on average
    places: tuple[Place, ...]  # the most surprising first


def own_text(loaded: Checkpoint) -> TrainingText | str:
    """The very text that a checkpoint was trained on.

    Only that is shown: what a run that others made names may be any file of this machine.

    Args:
        loaded: The checkpoint.

    Returns:
        The text, or why there is none to show, in a sentence.
    """
    try:
        source = find_training_text(loaded.path, loaded.header)
    except CharrnnError as error:
        return error.what
    except (TypeError, ValueError):
        return "its resume file is damaged, which says where its text is."
    if not source.same:
        return f"{source.corpus.name}: the text has changed since, or is another."
    return source


def held_out_passage(loaded: Checkpoint, engine: Engine, source: TrainingText) -> HeldOutPassage | str:
    """The beginning of the longest held-out part of the text that a checkpoint was trained on, as it reads it.

    Args:
        loaded: The checkpoint.
        engine: Its network.
        source: Its very text.

    Returns:
        The passage, or why there is none to show, in a sentence.

    Raises:
        DivergedError: The outputs of the model are not numbers.
    """
    try:
        return _read(loaded, engine, source)
    except CorpusError:
        return "nothing of its text was held out."


def _read(loaded: Checkpoint, engine: Engine, source: TrainingText) -> HeldOutPassage:
    """The passage of a text. Raises CorpusError if nothing was held out."""
    measured = source.corpus.measured
    vocabulary, ids = measured.vocabulary, measured.ids
    spans = source.split.held_out
    if not spans:
        raise CorpusError("nothing is held out.")
    if measured.boundaries is not None:
        return _read_documents(loaded, engine, measured, list(measured.without_boundaries(spans)))
    context, start, stop = max(spans, key=lambda span: span.size)
    start = max(start, context + 1)  # nothing predicts the first
    if "\n" in vocabulary:
        newline = vocabulary.encode("\n")[0]
        ends = np.flatnonzero(np.asarray(ids[start : max(start, min(stop - 1, start + _SEEK))]) == newline)
        start += int(ends[0]) + 1 if len(ends) else 0
    stop = min(stop, start + _LENGTH)
    text = vocabulary.decode(ids[start:stop])
    if loaded.header.backward:
        lead = vocabulary.decode(ids[stop : stop + _LEAD])
        scored = score(engine, loaded.header.vocabulary, text + lead, lead=len(lead) or None)
    else:
        lead = vocabulary.decode(ids[max(context, start - _LEAD) : start])
        scored = score(engine, loaded.header.vocabulary, lead + text, lead=len(lead))
    return HeldOutPassage(
        name=measured.name,
        begins=start,
        pieces=shaded(scored.by_cluster()),
        bits=scored.bits_per(loaded.header.vocabulary.unit),
        places=tuple(most_surprising(scored, _PLACES)),
    )


def _read_documents(
    loaded: Checkpoint, engine: Engine, measured: Corpus, documents: Sequence[HeldOutSpan]
) -> HeldOutPassage:
    """The longest held-out document; or the first ones, each read by itself, where they are short."""
    longest = max(documents, key=lambda document: document.size)
    chosen, size = [longest], longest.size
    if size < _LENGTH // 2:
        chosen, size = [], 0
        for document in documents:
            if size >= _LENGTH:
                break
            chosen.append(document)
            size += document.size
    vocabulary = measured.vocabulary
    texts = [vocabulary.decode(measured.ids[start : min(stop, start + _LENGTH)]) for _, start, stop in chosen]
    scores = score_each(engine, loaded.header.vocabulary, texts)
    between = vocabulary.boundary or ""
    nothing = Score(between, np.zeros(len(between)), np.zeros(len(between), dtype=np.bool_))
    shown = _joined([part for scored in scores for part in (nothing, scored)][1:])
    return HeldOutPassage(
        name=measured.name,
        begins=chosen[0].start,
        pieces=shaded(shown.by_cluster()),
        bits=_joined(scores).bits_per(loaded.header.vocabulary.unit),
        places=tuple(most_surprising(shown, _PLACES)),
    )


def _joined(scores: Sequence[Score]) -> Score:
    """Several texts as one."""
    return Score(
        "".join(scored.text for scored in scores),
        np.concatenate([scored.bits for scored in scores]),
        np.concatenate([scored.unseen for scored in scores]),
    )
