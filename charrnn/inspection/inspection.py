"""All that a network makes of a text, held whole, with the characters that it is of: what Python's `inspect` gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn import memory
from charrnn.config import ModelConfig
from charrnn.errors import CorpusError, UsageError
from charrnn.inspection.activations import Activations, LayerActivations, join, likeliest, read
from charrnn.inspection.gates import GateStatistics, gate_statistics
from charrnn.network.engine import Engine, State
from charrnn.network.hidden_unit import HiddenUnit
from charrnn.network.numpy_cells import PARTS, Array
from charrnn.text.model_input import input_from_beginning, model_input
from charrnn.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Inspection:
    """What goes on in a network while it reads T characters; row t of everything is after `characters[t]`.

    A model of bytes reads bytes: T counts those. A model of documents kept apart reads their boundary first, which is
    row 0. A model that reads from the end of a text (`header.backward`) has its last character in row 0.

    Attributes:
        text: What was given.
        characters: T strings, what was read, in the order of reading: a byte from 0x80 on is a surrogate (Python's
            "surrogateescape"), the boundary is "".
        unseen: (T,), where something else was read for a character that the model has never seen.
        vocabulary: V strings, the characters that the columns of `log_probs` are of, named as in `characters`.
        model: The network's settings.
        activations: What `layers` and `log_probs` are of, with the ids.
    """

    text: str
    characters: tuple[str, ...]
    unseen: NDArray[np.bool_]
    vocabulary: tuple[str, ...]
    model: ModelConfig
    activations: Activations

    def __len__(self) -> int:
        return len(self.characters)

    def __repr__(self) -> str:
        return f"<Inspection of {len(self):,} characters by {self.model.title}>"

    @property
    def layers(self) -> tuple[LayerActivations, ...]:
        """Each layer's `h`, `c` and `gates`, from the lowest up.

        `layers[0].h` is (T, H), and so are `layers[0].c` and `layers[0].gates["forget"]` of an LSTM.
        """
        return self.activations.layers

    @property
    def log_probs(self) -> Array:
        """(T, V), in nats, of what comes next by the network alone: row t predicts `characters[t + 1]`."""
        return self.activations.log_probs

    @property
    def probabilities(self) -> Array:
        """(T, V), of what comes next, a new array."""
        return np.exp(self.log_probs)

    def of(self, unit: str) -> Array:
        """The values of one unit.

        Args:
            unit: `1.37`, the output of unit 37 of layer 1; `1.37.c`, its cell state, of an LSTM.

        Returns:
            (T,).

        Raises:
            UsageError: There is no such unit.
        """
        try:
            named = HiddenUnit.parse(unit)
        except ValueError as error:
            raise UsageError(f"unit {unit}: {error}.") from None
        named.check(self.model)
        return self.activations.of(named)

    def likeliest(self, count: int = 5) -> list[list[tuple[str, float]]]:
        """What was expected after each character.

        Args:
            count: How many of the likeliest.

        Returns:
            T lists of characters with their probabilities, the likeliest first.
        """
        order, probabilities = likeliest(self.log_probs, count)
        return [
            [(self.vocabulary[index], probability) for index, probability in zip(*row, strict=True)]
            for row in zip(order.tolist(), probabilities.tolist(), strict=True)
        ]

    def gate_statistics(self) -> GateStatistics:
        """How often each gate is saturated, and for how long units remember."""
        return gate_statistics(self.model, [self.activations])


def inspect(engine: Engine, vocabulary: Vocabulary, text: str, after: State | None = None) -> Inspection:
    """Read a text and keep everything.

    Args:
        engine: The model's.
        vocabulary: The model's.
        text: Anyone's (`model_input`).
        after: The state to read it after; None is the beginning of a text, or of a document.

    Returns:
        All that the network makes of it.

    Raises:
        CorpusError: There is nothing to read.
        UsageError: It takes more memory than there is.
        VocabularyError: A surrogate that no byte stands for, of a model of bytes.
        DivergedError: The model's outputs are not numbers.
    """
    got = (model_input if after else input_from_beginning)(vocabulary, text)
    ids = got.ids
    if not len(ids):
        raise CorpusError("There is nothing to read.", "Give at least one character.")
    config = engine.config
    each = config.num_layers * (len(PARTS[config.model]) + 1) * config.rnn_size + len(vocabulary)  # numbers
    memory.require(
        2 * 4 * each * len(ids), f"all of {len(ids):,} characters", "Inspect them part by part, with `after`."
    )
    characters = tuple(vocabulary.characters)
    read_as = tuple(characters[index] for index in ids.tolist())
    return Inspection(text, read_as, got.unseen, characters, config, join(read(engine, ids, after)))
