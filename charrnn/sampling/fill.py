"""What may stand in a gap of a text, by two models of one vocabulary that read it from either side.

Before the gap stands L, after it R. A filling is n characters x, and how likely it is is said by both models alike: by
the geometric mean of how likely the whole text is to each,

    p(n, x)  proportional to  1/N  sqrt( P_f(L x R) P_b(L x R) ),

where P_f is the product of what the forward model gives each character after those before it, P_b the product of what
the backward model gives each before those after it, and N is how many lengths are allowed: each is as likely as the
others before anything is known. What all fillings have in common falls out, P_f(L) and P_b(R); and of R and L the
`judged` characters next to the gap are judged, further ones hardly depend on what is in it. So

    log g(n, x) = -log N + (log P_f(x R' | L) + log P_b(x L' | R)) / 2,    R' and L' those next to the gap.

No way is known to draw from p. Importance sampling draws from something else, q, and weighs what it drew by g / q. A
draw is a path of the greatest length, written after L by the forward model through the chain of logits processors; then
it is stopped at one of the lengths that are allowed, n, with the probability

    r(n | path)  proportional to  P_f(R_1 | L x_1 ... x_n),

that is where what follows the gap is likely to follow; without an R all are as likely. Over all paths and stops

    E[ g(n, x) f(n, x) / (q(x) r(n | path)) ]  =  sum over (n, x) of g(n, x) f(n, x),

for any f: the rest of a path, behind its stop, sums to one. So w = g / (q r) are weights, self-normalised (w / sum of
w), and draws of one filling are one, with the sum of their weights. What the chain rules out (--top-k, --top-p,
--min-p, temperature 0) is never drawn, and p is that of the rest. How much the draws are worth is the effective sample
size of Kong (1992), (sum of w)^2 / sum of w^2: as many draws from p itself would say as much.

The sum of weights that one filling has estimates p(n, x), and so does g(n, x) / Z, where Z, the sum of g over all
fillings, is estimated by the mean of w. In that only Z is left to chance, and not how often x was drawn: fillings are
ordered by it, and it is called their probability. Z is at least the sum of g over the different fillings that were
drawn, and is taken to be if the mean is less.

Documents kept apart end where the text does: their boundaries are read, and judged as far as the context goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn import memory
from charrnn.errors import UsageError, VocabularyError
from charrnn.sampling.chain import Chain, Exclude, LogitsProcessor, log_softmax, sample_ids
from charrnn.sampling.side import BatchReader, Ids, Side
from charrnn.text.vocabulary import Vocabulary

MARK = "[...]"
_DRAW = 4000  # bytes of a draw: its generators, and what is kept of it
_ROWS, _COLUMNS = 6, 12  # numbers of 8 bytes for each character of the vocabulary, and for each of the longest filling


@dataclass(frozen=True, slots=True)
class Gap:
    """What stands before and after a gap, in characters that both models know."""

    before: str
    after: str

    @classmethod
    def of(cls, text: str, mark: str = MARK) -> Gap:
        """The gap where a text has the mark.

        Args:
            text: What was typed.
            mark: What stands for the gap.

        Returns:
            What is on either side of it.

        Raises:
            UsageError: It has none, or several.
        """
        if not mark:
            raise UsageError("--mark: an empty string is everywhere.", "Give it something to look for.")
        parts = text.split(mark)
        if len(parts) == 1:
            raise UsageError(f"the text has no {mark}: nothing says where to fill it.", "Write it, or say --mark.")
        if len(parts) > 2:
            raise UsageError(
                f"the text has {mark} {len(parts) - 1:,} times; one gap is filled at a time.",
                f"Leave one {mark}, and cut the text at the next.",
            )
        return cls(*parts)


def in_known_form(gap: Gap, vocabulary: Vocabulary) -> tuple[Gap, list[str]]:
    """A gap in characters that the models know, as far as they have the same in another form.

    Args:
        gap: As it was typed.
        vocabulary: The models'.

    Returns:
        The gap, and what is to be said of it.

    Raises:
        VocabularyError: It has characters that they have in no form.
    """
    before, after = vocabulary.form_of(gap.before), vocabulary.form_of(gap.after, before=gap.before[-1:] or " ")
    try:
        vocabulary.encode(before.text + after.text)
    except VocabularyError as error:
        raise VocabularyError(f"the text: {error.what}", "Change it.") from None
    notes = dict.fromkeys(form.note("the text") for form in (before, after))
    return Gap(before.text, after.text), [note for note in notes if note]


@dataclass(frozen=True, slots=True)
class Filling:
    """What may stand in the gap. Logarithms are natural."""

    text: str
    ids: tuple[int, ...]
    probability: float  # g / Z, estimated
    weight: float  # its share of all weights
    drawn: int  # how often it was
    log_target: float  # log g: how likely it is beside the others
    log_forward: float  # log P_f(x R' | L)
    log_backward: float  # log P_b(x L' | R)


@dataclass(frozen=True, slots=True, eq=False)
class Fillings:
    """What was drawn, the likeliest first."""

    fillings: tuple[Filling, ...]
    log_weights: NDArray[np.float64]  # (draws,), natural, not normalised
    draws: int

    @property
    def effective_sample_size(self) -> float:
        """To how many draws from p itself these are equal; at least 1."""
        return effective_sample_size(self.log_weights)

    def to_dict(self, count: int) -> dict[str, Any]:
        """Everything but the weights of single draws, of at most so many fillings, ready for JSON."""
        values = [
            {name: getattr(filling, name) for name in Filling.__slots__ if name != "ids"}
            for filling in self.fillings[:count]
        ]
        return {
            "draws": self.draws,
            "different": len(self.fillings),
            "effective_sample_size": self.effective_sample_size,
            "fillings": values,
        }


def effective_sample_size(log_weights: NDArray[np.float64]) -> float:
    """(sum of w)^2 / sum of w^2.

    Args:
        log_weights: (n,) natural logarithms, up to any constant; n at least 1.

    Returns:
        From 1 to n.

    >>> effective_sample_size(np.log([0.5, 0.25, 0.25]))  # 1 / (0.25 + 0.0625 + 0.0625)
    2.6666666666666665
    """
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights**2).sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class FillRequest:
    """How fillings are drawn and judged. Lengths are in characters, of a model of bytes in bytes."""

    lengths: Sequence[int]  # those that are allowed, ascending
    process: LogitsProcessor
    draws: int
    judged: int  # characters on either side that are judged
    seed: int


def fill(forward: Side, backward: Side, vocabulary: Vocabulary, gap: Gap, request: FillRequest) -> Fillings:
    """Draw fillings by the forward model, and weigh them by both.

    Args:
        forward: A model that reads from the beginning.
        backward: One that reads from the end.
        vocabulary: That of both.
        gap: What is around it.
        request: How.

    Returns:
        The fillings, each once, the likeliest first.

    Raises:
        UsageError: So many draws take more memory than there is.
        VocabularyError: The text has characters that the vocabulary has not.
        DivergedError: The outputs of a model are not numbers.
    """
    model = forward.engine.config
    state = model.num_layers * model.rnn_size * (2 if model.model == "lstm" else 1)
    each = _DRAW + 4 * state + 8 * (_ROWS * len(vocabulary) + _COLUMNS * request.lengths[-1])
    memory.require(request.draws * each, f"--draws {request.draws:,}", "Draw fewer, or shorter ones.")
    before: list[int] = vocabulary.lead + vocabulary.encode(gap.before).tolist()
    after: list[int] = vocabulary.encode(gap.after).tolist() + vocabulary.lead
    usual: list[int] = vocabulary.encode(vocabulary.default_prime).tolist()
    left, right = forward.engine.read(before or usual), backward.engine.read(after[::-1] or usual)
    never = [index for index in (vocabulary.unknown_id, vocabulary.boundary_id) if index is not None]
    process = Chain((*map(Exclude, never), request.process))
    paths, log_draw, log_next = _draw(BatchReader(forward, [left] * request.draws), after[:1], process, request)
    stops, log_stop = _stop(log_next, request)
    drawn = [tuple(path[:stop]) for path, stop in zip(paths.tolist(), stops.tolist(), strict=True)]
    log_q = log_draw[np.arange(request.draws), stops] + log_stop
    distinct = list(dict.fromkeys(drawn))
    following, preceding = after[: request.judged], before[::-1][: request.judged]
    log_forward = forward.judge([left] * len(distinct), [[*ids, *following] for ids in distinct])
    log_backward = backward.judge([right] * len(distinct), [[*ids[::-1], *preceding] for ids in distinct])
    log_target = (log_forward + log_backward) / 2 - np.log(len(request.lengths))
    number = {ids: place for place, ids in enumerate(distinct)}
    which = np.array([number[ids] for ids in drawn])
    log_weights = log_target[which] - log_q
    shares = np.exp(log_weights - log_weights.max())
    weights, counts = np.bincount(which, shares / shares.sum()), np.bincount(which)
    log_z = max(_log_sum(log_weights) - np.log(request.draws), _log_sum(log_target))
    probabilities = np.exp(log_target - log_z)
    found = tuple(
        Filling(
            text=vocabulary.decode(np.array(distinct[place], dtype=np.intp)),
            ids=distinct[place],
            probability=probabilities.item(place),
            weight=weights.item(place),
            drawn=counts.item(place),
            log_target=log_target.item(place),
            log_forward=log_forward.item(place),
            log_backward=log_backward.item(place),
        )
        for place in np.argsort(-log_target, kind="stable").tolist()
    )
    return Fillings(found, log_weights, request.draws)


def _log_sum(logarithms: NDArray[np.float64]) -> float:
    """The logarithm of the sum."""
    return float(np.logaddexp.reduce(logarithms))


def _draw(
    batch: BatchReader, following: Ids, process: LogitsProcessor, request: FillRequest
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Paths (draws, longest), and for each length from 0 on (draws, longest + 1): log q, and that of what follows."""
    longest = request.lengths[-1]
    rngs = [np.random.default_rng([request.seed, number]) for number in range(request.draws)]
    paths = np.zeros((request.draws, longest), dtype=np.intp)
    log_draw, log_next = np.zeros((2, request.draws, longest + 1))
    rows = np.arange(request.draws)
    for place in range(longest + 1):
        log_probs = batch.log_probs()
        if following:
            log_next[:, place] = log_probs[:, following[0]]
        if place == longest:
            break
        chosen = process(log_probs)
        ids = sample_ids(chosen, rngs)
        paths[:, place] = ids
        log_draw[:, place + 1] = log_draw[:, place] + log_softmax(chosen)[rows, ids]
        batch.step(ids)
    return paths, log_draw, log_next


def _stop(log_next: NDArray[np.float64], request: FillRequest) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Where each path ends, (draws,), and the logarithm of r."""
    log_r = log_softmax(log_next[:, list(request.lengths)])
    rngs = [np.random.default_rng([request.seed, number, 1]) for number in range(request.draws)]
    chosen = sample_ids(log_r, rngs)
    return np.array(request.lengths, dtype=np.intp)[chosen], log_r[np.arange(request.draws), chosen]
