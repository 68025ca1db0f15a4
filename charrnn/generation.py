"""Writing and reading one character at a time, in NumPy.

torch's modules are made for many characters at once: one at a time they are ten to thirty times slower than this
(bench/sampling.py measures it), and importing torch takes longer than writing a page. The numbers are those of
`charrnn.model` to float32 rounding.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn import cells
from charrnn.cells import Array, Stage, Weights
from charrnn.config import ModelConfig
from charrnn.errors import CorpusError, UsageError
from charrnn.sampling import Chain, Link, Never, draw, log_softmax
from charrnn.vocabulary import Vocabulary

_LN2 = math.log(2)


@dataclass(frozen=True, slots=True)
class Character:
    """One character the model wrote. `bits` is how much it surprised the model, before any temperature.

    Of a model of bytes it is one byte; its text is "" until a character is whole."""

    text: str
    id: int
    bits: float


class Engine:
    """A trained model, packed for one character at a time.

    A state is an array (num_layers, 2 for an LSTM, else 1, rnn_size): each layer's h and, for an LSTM, c. States and
    logits are copied on their way in and out, so what you hold never changes under you. One engine serves any number of
    texts in turn, but `step` and `feed` only one thread.
    """

    def __init__(self, model: ModelConfig, weights: Weights) -> None:
        """`weights` are named and shaped as `ModelConfig.shapes` has it; they are copied."""
        self.config = model
        self.packed = [cells.pack(model, index, weights) for index in range(model.num_layers)]
        self.rows = list(cells.table(model, weights))  # V rows (gates * H,)
        norms = range(model.num_layers if model.layer_norm else 0)
        self.norms = [tuple(_copy(weights[f"norms.{index}.{name}"]) for name in ("weight", "bias")) for index in norms]
        self.projection = _copy(weights["projection.weight"]) if model.projected else None
        matrix = weights["embedding.weight" if model.tied else "head.weight"]
        self.head = _copy(np.column_stack((matrix, weights["head.bias"])))  # (V, H + 1), for the stack's output | 1
        self._reader = Reader(self)

    def zero_state(self) -> Array:
        """The state at the beginning of a text."""
        parts = 2 if self.config.model == "lstm" else 1
        return np.zeros((self.config.num_layers, parts, self.config.rnn_size), dtype=np.float32)

    def step(self, index: int, state: Array) -> tuple[Array, Array]:
        """Consume one id: logits (V,) of the character after it, and the state then."""
        return self.feed((index,), state)

    def feed(self, ids: Iterable[int], state: Array) -> tuple[Array, Array]:
        """Consume ids, at least one: logits (V,) of the character after the last, and the state then."""
        reader = self._reader
        reader.load(state)
        consumed = False
        for index in ids:
            reader.consume(index)
            consumed = True
        if not consumed:
            raise UsageError("nothing to feed: give at least one character.")
        return reader.logits(), reader.state()


def _copy(weight: NDArray[Any]) -> Array:
    return np.array(weight, dtype=np.float32, order="C")


class Reader:
    """An engine in motion through one text: its state is in its own buffers, at first the zero state."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        layers = [cells.make(engine.config, packed) for packed in engine.packed]
        stages: list[Stage] = []
        for index, layer in enumerate(layers):
            stages.append(layer)
            if engine.norms:
                stages.append(cells.Norm(*engine.norms[index]))
        if engine.projection is not None:
            stages.append(cells.Projection(engine.projection))
        self.top: Array = np.ones(engine.head.shape[1], dtype=np.float32)  # the stack's output | 1
        outputs = [*(stage.x for stage in stages[1:]), self.top[:-1]]
        # Each stage, what is added to its output, and where that goes. Residual connections leave the norms out.
        self.plan: list[tuple[Stage, Array | None, Array]] = []
        path: Array | None = None
        for stage, output in zip(stages, outputs, strict=True):
            recurrent = stage in layers
            self.plan.append((stage, path if recurrent else None, output))
            if recurrent and engine.config.residual:
                path = output
        self.carried = [part for layer in layers for part in layer.carried]

    def load(self, state: Array) -> None:
        """Go on from a state."""
        for part, values in zip(self.carried, state.reshape(len(self.carried), -1), strict=True):
            part[:] = values

    def state(self) -> Array:
        """A copy of the state."""
        return np.array(self.carried).reshape(self.engine.config.num_layers, -1, self.engine.config.rnn_size)

    def consume(self, index: int) -> None:
        """Read one character's id."""
        row: Array | None = self.engine.rows[index]
        for stage, added, output in self.plan:
            stage.step(row)
            row = None
            if added is None:
                output[:] = stage.h
            else:
                np.add(stage.h, added, output)

    def logits(self) -> Array:
        """(V,), a new array: what the model makes of the characters consumed, of which there must be one."""
        logits: Array = self.engine.head.dot(self.top)
        return logits


def generate(
    engine: Engine, vocabulary: Vocabulary, prime: str, length: int, links: Link, rng: np.random.Generator
) -> Iterator[Character]:
    """Read the prime (an empty one: the vocabulary's default), then write `length` characters, each as it is asked for.

    `links` come between the model's log-probabilities and the draw (charrnn.sampling.chain); the unknown symbol is
    ruled out before them. Raises VocabularyError for a prime with unseen characters and UsageError for a length below
    0, when called.
    """
    if length < 0:
        raise UsageError(f"--length {length}: 0 or more.")
    ids: list[int] = vocabulary.encode(prime or vocabulary.default_prime).tolist()
    if vocabulary.unknown_id is not None:
        links = Chain((Never(vocabulary.unknown_id), links))

    def characters() -> Iterator[Character]:
        reader, unread, decode = Reader(engine), ids, vocabulary.decoder()
        for left in range(length, 0, -1):
            for index in unread:
                reader.consume(index)
            log_probs = log_softmax(reader.logits())
            index = draw(links(log_probs), rng)
            yield Character(decode(index, left == 1), index, -log_probs.item(index) / _LN2)
            unread = [index]

    return characters()


def bits_per_character(engine: Engine, vocabulary: Vocabulary, text: str) -> float:
    """Mean surprise over every character of `text` after the first, read from the zero state.

    Raises CorpusError for a text of fewer than two characters, VocabularyError for unseen ones."""
    ids: list[int] = vocabulary.encode(text).tolist()
    if len(ids) < 2:
        raise CorpusError("a text of at least two characters is needed: nothing predicts the first.")
    reader, nats = Reader(engine), 0.0
    for index, following in itertools.pairwise(ids):
        reader.consume(index)
        nats -= float(log_softmax(reader.logits())[following])
    return nats / (len(ids) - 1) / _LN2
