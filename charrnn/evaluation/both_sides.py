"""A text judged from both sides: each character by two models, of what is before it and of what is after it.

If what is before a character and what is after it had nothing to do with each other but through that character, then

    P(c | before, after)  proportional to  P_f(c | before) P_b(c | after) / P(c),

normalised over the vocabulary, with P(c), how common the character is: the mean of what both models expect over the
text (of a long one its first part). It is not so, quite; but a slip of the pen stands out from both sides. The bits
of a character, -log2 P(c | before, after), are no code length: nobody could decode a text by them.

Where a text may be damaged is said by four gains, in nats: how much likelier it would be, by the same assumption, with
another character in this place, with one more before it, without it, or with it and the next one the other way round.
From each is taken how many ways there are of making such a slip by chance (Kernighan, Church and Gale, 1990): a wrong
or surplus character is any of V. `suspects` makes the best of them exact. What is missing before the first character or
behind the last is not looked for: there is no place that says what stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.evaluation.scoring import UNSEEN_BITS, Score, ShareCallback, by_character, carried_rows
from charrnn.formatting import bits
from charrnn.network.engine import RecurrentStack
from charrnn.sampling.chain import log_softmax
from charrnn.sampling.side import Ids, Side
from charrnn.text.model_input import model_input
from charrnn.text.vocabulary import Vocabulary

Slip = Literal[
    "substitution", "deletion", "insertion", "transposition"
]  # what was done to the text, not what undoes it
WARMUP = 512  # characters that a row reads before those it predicts, as in `scoring`
UNSEEN = UNSEEN_BITS * math.log(2)  # nats
_LEAST = 8192  # characters of a part
_MOST = 1 << 23  # log-probabilities of one side that are in memory, 32 MB
_BEST = 6  # characters that are tried in a place, of those that both sides expect

LogProbs = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Edit:
    """The ids [start, stop) of a text replaced."""

    slip: Slip
    start: int
    stop: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that may be damaged, and what may mend it."""

    place: int  # of an id
    gain: float  # nats, by both sides' expectations alone; above 0 where the mended text is likelier
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True, eq=False)
class BothSides:
    """What two models make of a text."""

    score: Score  # all its characters; the bits of each from both sides
    one_side: tuple[
        NDArray[np.float64], NDArray[np.float64]
    ]  # (len(text),) bits of each model alone; NaN: none predicts
    ids: NDArray[np.intp]  # (n,) what was read
    unseen: NDArray[np.bool_]  # (n,)
    starts: NDArray[np.intp]  # (len(text),) where each character's ids begin
    common: NDArray[np.float64]  # (V,) how common each character is, natural logarithms
    gains: NDArray[np.float64]  # (n,) the largest gain in each place
    candidates: tuple[Candidate, ...]  # the largest gains first


def judge(
    forward: Side,
    backward: Side,
    vocabulary: Vocabulary,
    text: str,
    *,
    candidates: int = 0,
    progress: ShareCallback = lambda share: None,
) -> BothSides:
    """Judge every character of a text from both sides.

    Args:
        forward: A model that reads from the beginning.
        backward: One that reads from the end.
        vocabulary: That of both.
        text: Anyone's, in any characters.
        candidates: How many places that may be damaged to find.
        progress: Is told what share of the work has been done since it was last told.

    Returns:
        The bits of all characters, and the places of the largest gains.

    Raises:
        CorpusError: The text has nothing to judge.
        DivergedError: The outputs of a model are not numbers.
        VocabularyError: A surrogate that no byte stands for, if the models are of bytes.
    """
    read = model_input(vocabulary, text)
    ids, sizes, unseen = read.ids, read.sizes, read.unseen
    if len(ids) < 2:
        raise CorpusError(
            "a text of at least two characters is needed: nothing else is beside them.", "Give a longer text."
        )
    size, begin = len(vocabulary), tuple(vocabulary.lead)
    every = max(_LEAST, _MOST // size)
    joint, one_side, gains = np.zeros(len(ids)), np.full((2, len(ids)), np.nan), np.zeros(len(ids))
    common: NDArray[np.float64] | None = None
    found: list[Candidate] = []
    for start in range(0, len(ids), every):
        stop = min(len(ids), start + every)
        around = range(max(0, start - 1), min(len(ids), stop + 1))
        ahead = expected(forward, begin, ids, around.start, around.stop)
        behind = expected(backward, begin, ids[::-1], len(ids) - around.stop, len(ids) - around.start)[::-1]
        if common is None:
            common = _common(ahead, behind)
        part = _Part(ids[around.start : around.stop], unseen[around.start : around.stop], ahead, behind, common)
        inner = slice(start - around.start, stop - around.start)
        joint[start:stop], gains[start:stop] = part.joint()[inner], part.gains()[inner]
        one_side[:, start:stop] = part.alone()[:, inner]
        best = np.argsort(-gains[start:stop], kind="stable")[:candidates] + inner.start
        never = [index for index in (vocabulary.unknown_id, vocabulary.boundary_id) if index is not None]
        found += part.candidates(best, around.start, never)
        found = sorted(found, key=lambda candidate: -candidate.gain)[:candidates]
        progress((stop - start) / len(ids))
    charged = np.where(unseen, UNSEEN_BITS + (joint if vocabulary.unknown else 0.0), joint)
    score = Score(text, by_character(charged, sizes), by_character(unseen, sizes) > 0, rare_symbol=vocabulary.unknown)
    alone = tuple(by_character(side, sizes) for side in one_side)
    assert common is not None
    starts = np.cumsum(sizes) - sizes
    return BothSides(score, (alone[0], alone[1]), ids, unseen, starts, common, gains, tuple(found))


def expected(side: Side, begin: Ids, ids: NDArray[np.intp], start: int, stop: int) -> LogProbs:
    """What a model expects in the places [start, stop) of a text.

    Args:
        side: The model.
        begin: The ids that every text begins with; () for none.
        ids: (n,) the text, in the order in which it is read.
        start: The first place.
        stop: Behind the last.

    Returns:
        Log-probabilities (stop - start, V); NaN where nothing is before the place.

    Raises:
        DivergedError: The network's outputs are not numbers.
    """
    first = max(0, start - WARMUP)
    read = ids[first:stop] if first else np.concatenate([np.array(begin, dtype=np.intp), ids[:stop]])
    log_probs: LogProbs = np.full((len(read), len(side.engine.input_rows)), np.nan, dtype=np.float32)
    for begins, size in carried_rows(len(read) - 1) if len(read) > 1 else ():
        stack = RecurrentStack(side.engine, begins.shape)
        contexts = [side.mixture.nodes(())] * len(begins) if side.mixture else []
        for at in range(size):
            inputs = read[begins + at]
            stack.step(side.engine.input_columns(inputs))
            if side.mixture:
                after = side.mixture.nodes_after
                contexts = [after(nodes, index) for nodes, index in zip(contexts, inputs.tolist(), strict=True)]
            log_probs[begins + at + 1] = side.log_probs(stack.logits().T, contexts)
    return log_probs[len(read) - (stop - start) :]


def _common(ahead: LogProbs, behind: LogProbs) -> NDArray[np.float64]:
    """How common each character is, (V,) natural logarithms: what both models expect on average."""
    known = [side[~np.isnan(side[:, 0])] for side in (ahead, behind)]
    mean = sum(np.exp(side).sum(axis=0, dtype=np.float64) for side in known) / sum(map(len, known))
    logarithms: NDArray[np.float64] = np.log(np.maximum(mean, np.finfo(np.float64).tiny))
    return logarithms


class _Part:
    """A part of a text with what is expected in each of its places from either side."""

    def __init__(
        self,
        ids: NDArray[np.intp],
        unseen: NDArray[np.bool_],
        ahead: LogProbs,
        behind: LogProbs,
        common: NDArray[np.float64],
    ) -> None:
        """`ahead` and `behind` are (n, V), by what is before and by what is after."""
        self.ids, self.common, self.rows = ids, common, np.arange(len(ids))
        self.ahead, self.behind = (
            np.where(np.isnan(side), common.astype(np.float32), side) for side in (ahead, behind)
        )
        self.unknowing = np.isnan(ahead[:, 0]), np.isnan(behind[:, 0])
        self.in_place = self.ahead + self.behind - common.astype(np.float32)  # of what stands there
        self.before = self.in_place.copy()  # of one more before it
        self.before[1:] += self.behind[:-1] - self.behind[1:]
        self.surprise = np.where(unseen, UNSEEN, np.nan)
        self.own_common = self._own(np.broadcast_to(common, self.ahead.shape))
        self.own_ahead, self.own_behind = self._own(self.ahead), self._own(self.behind)

    def _own(self, log_probs: NDArray[np.floating]) -> NDArray[np.float64]:
        """What is said of the characters that stand there: of one that was never seen that it could be any."""
        return np.where(np.isnan(self.surprise), log_probs[self.rows, self.ids].astype(np.float64), -self.surprise)

    def joint(self) -> NDArray[np.float64]:
        """Bits of each character from both sides."""
        return bits(-log_softmax(self.in_place)[self.rows, self.ids])

    def alone(self) -> NDArray[np.float64]:
        """(2, n), bits of each by either side alone."""
        both = np.stack([-self.own_ahead, -self.own_behind])
        both[np.stack(self.unknowing)] = np.nan
        return bits(both)

    def gains(self) -> NDArray[np.float64]:
        """The largest of the four gains in each place."""
        any_of = math.log(len(self.common))
        own = self.own_ahead + self.own_behind - self.own_common
        others = self.in_place.copy()
        known = self.rows[np.isnan(self.surprise)]  # what is read for a character never seen may be what was meant
        others[known, self.ids[known]] = -np.inf
        best = [others.max(axis=1) - own - any_of]
        tie = np.zeros((2, len(own) + 2))  # how much each neighbour says for the other, from either side
        ahead_of_next = self.ahead[self.rows[:-1], self.ids[1:]] - self.common[self.ids[1:]]
        behind_last = self.behind[self.rows[1:], self.ids[:-1]] - self.common[self.ids[:-1]]
        tie[0, : len(own) - 1], tie[1, 1 : len(own)] = ahead_of_next, behind_last
        best.append(tie[:, : len(own)].mean(axis=0) - own - any_of)
        joined = np.zeros(len(own))  # how well each fits to the one before
        joined[1:] = (self.own_ahead - self.own_common)[1:] / 2 + (self.own_behind - self.own_common)[:-1] / 2
        best.append(self.before.max(axis=1) - joined)
        swapped = np.full(len(own), -np.inf)
        swapped[:-1] = self.ahead[self.rows[:-1], self.ids[1:]] + self.behind[self.rows[1:], self.ids[:-1]]
        swapped[:-1] -= self.own_ahead[:-1] + self.own_behind[1:]
        seen = np.isnan(self.surprise)
        swapped[:-1][(self.ids[1:] == self.ids[:-1]) | ~(seen[1:] & seen[:-1])] = -np.inf
        best.append(swapped)
        largest: NDArray[np.float64] = np.max(best, axis=0)
        return largest

    def candidates(self, places: NDArray[np.intp], offset: int, never: Sequence[int]) -> Iterator[Candidate]:
        """What may mend each of some places; `offset` is where the part begins in the text."""
        gains = self.gains()
        for place in places.tolist():
            at, own, seen = place + offset, self.ids.item(place), bool(np.isnan(self.surprise[place]))
            edits: list[Edit] = [Edit("insertion", at, at + 1, ())]
            kinds: tuple[tuple[Slip, LogProbs, int], ...]
            kinds = ("substitution", self.in_place, at + 1), ("deletion", self.before, at)
            for slip, rows, stop in kinds:
                order = np.argsort(-rows[place], kind="stable").tolist()
                left_out = {*never, own} if seen and slip == "substitution" else {*never}
                chosen = [index for index in order if index not in left_out]
                edits += [Edit(slip, at, stop, (index,)) for index in chosen[:_BEST]]
            if place + 1 < len(self.ids) and (following := self.ids.item(place + 1)) != own:
                edits.append(Edit("transposition", at, at + 2, (following, own)))
            yield Candidate(at, gains.item(place), tuple(edits))
