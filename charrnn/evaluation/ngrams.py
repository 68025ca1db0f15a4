"""What counting alone achieves: an n-gram model's bits per character, the figure a network has to beat.

Interpolated modified Kneser-Ney smoothing (`charrnn.ngrams.grams`). It is exact, and has no table of contexts to look
up: the training and the held-out text are sorted and named together, and only the training text is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from charrnn.errors import CorpusError
from charrnn.ngrams.grams import Counts, Floats, Grams, Names, discounts
from charrnn.text.vocabulary import Ids


@dataclass(frozen=True, slots=True)
class Baseline:
    """The best n-gram model of a text, measured on the text that follows it."""

    order: int  # characters of context + 1
    bits: float  # per held-out character
    by_order: tuple[float, ...]  # bits of orders 1, 2, ..., as far as they were tried
    trained_on: int  # characters
    measured_on: int  # characters


def kneser_ney(train: Ids, held_out: Ids, vocabulary_size: int, *, max_order: int = 12, patience: int = 3) -> Baseline:
    """Measure n-gram models of orders 1, 2, ... on `held_out`, every character predicted once.

    The model of order k counts the k-grams, smooths them with the continuation counts of all shorter ones, and those
    with 1 / vocabulary_size. Prose is best at 7 or 8; source code may pause for two orders and go on improving beyond
    20. An order takes about 0.1 s a million characters on one core, and the peak is 71 bytes a character.

    Args:
        train: Ids (N,) below `vocabulary_size`.
        held_out: Ids (H,) of a text that directly follows the first: its first characters are predicted from that
            one's end.
        vocabulary_size: How many different characters there are.
        max_order: The last order that is tried, at least 1; N if that is less.
        patience: How many orders in a row must not beat the best before no more are tried, at least 1.

    Returns:
        The best order, and the bits per held-out character of all that were tried.

    Raises:
        CorpusError: Either text is empty.
    """
    bits: list[float] = []
    for surprise in surprises(train, held_out, vocabulary_size, max_order):
        bits.append(float(surprise.mean()))
        if len(bits) - 1 - int(np.argmin(bits)) >= patience:
            break
    best = int(np.argmin(bits))
    return Baseline(best + 1, bits[best], tuple(bits), len(train), len(held_out))


def surprises(train: Ids, held_out: Ids, vocabulary_size: int, max_order: int) -> Iterator[Floats]:
    """How surprising each held-out character is to the models of `kneser_ney`.

    Args:
        train: As there.
        held_out: As there.
        vocabulary_size: As there.
        max_order: The last order; N if that is less.

    Yields:
        Bits of each held-out character, (H,), for orders 1, 2, ...

    Raises:
        CorpusError: Either text is empty.
    """
    for name, ids in (("training", train), ("held-out", held_out)):
        if len(ids) == 0:
            raise CorpusError(f"the {name} text is empty: there are no n-grams to measure.", "Give a longer text.")
    held_out_size = len(held_out)
    # The narrowest integers: NumPy sorts those of 8 and 16 bits by radix, wider ones by comparison.
    text = np.concatenate([train, held_out]).astype(np.min_scalar_type(vocabulary_size - 1))
    grams = Grams.empty(len(text))
    below: Floats = np.full(
        held_out_size, 1 / vocabulary_size
    )  # P of the held-out characters by continuations, an order down
    for order in range(1, min(max_order, len(train)) + 1):
        longer = grams.extended(text)
        counts = np.bincount(
            longer.names[:-held_out_size], minlength=len(longer)
        )  # the last H end in the held-out text
        if order > 1:
            # N1+(• g), how many characters come before g: of the different k-grams, those that end with g.
            before = np.bincount(longer.suffixes[counts > 0], minlength=len(grams))
            below = _smoothed(grams, before, grams.names[-held_out_size:], below)
        grams = longer
        yield -np.log2(_smoothed(grams, counts, grams.names[-held_out_size:], below))


def _smoothed(grams: Grams, counts: Counts, wanted: Names, below: Floats) -> Floats:
    """P(c | h) = (n(hc) - D(n(hc))) / n(h •) + γ(h) P(c | h without its first character), of H k-grams hc.

    `counts`: (G,) n, of k-grams or of their continuations; `wanted`: (H,) names; `below`: (H,) the P after γ, which
    gives it what the discounts took. It is all there is where h was never counted.
    """
    discounted_by = discounts(counts)[np.minimum(counts, 3)]  # (G,)
    contexts = grams.contexts[wanted]
    total = np.bincount(grams.contexts, weights=counts)[contexts]  # (H,) n(h •)
    discounted = np.bincount(grams.contexts, weights=discounted_by)[contexts]  # (H,) γ(h) n(h •)
    remaining = (counts - discounted_by)[wanted]
    return np.where(total > 0, (remaining + discounted * below) / np.maximum(total, 1), below)
