"""A network and counts, mixed: p = (1 - s) p_network + s p_counts, with a share s for each length of the context.

The longest context that was counted says how much the counts are worth at a place. The shares are chosen on held-out
text, by expectation maximisation (Jelinek and Mercer, 1980). What is then reported of that text is cross-fitted: its
first half is measured with the shares of its second half, and the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from charrnn.errors import CheckpointError
from charrnn.ngrams.context import ContextReader
from charrnn.ngrams.grams import Floats
from charrnn.ngrams.model import NgramModel, Places

_FIRST_SHARE, _WEIGHT = 0.3, 2.0  # what a share is where nothing is known of it, and that as characters
_ENOUGH = 1 << 17  # characters that choose a handful of shares; of a longer text every second, third, ... does
_ROUNDS = 20  # of expectation maximisation: the loss then moves in the sixth decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixing:
    """How a checkpoint's counts are mixed with its network, and what they achieve together."""

    shares: tuple[float, ...]  # of the counts, where the longest context has 0, 1, 2, ... characters
    held_out_loss: float  # nats per character of both, cross-fitted
    improves: bool  # whether that is less than the network's

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Mixing:
        """Build from a JSON object.

        Raises:
            CheckpointError: It is no such thing.
        """
        shares = values.get("shares")
        loss, improves = values.get("held_out_loss"), values.get("improves")
        numbers = isinstance(shares, list) and all(isinstance(share, int | float) for share in shares)
        if not numbers or not isinstance(loss, int | float) or not isinstance(improves, bool):
            raise CheckpointError("how its n-grams are mixed is damaged.", "Use another checkpoint.")
        if not shares or not all(0 <= share <= 1 for share in shares):
            raise CheckpointError("the shares of its n-grams are damaged.", "Use another checkpoint.")
        return cls(shares=tuple(map(float, shares)), held_out_loss=float(loss), improves=improves)


class Mixture:
    """Counts, and their shares.

    Attributes:
        model: The counts.
        shares: (order,) by the length of the longest context.
    """

    def __init__(self, model: NgramModel, shares: tuple[float, ...]) -> None:
        """Put them together.

        Args:
            model: The counts.
            shares: Of the counts, by the length of the context.

        Raises:
            CheckpointError: There are not as many shares as the model has lengths.
        """
        if len(shares) != model.order:
            raise CheckpointError("its n-grams and their shares do not fit.", "Use another checkpoint.")
        self.model, self.shares = model, np.array(shares)

    @cached_property
    def _reader(self) -> ContextReader:
        return ContextReader(self.model)

    def nodes(self, ids: Sequence[int]) -> list[int]:
        """The contexts that a text ends with.

        Args:
            ids: The text, or at least as many of its last characters as the longest context has.

        Returns:
            Nodes of the model: those of the contexts of 0, 1, 2, ... characters.
        """
        nodes = [0]
        for index in ids[-self.model.order :]:
            nodes = self.nodes_after(nodes, index)
        return nodes

    def nodes_after(self, nodes: list[int], index: int) -> list[int]:
        """The contexts that a text ends with after one more character, `index`."""
        return self._reader.nodes_after(nodes, index)

    def log_probs(self, network: Floats, nodes: list[int]) -> Floats:
        """Mix what comes next.

        Args:
            network: (V,) the network's log-probabilities.
            nodes: The contexts that the text ends with.

        Returns:
            (V,) natural log-probabilities of both.
        """
        share = self.shares.item(len(nodes) - 1)
        mixed = np.exp(network)
        mixed *= 1 - share
        counted = self._reader.probabilities(nodes)
        counted *= share
        mixed += counted
        with np.errstate(divide="ignore"):  # of zero, -inf
            return np.log(mixed, out=mixed)

    def batch_log_probs(self, network: Floats, nodes: Sequence[list[int]]) -> Floats:
        """`log_probs` of several texts, (B, V), with the contexts that each ends with."""
        shares = self.shares[[len(row) - 1 for row in nodes], None]
        mixed = np.exp(network)
        mixed *= 1 - shares
        counted = self._reader.batch_probabilities(nodes)
        counted *= shares
        mixed += counted
        with np.errstate(divide="ignore"):
            return np.log(mixed, out=mixed)

    def nats(self, network: Floats, counted: Floats, lengths: Places) -> Floats:
        """Mix the losses of a text's characters.

        Args:
            network: (n,) the network's, in nats.
            counted: (n,) their probabilities by the counts, and
            lengths: (n,) the context lengths, as `NgramModel.predict` gives them.

        Returns:
            (n,) the losses of both, in nats.
        """
        return mixed_nats(network, counted, self.shares[lengths])


def mixed_nats(network: Floats, counted: Floats, shares: Floats) -> Floats:
    """-log((1 - s) exp(-network) + s counted): all (n,), losses in nats and probabilities."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.logaddexp(np.log1p(-shares) - network, np.log(shares * counted)))


def fitted_shares(network: Floats, counted: Floats, lengths: Places, order: int) -> Floats:
    """The shares that make a text likeliest.

    Args:
        network: (n,) the network's losses, in nats.
        counted: (n,) probabilities by the counts.
        lengths: (n,) of the contexts.
        order: How many lengths there are.

    Returns:
        (order,), near 0.3 for a length that hardly occurs.
    """
    every = max(1, len(network) // _ENOUGH)
    network, counted, lengths = network[::every], counted[::every], lengths[::every]
    seen = np.bincount(lengths, minlength=order)
    by_network = np.exp(-network)
    shares = np.full(order, _FIRST_SHARE)
    for _ in range(_ROUNDS):
        share = shares[lengths]
        from_counts = share * counted
        total = from_counts + (1 - share) * by_network
        responsible = np.divide(from_counts, total, out=np.full_like(total, _FIRST_SHARE), where=total > 0)
        sums = np.bincount(lengths, weights=responsible, minlength=order)
        shares = (sums + _WEIGHT * _FIRST_SHARE) / (seen + _WEIGHT)
    return shares


def cross_fitted(network: Floats, counted: Floats, lengths: Places, order: int) -> tuple[Floats, float]:
    """Choose shares, and measure them on text that did not choose them.

    Args:
        network: As for `fitted_shares`.
        counted: As there.
        lengths: As there.
        order: As there.

    Returns:
        The shares of the whole text, (order,); and the mean loss, in nats, of each half with the shares of the other.
    """
    half = len(network) // 2
    parts = (slice(None, half), slice(half, None))
    losses = 0.0
    for chosen_on, measured in (parts, parts[::-1]):
        shares = fitted_shares(network[chosen_on], counted[chosen_on], lengths[chosen_on], order)
        losses += float(mixed_nats(network[measured], counted[measured], shares[lengths[measured]]).sum())
    return fitted_shares(network, counted, lengths, order), losses / max(1, len(network))
