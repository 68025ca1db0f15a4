"""A held-out passage as a model read it: in shades of surprise, with the places it least expected."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.errors import CharrnnError, CorpusError
from charrnn.evaluation.scoring import Place, most_surprising, score
from charrnn.network.engine import Engine
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.training_text import TrainingText, find_training_text

SHADES = (1.0, 2.0, 4.0, 6.0)  # bits from which a character is one shade darker
_LENGTH = 1500  # characters that are shown
_LEAD = 500  # characters that are read before them
_SEEK = 400  # characters in which the passage may look for the beginning of a line
_PLACES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """Held-out text, in pieces of one shade: how many of SHADES its characters reach."""

    name: str  # of the text
    begins: int  # so many characters (bytes, of a text of bytes) after its beginning
    pieces: tuple[tuple[int, str], ...]
    bits: float  # per character, on average
    places: tuple[Place, ...]  # the most surprising first


def held_out(loaded: Checkpoint, engine: Engine) -> Passage | str:
    """The beginning of the longest held-out part of the text a checkpoint was trained on, or why there is none to show.

    Only the very same text is shown: what a run that others made names may be any file of this machine. Raises
    DivergedError for a model whose outputs are not numbers.
    """
    try:
        found = find_training_text(loaded.path, loaded.header)
    except CharrnnError as error:
        return str(error).removesuffix(" Name it: --text FILE")
    except (TypeError, ValueError):
        return "its resume file is damaged, which says where its text is."
    if not found.same:
        return f"{found.corpus.name}: the text has changed since, or is another."
    try:
        return _read(loaded, engine, found)
    except CorpusError:
        return "nothing of its text was held out."


def _read(loaded: Checkpoint, engine: Engine, found: TrainingText) -> Passage:
    """Raises CorpusError if nothing was held out."""
    source = found.corpus
    decode, ids = source.vocabulary.decode, source.ids
    first, start, stop = max(found.split.held_out, key=lambda span: span.size)
    start = max(start, first + 1)  # nothing predicts the first
    if "\n" in source.vocabulary:
        newline = source.vocabulary.encode("\n")[0]
        ends = np.flatnonzero(np.asarray(ids[start : max(start, min(stop - 1, start + _SEEK))]) == newline)
        start += int(ends[0]) + 1 if len(ends) else 0
    lead = decode(ids[max(first, start - _LEAD) : start])
    text = decode(ids[start : min(stop, start + _LENGTH)])
    scored = score(engine, loaded.header.vocabulary, lead + text, lead=len(lead))
    return Passage(
        name=source.name,
        begins=start,
        pieces=shaded(scored.text, scored.bits.tolist()),
        bits=scored.bits_per_character,
        places=tuple(most_surprising(scored, _PLACES)),
    )


def shaded(text: str, bits: Sequence[float]) -> tuple[tuple[int, str], ...]:
    """A text in pieces of one shade each: how many of SHADES its characters reach.

    >>> shaded("abcd", [0.5, 1.0, 1.5, 9.0])
    ((0, 'a'), (1, 'bc'), (4, 'd'))
    """
    shades = [sum(value >= least for least in SHADES) for value in bits]
    pieces = itertools.groupby(zip(shades, text, strict=True), key=lambda pair: pair[0])
    return tuple((shade, "".join(character for _, character in pairs)) for shade, pairs in pieces)
