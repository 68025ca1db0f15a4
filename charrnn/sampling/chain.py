"""From a model's opinion to one character: a chain of small functions on log-probabilities, and a final draw.

Every link takes log-probabilities (..., V) and returns log-probabilities (..., V); they need not sum to one, and what
a link rules out is -inf. Only `draw` makes probabilities of them, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import DivergedError, UsageError

Logits = NDArray[np.floating[Any]]
LogProbs = NDArray[np.float64]
Link = Callable[[LogProbs], LogProbs]

_DIVERGED = "the model's outputs are not numbers: its training diverged. Use an earlier checkpoint."
_SMALLEST = 1e-200  # of all that is left; with less, what is small beside it would vanish
_COLDEST = 1e-30  # below it 1 / temperature could overflow; the second likeliest is long out of reach there


def log_softmax(logits: Logits) -> LogProbs:
    """Logits (..., V) of any float type -> natural log-probabilities (..., V) in float64.

    Raises DivergedError if they have no distribution (NaN, +inf, or nothing but -inf)."""
    if logits.ndim == 1:
        values = logits.astype(np.float64)
        largest = values[values.argmax()]  # cheaper than max(); finds NaN too
        if not math.isfinite(largest):
            raise DivergedError(_DIVERGED)
        values -= largest
        values -= math.log(np.add.reduce(np.exp(values)))
        return values
    values = logits.astype(np.float64, order="C")
    largest = values.max(axis=-1, keepdims=True)
    if not np.isfinite(largest).all():
        raise DivergedError(_DIVERGED)
    values -= largest
    values -= np.log(np.add.reduce(np.exp(values), axis=-1, keepdims=True))
    return values


@dataclass(frozen=True, slots=True)
class Temperature:
    """Sharpens (below 1) or flattens (above 1) a distribution; 0 leaves only the likeliest, the first of equals."""

    value: float
    _factor: NDArray[np.float64] = field(init=False, repr=False, compare=False)  # an array: faster than a number

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value >= 0):
            raise UsageError(f"--temperature {self.value}: 0 (always the likeliest character) or more.")
        object.__setattr__(self, "_factor", np.array(1 / max(self.value, _COLDEST)))

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        if self.value == 0:
            only = np.full_like(log_probs, -np.inf)
            np.put_along_axis(only, log_probs.argmax(axis=-1, keepdims=True), 0.0, axis=-1)
            return only
        return log_probs * self._factor


@dataclass(frozen=True, slots=True)
class TopK:
    """Leaves the `count` likeliest, exactly so many: of equals the lower ids (Fan et al., 2018)."""

    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"--top-k {self.count}: at least 1 character to choose from.")

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        if self.count >= log_probs.shape[-1]:
            return log_probs
        order = np.argsort(-log_probs, axis=-1, kind="stable")
        return _without(log_probs, order[..., self.count :])


@dataclass(frozen=True, slots=True)
class TopP:
    """Leaves the likeliest that together have a probability of `share`, the one that reaches it included: the nucleus
    (Holtzman et al., 2020). Of equals the lower ids come first."""

    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UsageError(f"--top-p {self.share}: above 0 and up to 1.")

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        order = np.argsort(-log_probs, axis=-1, kind="stable")
        ranked = np.take_along_axis(log_probs, order, axis=-1)
        weights = np.exp(ranked - ranked[..., :1])  # a link before may have left less than 1 in all
        before = np.add.accumulate(weights, axis=-1) - weights
        left = log_probs.copy()
        out = np.where(before >= self.share * weights.sum(axis=-1, keepdims=True), -np.inf, ranked)
        np.put_along_axis(left, order, out, axis=-1)
        return left


@dataclass(frozen=True, slots=True)
class MinP:
    """Leaves what is at least `share` times as likely as the likeliest (Nguyen et al., 2024)."""

    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UsageError(f"--min-p {self.share}: from 0 to 1.")

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        if self.share == 0:
            return log_probs
        least = log_probs.max(axis=-1, keepdims=True) + math.log(self.share)
        return np.where(log_probs >= least, log_probs, -np.inf)


def _without(log_probs: LogProbs, ids: NDArray[np.integer[Any]]) -> LogProbs:
    left = log_probs.copy()
    np.put_along_axis(left, ids, -np.inf, axis=-1)
    return left


@dataclass(frozen=True, slots=True)
class Never:
    """Rules one id out."""

    id: int

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        left = log_probs.copy()
        left[..., self.id] = -np.inf
        return left


@dataclass(frozen=True, slots=True)
class Chain:
    """Links applied one after the other."""

    links: tuple[Link, ...]

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        for link in self.links:
            log_probs = link(log_probs)
        return log_probs


def chain(
    temperature: float = 1.0,
    *,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> Link:
    """The chain that the options of `charrnn sample` describe: top-k, top-p, min-p, and last the temperature.

    So what rules characters out judges them by the model's own probabilities, and top-p by those that top-k left.
    Links that would change nothing are left out.
    """
    links: list[Link] = []
    if top_k is not None:
        links.append(TopK(top_k))
    if top_p is not None and TopP(top_p).share < 1:
        links.append(TopP(top_p))
    if min_p is not None and MinP(min_p).share > 0:
        links.append(MinP(min_p))
    if temperature != 1:
        links.append(Temperature(temperature))
    return links[0] if len(links) == 1 else Chain(tuple(links))


def draw(log_probs: LogProbs, rng: np.random.Generator) -> int:
    """One id from log-probabilities (V,), by inverting their cumulated sum. Never an id of probability zero.

    They need not sum to one: what counts is how far they are from each other, however far below 0 they all are.
    Exactly one number is taken from `rng`, whatever the distribution."""
    cumulated = np.add.accumulate(np.exp(log_probs))
    total: float = cumulated.item(-1)
    if total < _SMALLEST:
        cumulated = np.add.accumulate(np.exp(log_probs - log_probs.max()))
        total = cumulated.item(-1)
    # The first sum above the mark, so one that its own character has raised. random() is at most 1 - 2**-53: the
    # product stays below the total also after rounding, and there always is such a sum.
    return int(cumulated.searchsorted(rng.random() * total, "right"))


def draw_each(log_probs: LogProbs, rngs: Sequence[np.random.Generator]) -> NDArray[np.intp]:
    """`draw` for every row of (n, V), each with its own generator: ids (n,)."""
    cumulated = np.add.accumulate(np.exp(log_probs), axis=-1)
    for row in np.flatnonzero(cumulated[:, -1] < _SMALLEST):
        cumulated[row] = np.add.accumulate(np.exp(log_probs[row] - log_probs[row].max()))
    marks = np.array([rng.random() for rng in rngs]) * cumulated[:, -1]
    ids: NDArray[np.intp] = np.add.reduce(cumulated <= marks[:, None], axis=-1)
    return ids
