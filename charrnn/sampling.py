"""From a model's opinion to one character: a chain of small functions on log-probabilities, and a final draw.

Every link takes log-probabilities (..., V) and returns log-probabilities (..., V); they need not sum to one, and what
a link rules out is -inf. Only `draw` makes probabilities of them, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import DivergedError, UsageError

Logits = NDArray[np.floating[Any]]
LogProbs = NDArray[np.float64]
Link = Callable[[LogProbs], LogProbs]

_COLDEST = 1e-30  # below it 1 / temperature could overflow; the second likeliest is long out of reach there


def log_softmax(logits: Logits) -> LogProbs:
    """Logits (..., V) of any float type -> natural log-probabilities (..., V) in float64.

    Raises DivergedError if they have no distribution (NaN, +inf, or nothing but -inf)."""
    if logits.ndim == 1:
        values = logits.astype(np.float64)
        largest = values[values.argmax()]  # cheaper than max(); finds NaN too
        if not math.isfinite(largest):
            raise DivergedError(
                "the model's outputs are not numbers: its training diverged. Use an earlier checkpoint."
            )
        values -= largest
        values -= math.log(np.add.reduce(np.exp(values)))
        return values
    rows = [log_softmax(row) for row in logits.reshape(-1, logits.shape[-1])]
    return np.array(rows, dtype=np.float64).reshape(logits.shape)


@dataclass(frozen=True, slots=True)
class Temperature:
    """Sharpens (below 1) or flattens (above 1) a distribution; 0 leaves only the likeliest, the first of equals."""

    value: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value >= 0):
            raise UsageError(f"--temperature {self.value}: 0 (always the likeliest character) or more.")

    def __call__(self, log_probs: LogProbs) -> LogProbs:
        if self.value == 0:
            only = np.full_like(log_probs, -np.inf)
            np.put_along_axis(only, log_probs.argmax(axis=-1, keepdims=True), 0.0, axis=-1)
            return only
        return log_probs * (1 / max(self.value, _COLDEST))


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


def chain(temperature: float = 1.0, *, never: int | None = None) -> Chain:
    """The chain that the options of `charrnn sample` describe. Links that would change nothing are left out.

    `never` is an id that must not be written: the unknown symbol's."""
    links: list[Link] = [] if never is None else [Never(never)]
    # What rules characters out (top-k, top-p, min-p, ...) comes here, before the temperature.
    if temperature != 1:
        links.append(Temperature(temperature))
    return Chain(tuple(links))


def draw(log_probs: LogProbs, rng: np.random.Generator) -> int:
    """One id from log-probabilities (V,), by inverting their cumulated sum. Never an id of probability zero.

    Exactly one number is taken from `rng`, whatever the distribution."""
    cumulated = np.add.accumulate(np.exp(log_probs - log_probs[log_probs.argmax()]))
    # The first sum above the mark, so one that its own character has raised. random() is at most 1 - 2**-53: the
    # product stays below the total also after rounding, and there always is such a sum.
    return int(cumulated.searchsorted(rng.random() * cumulated[-1], side="right"))
