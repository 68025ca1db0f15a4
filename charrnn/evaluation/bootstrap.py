"""Which of two models is better on a text, and how sure that is: the difference of their losses with its interval.

The models have read the same characters, so their losses are paired, and what makes a passage hard for both cancels.
What is left is not independent from one character to the next: it goes by words, names and passages. So whole blocks of
neighbours are drawn, with replacement and from a text joined to a ring, and their mean is taken as that of the text
might have been (Künsch, 1989; Politis and Romano, 1992).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.errors import CorpusError

_BLOCKS = 10  # in a text, at least: of fewer the resamples would all be much the same, however little is known
_AT_ONCE = 1 << 20  # blocks drawn at a time; bounds memory, changes no number


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean difference of two models on a text, and the interval that it lies in, in bits per character."""

    mean: float  # below 0: the second is better
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half the interval's width: mean +- half."""
        return (self.high - self.low) / 2

    @property
    def clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    block: int | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Difference:
    """The mean of b - a with its interval.

    The interval is that of other texts of the same kind and length, not of other trainings: two of the same settings
    differ too, and by how much is told only by a second seed.

    A block is twice the square root of n long by default, 1,130 characters of 320,000, some paragraphs. The cube root
    of n, which is best for a short memory, would be 68 there, less than a sentence; and too short a block makes the
    interval too narrow, which is the worse mistake (tests/evaluation/test_bootstrap.py). Where there is hardly any
    memory, as between two networks that differ in their dropout (0.03 from one character to the next), such long blocks
    cost little: 0.0085 +- instead of 0.0078 over 37,000 characters.

    Args:
        a: Bits of n characters (n,).
        b: Another model's bits of the same characters (n,).
        block: Characters of a block; None: 2 sqrt(n). At most a tenth of the text.
        resamples: How many other texts are drawn.
        confidence: Of the interval, 0 to 1.
        seed: Of the draw.

    Returns:
        The mean and the interval, in bits per character.

    Raises:
        CorpusError: Fewer than two characters.
        ValueError: The texts are not equally long.
    """
    if np.shape(a) != np.shape(b):
        raise ValueError(f"losses of {np.shape(a)} and {np.shape(b)} characters are no pairs")
    difference: NDArray[np.float64] = np.subtract(b, a, dtype=np.float64)
    n = len(difference)
    if n < 2:
        raise CorpusError(f"{n} characters: too few to tell two models apart.", "Give a longer text.")
    size = max(1, min(block or 2 * math.isqrt(n), n // _BLOCKS))
    count = n // size
    mean = float(difference.mean())
    ring = np.concatenate(([0.0], np.cumsum(np.concatenate((difference, difference[: size - 1])) - mean)))
    sums = ring[size:] - ring[:-size]  # (n,) of the block that begins at each character, less the mean
    rng = np.random.default_rng(seed)
    rows = max(1, _AT_ONCE // count)
    sizes = [min(rows, resamples - done) for done in range(0, resamples, rows)]
    drawn = np.concatenate([sums[rng.integers(n, size=(some, count))].mean(axis=1) for some in sizes]) / size
    tail = (1 - confidence) / 2
    low, high = (_widening(count, tail) * np.quantile(drawn, (tail, 1 - tail))).tolist()
    return Difference(mean, mean + low, mean + high)


def _widening(count: int, tail: float) -> float:
    """What the quantiles of resamples of so few blocks fall short by.

    Their variance is that of one block fewer, and the mean is distributed as Student's t, here to the first order in
    1 / count.
    """
    normal = NormalDist().inv_cdf(1 - tail)
    return math.sqrt(count / (count - 1)) * (1 + (normal**2 + 1) / (4 * (count - 1)))
