"""A model that reads a text from one of its sides, and what it expects of many texts that go on from one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.network.engine import Engine, State
from charrnn.ngrams.mixing import Mixture
from charrnn.sampling.chain import LogProbs, log_softmax

Ids = Sequence[int]
_TOGETHER = 256  # sequences that are judged side by side: as many states are in memory


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A network, with the counts beside it that have a say.

    Ids are in the order in which it reads: for a model of texts from their end, those of the text reversed.
    """

    engine: Engine
    mixture: Mixture | None = None

    def log_probs(self, logits: NDArray[np.floating], contexts: Sequence[list[int]]) -> LogProbs:
        """What comes next in a batch.

        Args:
            logits: (B, V), the network's.
            contexts: Those that each sequence ends with, as `Mixture.nodes` has them; without counts anything.

        Returns:
            Natural log-probabilities (B, V), of the network or of both.

        Raises:
            DivergedError: The network's outputs are not numbers.
        """
        log_probs = log_softmax(logits)
        return self.mixture.batch_log_probs(log_probs, contexts) if self.mixture else log_probs

    def judge(self, state: State, sequences: Sequence[Ids]) -> NDArray[np.float64]:
        """How likely each of several sequences is after what was read.

        Args:
            state: After what they all follow.
            sequences: Ids, of any lengths, none among them.

        Returns:
            Natural log-probabilities (len(sequences),): of an empty sequence 0.

        Raises:
            DivergedError: The network's outputs are not numbers.
        """
        sums = np.zeros(len(sequences))
        order = sorted(range(len(sequences)), key=lambda number: len(sequences[number]))
        for first in range(0, len(order), _TOGETHER):
            block = order[first : first + _TOGETHER]
            sums[block] = self._judge_block(state, [sequences[number] for number in block])
        return sums

    def _judge_block(self, state: State, sequences: Sequence[Ids]) -> NDArray[np.float64]:
        """The same of some sequences, side by side: the shorter ones are filled up with what is not counted."""
        lengths = np.array([len(sequence) for sequence in sequences])
        padded = np.zeros((int(lengths.max()), len(sequences)), dtype=np.intp)
        for column, sequence in enumerate(sequences):
            padded[: len(sequence), column] = sequence
        batch, sums, columns = (
            BatchReader(self, state, len(sequences)),
            np.zeros(len(sequences)),
            np.arange(len(sequences)),
        )
        for place, ids in enumerate(padded):
            if place:
                batch.step(padded[place - 1])
            sums += np.where(place < lengths, batch.log_probs()[columns, ids], 0.0)
        return sums


class BatchReader:
    """Several sequences that go on from one state, and what is expected next in each."""

    def __init__(self, side: Side, state: State, size: int) -> None:
        """All `size` of them begin after what the state has read."""
        self._side = side
        self._decoder = side.engine.batch_decoder(state, size)
        self._logits = np.broadcast_to(state.logits, (size, len(state.logits)))
        self._contexts = [side.mixture.nodes(state.recent)] * size if side.mixture else []

    def log_probs(self) -> LogProbs:
        """Of the next character, (B, V). Raises DivergedError."""
        return self._side.log_probs(self._logits, self._contexts)

    def step(self, ids: NDArray[np.intp]) -> None:
        """Read a character of each, (B,)."""
        self._decoder.step(ids)
        self._logits = self._decoder.logits()
        if self._side.mixture:
            after = self._side.mixture.nodes_after
            self._contexts = [after(nodes, index) for nodes, index in zip(self._contexts, ids.tolist(), strict=True)]
