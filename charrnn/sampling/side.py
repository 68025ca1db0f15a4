"""A model that reads a text from one of its sides, and what it expects of many texts that go on from one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.network.engine import RECENT, Engine, RecurrentStack, State
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

    def read_each(self, ids: NDArray[np.integer]) -> list[State]:
        """Read several texts side by side, each from its beginning.

        Args:
            ids: (T, B), their characters: T of each, at least 1.

        Returns:
            B states, each after the last character of its text.
        """
        stack = RecurrentStack(self.engine, ids.shape[1:])
        for column in ids:
            stack.step(self.engine.input_columns(column))
        logits, recent = stack.logits().T, ids[-RECENT:].T.tolist()
        return [State(*each) for each in zip(stack.get_states(), logits, map(tuple, recent), strict=True)]

    def judge(self, states: Sequence[State], sequences: Sequence[Ids]) -> NDArray[np.float64]:
        """How likely sequences are, each after what was read before it.

        Args:
            states: Of each sequence the state that it follows; many may follow one and the same.
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
            sums[block] = self._judge_block([states[number] for number in block], [sequences[n] for n in block])
        return sums

    def _judge_block(self, states: Sequence[State], sequences: Sequence[Ids]) -> NDArray[np.float64]:
        """The same of some sequences, side by side: the shorter ones are filled up with what is not counted."""
        lengths = np.array([len(sequence) for sequence in sequences])
        padded = np.zeros((int(lengths.max()), len(sequences)), dtype=np.intp)
        for column, sequence in enumerate(sequences):
            padded[: len(sequence), column] = sequence
        batch, sums, columns = BatchReader(self, states), np.zeros(len(sequences)), np.arange(len(sequences))
        for place, ids in enumerate(padded):
            if place:
                batch.step(padded[place - 1])
            sums += np.where(place < lengths, batch.log_probs()[columns, ids], 0.0)
        return sums


class BatchReader:
    """Several sequences, each of which goes on from a state, and what is expected next in each."""

    def __init__(self, side: Side, states: Sequence[State]) -> None:
        """`states` are what was read before each sequence, at least one."""
        self._side = side
        self._decoder = side.engine.batch_decoder(states[0], len(states))
        rows: dict[int, list[int]] = {}
        for row, state in enumerate(states):
            rows.setdefault(id(state), []).append(row)
        for number, state in {id(state): state for state in states if state is not states[0]}.items():
            self._decoder.restart(np.array(rows[number]), state)
        self._logits = np.stack([state.logits for state in states])
        self._contexts = [side.mixture.nodes(state.recent) for state in states] if side.mixture else []

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
