"""Typing and OCR errors: where a text is likelier mended than as it stands, to models that read from either side.

`both_sides` finds the places; here each edit is judged exactly. With the text as it stands T and mended M,

    gain = (log P_f(M) - log P_f(T) + log P_b(M) - log P_b(T)) / 2 - log(ways),

in nats, the geometric mean of both models' likelihoods, as `sampling.fill` has it, over a window: what both read before
it is the same, and further characters hardly depend on it. `ways` is how many slips by chance would have had the same
chance, V where the slip put a character in (a wrong or a surplus one), else 1 (Kernighan, Church and Gale, 1990). A
character that was never seen costs what `scoring` charges for it, on both sides. A gain of log((1 - e) / e) or more
says that the slip is likelier than not where a share e of all characters is damaged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.evaluation.both_sides import UNSEEN, BothSides, Candidate, Edit, Slip
from charrnn.evaluation.scoring import ShareCallback
from charrnn.formatting import bits
from charrnn.sampling.side import Ids, Side
from charrnn.text.vocabulary import Vocabulary

_READ, _JUDGED = 64, 12  # characters that are read before an edit, and judged behind it
_APART = 2  # characters: nearer to a suspect there is no other
_AROUND = 24  # characters of context that are shown on either side
_SPARE = 4  # places that are judged for each suspect that is asked for, and at least
_LEAST = 40


def places_for(count: int) -> int:
    """How many candidates to judge where so many suspects are wanted."""
    return max(_LEAST, _SPARE * count) if count else 0


@dataclass(frozen=True, slots=True)
class Suspect:
    """A place that is likelier mended, and what mends it best."""

    slip: Slip  # what was done to the text
    position: int  # of a character in the whole text, from 0
    line: int  # from 1
    column: int  # from 1
    written: str  # what stands there; "" where something is missing
    correction: str  # what is likely meant; "" where something is too much
    gain: float  # bits: how much likelier the text is mended, with the ways to err
    before: str
    after: str

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def mended(
    forward: Side,
    backward: Side,
    vocabulary: Vocabulary,
    judged: BothSides,
    candidate: Candidate,
) -> tuple[Edit, float]:
    """The edit that makes a text likeliest in a place, and its gain in nats, below 0 where the text is best as it is.

    Raises DivergedError.
    """
    ids, edits = judged.ids, candidate.edits
    start, stop = min(edit.start for edit in edits), max(edit.stop for edit in edits)
    begin = [] if vocabulary.boundary_id is None else [vocabulary.boundary_id]
    first, last = begin if start <= _READ else [], begin if stop + _READ >= len(ids) else []
    before = [*first, *ids[max(0, start - _READ) : start].tolist()]
    after = [*last, *ids[stop : stop + _READ][::-1].tolist()]
    preceding, following = before[::-1][:_JUDGED], after[::-1][:_JUDGED]
    middles = [[*ids[start : edit.start], *edit.ids, *ids[edit.stop : stop]] for edit in edits]
    middles.append([*ids[start:stop]])
    likelihood = _judge(forward, judged.common, before, [[*middle, *following] for middle in middles])
    likelihood += _judge(backward, judged.common, after, [[*middle[::-1], *preceding] for middle in middles])
    gains = (likelihood[:-1] - likelihood[-1]) / 2
    for number, edit in enumerate(edits):
        if edit.slip != "transposition":
            gains[number] += UNSEEN * sum(judged.unseen[edit.start : edit.stop])
        if edit.slip in ("substitution", "insertion"):
            gains[number] -= math.log(len(vocabulary))
    best = int(gains.argmax())
    return edits[best], gains.item(best)


def _judge(
    side: Side, common: NDArray[np.float64], before: Ids, sequences: Sequence[Sequence[int]]
) -> NDArray[np.float64]:
    """How likely sequences are after some ids, (len(sequences),); after none, each first id is as it is common."""
    if before:
        return side.judge(side.engine.read(before), sequences)
    likelihood = np.zeros(len(sequences))
    for first in {sequence[0] for sequence in sequences}:
        beginning = [number for number, sequence in enumerate(sequences) if sequence[0] == first]
        state = side.engine.read([first])
        likelihood[beginning] = common[first] + side.judge(state, [sequences[number][1:] for number in beginning])
    return likelihood


def find(
    forward: Side,
    backward: Side,
    vocabulary: Vocabulary,
    judged: BothSides,
    count: int,
    *,
    progress: ShareCallback = lambda share: None,
) -> list[Suspect]:
    """The likeliest errors of a text.

    Args:
        forward: The model that reads from the beginning.
        backward: That which reads from the end.
        vocabulary: That of both.
        judged: What they make of the text, with candidates.
        count: How many, at most.
        progress: Is told what share of the work has been done since it was last told.

    Returns:
        Those of the largest gain, none below 0, the largest first; of any two that lie side by side only one.

    Raises:
        DivergedError: The outputs of a model are not numbers.
    """
    found: list[tuple[float, Edit]] = []
    for candidate in judged.candidates:
        edit, gain = mended(forward, backward, vocabulary, judged, candidate)
        found.append((gain, edit))
        progress(1 / len(judged.candidates))
    found.sort(key=lambda suspect: (-suspect[0], suspect[1].start))
    taken: list[tuple[float, Edit]] = []
    for gain, edit in found:
        if len(taken) == count or gain <= 0:
            break
        if all(edit.stop + _APART < other.start or edit.start > other.stop + _APART for _, other in taken):
            taken.append((gain, edit))
    return [_suspect(vocabulary, judged, edit, gain) for gain, edit in taken]


def _suspect(vocabulary: Vocabulary, judged: BothSides, edit: Edit, gain: float) -> Suspect:
    """An edit of ids as one of characters."""
    text = judged.score.text
    at = max(0, int(np.searchsorted(judged.starts, edit.start, "right")) - 1)
    start, stop = (int(np.searchsorted(judged.starts, place, "left")) for place in (edit.start, edit.stop))
    written = text[start:stop]
    return Suspect(
        slip=edit.slip,
        position=at,
        line=text.count("\n", 0, at) + 1,
        column=at - (text.rfind("\n", 0, at) + 1) + 1,
        written=written,
        correction=vocabulary.decode(np.array(edit.ids, dtype=np.intp)),
        gain=bits(gain),
        before=text[max(0, start - _AROUND) : start],
        after=text[stop : stop + _AROUND],
    )
