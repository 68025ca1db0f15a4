"""Writing and reading in NumPy, one character at a time: one text, or several side by side.

torch's modules are made for many characters at once: one at a time they are ten to thirty times slower than this
(bench/sampling.py measures it), and importing torch takes longer than writing a page. The numbers are those of
`charrnn.network.torch_model` to float32 rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.errors import UsageError
from charrnn.network import numpy_cells
from charrnn.network.numpy_cells import Array, Stage, Texts, Weights

_LN2 = math.log(2)
# Texts side by side are multiplied so many at a time, always: a BLAS rounds a column by the shape of the whole product
# and by the column's place in it, and a text must not depend on how many others are written with it.
_BLOCK = 32


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What a model knows of a text it has read, enough to go on from it as often as you like.

    `carried` (num_layers, 2 for an LSTM, else 1, rnn_size) is each layer's h and, for an LSTM, c; `logits` (V,) are
    those of the character that comes next."""

    carried: Array
    logits: Array


class Writers(Protocol):
    """Several texts in motion."""

    def consume(self, ids: NDArray[np.integer]) -> None:
        """Read one character of each text, (texts,)."""

    def logits(self) -> Array:
        """(texts, V), a new array, of the characters that come next."""


class Engine:
    """A trained model, packed for one character at a time.

    States are copied on their way in and out, so what you hold never changes under you. One engine serves any number of
    texts in turn; they share its weights, which nothing writes to.
    """

    def __init__(self, model: ModelConfig, weights: Weights) -> None:
        """`weights` are named and shaped as `ModelConfig.shapes` has it; they are copied."""
        self.config = model
        self.packed = [numpy_cells.pack(model, index, weights) for index in range(model.num_layers)]
        self.table = numpy_cells.table(model, weights)  # (V, gates * H)
        self.projection, self.head = numpy_cells.pack_end(model, weights)  # (E, H + 1) or None; (V, H + 1 or E + 1)
        self.rows = list(self.table)  # its V rows: a list gives one in a third of the time an array does

    def read(self, ids: Iterable[int], after: State | None = None) -> State:
        """Read ids, from the beginning of a text or after what was read before.

        Raises UsageError if that is nothing at all."""
        reader, consumed = Reader(self), False
        if after:
            reader.load(after.carried)
        for index in ids:
            reader.consume(self.rows[index])
            consumed = True
        if consumed:
            return State(reader.carry(), reader.logits())
        if after is None:
            raise UsageError("nothing to read: give at least one character.")
        return State(after.carried.copy(), after.logits.copy())

    @cached_property
    def _columns(self) -> Array:
        return np.ascontiguousarray(self.table.T)

    def columns(self, ids: NDArray[np.integer]) -> Array:
        """The rows of the table for ids (texts,), as several texts side by side take them: (gates * H, texts).

        From a copy that lies the other way round, because to add what lies across takes four times as long."""
        return self._columns.take(ids, axis=1)

    def writers(self, state: State, texts: int) -> Writers:
        """Several texts, each to go on from the state."""
        return _SideBySide(self, state, texts)


class Reader:
    """An engine in motion through a text, or several side by side, each buffer then (…, texts): its state is in its own
    buffers, at first that of the beginning of a text."""

    def __init__(self, engine: Engine, texts: Texts = ()) -> None:
        self.engine = engine
        config, count = engine.config, len(engine.packed)
        # A stack without anything between its layers needs no copies: the output of each is in the input of the next.
        bare = not (config.layer_norm or config.residual or config.projected)
        places = numpy_cells.joined(config.rnn_size, count, texts) if bare else []
        places = places or [numpy_cells.joined(config.rnn_size, 1, texts)[0] for _ in range(count)]
        layers = [
            numpy_cells.make(config, packed, joined) for packed, joined in zip(engine.packed, places, strict=True)
        ]
        stages: list[Stage] = []
        for layer in layers:
            stages.append(layer)
            if config.layer_norm:
                stages.append(numpy_cells.norm(config.rnn_size, texts))
        if engine.projection is not None:
            stages.append(numpy_cells.Projection(engine.projection, texts))
        if bare:
            self.top: Array = places[-1][config.rnn_size + 1 :]  # the stack's output | 1
        else:
            self.top = np.ones((engine.head.shape[1], *texts), dtype=np.float32)
        # Each stage and, if its output has to be brought elsewhere, where to and what is added to it on the way.
        self.plan: list[tuple[Callable[[Array | None], None], Array, Array | None, Array | None]] = []
        path: Array | None = None  # of the residual connections, which leave the norms out
        for stage, output in zip(stages, [*(stage.x for stage in stages[1:]), self.top[:-1]], strict=True):
            if stage not in layers:
                stage.h = output
            brought = None if bare or stage not in layers else output
            self.plan.append((stage.step, stage.h, brought, path))
            if brought is not None and config.residual:
                path = output
        self.carried = [part for layer in layers for part in layer.carried]

    def load(self, carried: Array) -> None:
        """Go on from a `State.carried`; several texts all from this one."""
        for part, values in zip(self.carried, carried.reshape(len(self.carried), -1), strict=True):
            part.T[:] = values

    def carry(self) -> Array:
        """What is carried now, for a `State`; of one text."""
        return np.array(self.carried).reshape(self.engine.config.num_layers, -1, self.engine.config.rnn_size)

    def consume(self, row: Array | None) -> None:
        """Read one character, given as its row (gates * H,) of the table; of several texts (gates * H, texts)."""
        for step, h, output, added in self.plan:
            step(row)
            row = None
            if output is None:
                continue
            if added is None:
                output[:] = h
            else:
                np.add(h, added, output)

    def logits(self) -> Array:
        """(V,) or (V, texts), a new array: what the model makes of the characters read, of which there must be one."""
        logits: Array = self.engine.head.dot(self.top)
        return logits


class _SideBySide:
    """One matrix product for a block of texts, where one text at a time would read all the weights for each."""

    def __init__(self, engine: Engine, state: State, texts: int) -> None:
        blocks = -(-texts // _BLOCK)
        self.ids = np.zeros((blocks, _BLOCK), dtype=np.intp)
        self.texts, self.engine = texts, engine
        self.readers = [Reader(engine, (_BLOCK,)) for _ in range(blocks)]
        for reader in self.readers:
            reader.load(state.carried)

    def consume(self, ids: NDArray[np.integer]) -> None:
        self.ids.reshape(-1)[: self.texts] = ids
        for reader, block in zip(self.readers, self.ids, strict=True):
            reader.consume(self.engine.columns(block))

    def logits(self) -> Array:
        return np.concatenate([reader.logits().T for reader in self.readers])[: self.texts]
