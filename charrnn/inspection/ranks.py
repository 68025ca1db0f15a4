"""How well a unit tracks a feature, by ranks alone, and how well it would if the two had nothing to do with each other.

A flag is judged by the area under the ROC curve (AUC), the probability that the unit is higher at a place that has the
feature than at one that has not, ties counted half; it is Mann and Whitney's U (1947) divided by the number of pairs
(Hanley and McNeil, 1982). A count is judged by Spearman's (1904) rank correlation. Both are sums of centred ranks times
weights of the feature, and one scale serves both: the effect, from -1 to 1, is 2 AUC - 1, or the correlation.

Neighbouring characters are alike, in the states as in the features, so to shuffle characters would make anything look
significant. What leaves both as they are and parts them is to move one against the other, around a ring: of n = K d
characters by 0, d, 2 d, ... characters. If they have nothing to do with each other, and each is as likely to begin
anywhere on the ring, then all K moves, that by 0 among them, are equally likely to give the greatest effect: they are
a group, so that the p-value, the share of moves that do as well, is exact (Fisher, 1935; Hemerik and Goeman, 2018). All
K effects are a cross-correlation, which Fourier transforms give at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.network.numpy_cells import Array

Series = NDArray[np.bool_] | NDArray[np.int32]  # flags, or counts

BLOCKS, FEWEST_BLOCKS = 1000, 500  # K: the least p-value is 1 / K
_LONG_BLOCK, SHORTEST_BLOCK = 16, 3  # characters: shorter ones make a test that is as exact, and finds less


def blocks_in(size: int) -> int:
    """How many blocks so many characters are cut into, K; 0 if they are too few."""
    blocks = min(BLOCKS, max(FEWEST_BLOCKS, size // _LONG_BLOCK))
    return blocks if size >= blocks * SHORTEST_BLOCK else 0


def centred_ranks(values: ArrayLike) -> Array:
    """The rank of each of n values, less their mean; of equal ones each has the mean of theirs.

    Args:
        values: (n,).

    Returns:
        (n,), exact up to n = 2^23.

    >>> centred_ranks([0.5, 0.1, 0.5, 0.9]).tolist()
    [0.0, -1.5, 0.0, 1.5]
    """
    values = np.asarray(values)
    order = np.argsort(values)
    ordered = values[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))  # of those that are equal
    sizes = np.diff(first, append=len(values))
    ranks = np.empty(len(values), dtype=np.float32)
    ranks[order] = np.repeat((first + (sizes - len(values)) / 2).astype(np.float32), sizes)
    return ranks


def auc(values: ArrayLike, flags: ArrayLike) -> float:
    """The probability that a value with the flag is above one without it; ties count half.

    Args:
        values: (n,).
        flags: (n,), of which some are set and some are not.

    Returns:
        0 to 1; 0.5 where the values say nothing.

    >>> auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    0.875
    """
    with_flag = np.asarray(flags, dtype=np.bool_)
    count = int(with_flag.sum())
    return 0.5 + float(centred_ranks(values)[with_flag].sum(dtype=np.float64)) / (count * (len(with_flag) - count))


def rank_correlation(values: ArrayLike, counts: ArrayLike) -> float:
    """Spearman's rank correlation of two series (n,), ties with their mean ranks; 0 if one of them is constant.

    >>> rank_correlation([1, 2, 3, 4], [0, 5, 7, 7])
    0.9486832980505138
    """
    one, other = (centred_ranks(series).astype(np.float64) for series in (values, counts))
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norm if norm else 0.0


def effect(values: ArrayLike, feature: Series) -> float:
    """How a unit tracks a feature, from -1 to 1: 2 AUC - 1 of flags, the rank correlation of counts; both (n,)."""
    return 2 * auc(values, feature) - 1 if feature.dtype == np.bool_ else rank_correlation(values, feature)


def weights(feature: Series) -> NDArray[np.float64]:
    """What a feature (n,), not constant, gives each place, so that the sum of ranks times weights is its effect.

    Of counts it is the effect where the ranks have the norm 1.
    """
    if feature.dtype == np.bool_:
        count = int(feature.sum())
        return (feature.astype(np.float64) - count / len(feature)) * (2 / (count * (len(feature) - count)))
    ranks = centred_ranks(feature).astype(np.float64)
    return np.asarray(ranks / np.linalg.norm(ranks))


class MovedFeatures:
    """Features of a text at every move of them around it, against which units are held."""

    def __init__(self, features: Sequence[Series], blocks: int) -> None:
        """`features` are F of (n,), none of them constant, and n is a multiple of `blocks`, K."""
        self.blocks = blocks
        self._counted = np.array([feature.dtype != np.bool_ for feature in features])
        spectrum = _spectrum(np.array([weights(feature) for feature in features]), blocks)
        self._conjugate = np.ascontiguousarray(spectrum.conj().transpose(0, 2, 1))  # (K / 2 + 1, d, F)

    def effects(self, units: Array) -> Array:
        """The effect of every unit on every feature, at every move.

        Args:
            units: Values of U units, (U, n).

        Returns:
            (K, U, F), the first row without a move, to float32 rounding.
        """
        ranks = np.array([centred_ranks(values) for values in units])
        norms = np.linalg.norm(ranks, axis=1)
        products = np.fft.irfft(_spectrum(ranks, self.blocks) @ self._conjugate, self.blocks, axis=0)
        scale = np.where(self._counted, 1 / np.maximum(norms, np.float32(1))[:, None], np.float32(1))
        return np.asarray(products * scale, dtype=np.float32)


def _spectrum(series: NDArray[np.floating], blocks: int) -> NDArray[np.complexfloating]:
    """Fourier transforms of S series (S, K d) over their blocks: (K / 2 + 1, S, d).

    For each of the d places in a block it is that of the K values there, one from each block, so that a product of two,
    summed over d, is the transform of the cross-correlation at moves by whole blocks.
    """
    parts = series.reshape(len(series), blocks, -1)
    spectrum = np.fft.rfft(parts, axis=1).transpose(1, 0, 2)
    return np.ascontiguousarray(spectrum, dtype=np.complex64)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """P-values of m tests as they count among m (Holm, 1979): whatever depends on what, 5 % of all m go wrong at 0.05.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted
