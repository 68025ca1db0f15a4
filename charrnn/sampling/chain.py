"""From logits to one character: a chain of logits processors, which work on log-probabilities, and a final draw.

Every processor takes log-probabilities (..., V) and returns log-probabilities (..., V); they need not sum to one, and
what a processor rules out is -inf. Only `sample_id` makes probabilities of them, in float64.
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
LogitsProcessor = Callable[[LogProbs], LogProbs]
Rules = tuple[tuple[str, float], ...]  # names of processors in `network.device_draws`, and what each takes

_DIVERGED = "The model's outputs are not numbers: its training diverged.", "Use an earlier checkpoint."
_SMALLEST = 1e-200  # of all that is left; with less, what is small beside it would vanish
_COLDEST = 1e-30  # below it 1 / temperature could overflow; the second likeliest is long out of reach there


def diverged() -> DivergedError:
    """For outputs that have no distribution."""
    return DivergedError(*_DIVERGED)


def log_softmax(logits: Logits) -> LogProbs:
    """The logarithm of the softmax.

    Args:
        logits: (..., V), of any float type; they stay as they are.

    Returns:
        Natural log-probabilities (..., V) in float64.

    Raises:
        DivergedError: They have no distribution (NaN, +inf, or nothing but -inf).
    """
    if logits.ndim == 1:
        values = logits.astype(np.float64)
        largest = values[values.argmax()]  # cheaper than max(); finds NaN too
        if not math.isfinite(largest):
            raise diverged()
        values -= largest
        values -= math.log(np.add.reduce(np.exp(values)))
        return values
    values = logits.astype(np.float64, order="C")
    largest = values.max(axis=-1, keepdims=True)
    if not np.isfinite(largest).all():
        raise diverged()
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
            raise UsageError(
                f"--temperature {self.value}: it must be 0 or more.", "0 always takes the likeliest character."
            )
        object.__setattr__(self, "_factor", np.array(1 / max(self.value, _COLDEST)))

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        """Log-probabilities (..., V), divided by the temperature."""
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
            raise UsageError(f"--top-k {self.count}: it must be at least 1.", "So many characters are chosen from.")

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        """Log-probabilities (..., V), -inf but for the `count` likeliest."""
        if self.count >= log_probs.shape[-1]:
            return log_probs
        order = np.argsort(-log_probs, axis=-1, kind="stable")
        allowed = log_probs.copy()
        np.put_along_axis(allowed, order[..., self.count :], -np.inf, axis=-1)
        return allowed


@dataclass(frozen=True, slots=True)
class TopP:
    """Leaves the likeliest that together have a probability of `share`: the nucleus (Holtzman et al., 2020).

    The one that reaches it is included. Of equals the lower ids come first.
    """

    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UsageError(f"--top-p {self.share}: it must be above 0 and at most 1.", "1 leaves every character.")

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        """Log-probabilities (..., V), -inf outside the nucleus."""
        order = np.argsort(-log_probs, axis=-1, kind="stable")
        ranked = np.take_along_axis(log_probs, order, axis=-1)
        weights = np.exp(ranked - ranked[..., :1])  # a processor before may have left less than 1 in all
        before = np.add.accumulate(weights, axis=-1) - weights
        allowed = log_probs.copy()
        ranked = np.where(before >= self.share * weights.sum(axis=-1, keepdims=True), -np.inf, ranked)
        np.put_along_axis(allowed, order, ranked, axis=-1)
        return allowed


@dataclass(frozen=True, slots=True)
class MinP:
    """Leaves what is at least `share` times as likely as the likeliest (Nguyen et al., 2024)."""

    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UsageError(f"--min-p {self.share}: it must be from 0 to 1.", "0 leaves every character.")

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        """Log-probabilities (..., V), -inf for what is too unlikely."""
        if self.share == 0:
            return log_probs
        least = log_probs.max(axis=-1, keepdims=True) + math.log(self.share)
        return np.where(log_probs >= least, log_probs, -np.inf)


@dataclass(frozen=True, slots=True)
class Exclude:
    """Rules one id out, such as the unknown symbol's."""

    id: int

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        """Log-probabilities (..., V), -inf for the one id."""
        allowed = log_probs.copy()
        allowed[..., self.id] = -np.inf
        return allowed


@dataclass(frozen=True, slots=True)
class Chain:
    """Processors applied one after the other."""

    processors: tuple[LogitsProcessor, ...]

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        """Log-probabilities (..., V), after every processor."""
        for process in self.processors:
            log_probs = process(log_probs)
        return log_probs


def make_chain(
    temperature: float = 1.0,
    *,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> LogitsProcessor:
    """The chain that the options of `charrnn sample` describe: top-k, top-p, min-p, and last the temperature.

    So what rules characters out judges them by the model's own probabilities, and top-p by those that top-k left.
    Processors that would change nothing are left out.

    Args:
        temperature: Above 1 flattens, below 1 sharpens; 0 leaves the likeliest.
        top_k: How many of the likeliest to leave; None leaves all, as below.
        top_p: The share of the probability that the likeliest left must have together.
        min_p: How likely, as a share of the likeliest, a character must be.

    Returns:
        One processor for all of it.

    Raises:
        UsageError: A value is outside its range.
    """
    processors: list[LogitsProcessor] = []
    if top_k is not None:
        processors.append(TopK(top_k))
    if top_p is not None and TopP(top_p).share < 1:
        processors.append(TopP(top_p))
    if min_p is not None and MinP(min_p).share > 0:
        processors.append(MinP(min_p))
    if temperature != 1:
        processors.append(Temperature(temperature))
    return processors[0] if len(processors) == 1 else Chain(tuple(processors))


def rules(process: LogitsProcessor) -> Rules | None:
    """A chain as names and numbers, for a device that draws by itself; None for what is none of these processors."""
    match process:
        case Chain(processors):
            parts = [rules(part) for part in processors]
            return None if None in parts else tuple(rule for part in parts if part for rule in part)
        case Temperature(0):
            return (("top_k", 1),)
        case Temperature(value):
            return (("factor", 1 / max(value, _COLDEST)),)
        case TopK(count):
            return (("top_k", count),)
        case TopP(share):
            return (("top_p", share),)
        case MinP(share):
            return (("min_p", share),) if share else ()
        case Exclude(index):
            return (("exclude", index),)
    return None


def sample_id(log_probs: LogProbs, rng: np.random.Generator) -> int:
    """Draw an id, by inverting the cumulated sum of the probabilities. Never one of probability zero.

    Args:
        log_probs: (V,). They need not sum to one: what counts is how far they are from each other, however far below 0
            they all are.
        rng: Exactly one number is taken from it, whatever the distribution.

    Returns:
        The id.
    """
    cumulated = np.add.accumulate(np.exp(log_probs))
    total: float = cumulated.item(-1)
    if total < _SMALLEST:
        cumulated = np.add.accumulate(np.exp(log_probs - log_probs.max()))
        total = cumulated.item(-1)
    # The first sum above the mark, so one that its own character has raised. random() is at most 1 - 2**-53: the
    # product stays below the total also after rounding, and there always is such a sum.
    return int(cumulated.searchsorted(rng.random() * total, "right"))


def sample_ids(log_probs: LogProbs, rngs: Sequence[np.random.Generator]) -> NDArray[np.intp]:
    """`sample_id` for every sequence of a batch.

    Args:
        log_probs: (B, V).
        rngs: B generators, one for each row.

    Returns:
        Ids (B,).
    """
    cumulated = np.add.accumulate(np.exp(log_probs), axis=-1)
    for row in np.flatnonzero(cumulated[:, -1] < _SMALLEST):
        cumulated[row] = np.add.accumulate(np.exp(log_probs[row] - log_probs[row].max()))
    marks = np.array([rng.random() for rng in rngs]) * cumulated[:, -1]
    ids: NDArray[np.intp] = np.add.reduce(cumulated <= marks[:, None], axis=-1)
    return ids
