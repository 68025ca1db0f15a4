"""A trained network in NumPy, which reads and predicts one character at a time: of one sequence, or of a batch.

torch's modules are made for many characters at once: one at a time they are ten to thirty times slower than this
(bench/sampling.py measures it), and importing torch takes longer than writing a page. The numbers are those of
`charrnn.network.torch_model` to float32 rounding.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from charrnn import memory
from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError, UsageError
from charrnn.network import numpy_cells, numpy_weights
from charrnn.network.held_units import HeldUnit, held_units, holding
from charrnn.network.numpy_cells import Array, BatchShape, Layer
from charrnn.network.numpy_products import Matrix, TiledMatrix, WholeMatrix
from charrnn.network.numpy_weights import Weights

# A batch is multiplied so many sequences at a time, always: a BLAS rounds a column by the shape of the whole product
# and by the column's place in it, and a text must not depend on how many others are written with it.
_BLOCK = 32
RECENT = 32  # of the ids that were read, so many are remembered: longer contexts are not counted beside a network


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class State:
    """What a model knows of a text it has read, enough to go on from it as often as you like.

    Attributes:
        layers: (num_layers, 2 for an LSTM, else 1, rnn_size), float32: each layer's h and, for an LSTM, c.
        logits: (V,), float32, of the character that comes next.
        recent: The last ids that were read, the last 32 at most: by them the counts beside a network predict.
    """

    layers: Array
    logits: Array
    recent: tuple[int, ...] = ()

    def __repr__(self) -> str:
        layers, _, width = self.layers.shape
        return f"<State of {layers} x {width} units, {len(self.logits)} characters>"


class BatchDecoder(Protocol):
    """Several sequences that go on from one state, each in its own way."""

    def step(self, ids: NDArray[np.integer]) -> None:
        """Read one character of each sequence, (B,)."""

    def logits(self) -> Array:
        """(B, V), a new array, of the characters that come next."""
        ...

    def restart(self, sequences: NDArray[np.integer], state: State) -> None:
        """Let some of the sequences, their numbers (n,), go on from a state."""


@runtime_checkable
class DrawingDecoder(BatchDecoder, Protocol):
    """One that draws by itself, some characters ahead."""

    def draw(
        self, rules: Sequence[tuple[str, float]], uniform: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Draw and read some characters of each sequence.

        Args:
            rules: What stands between log-probabilities and draws, as `sampling.chain.rules` has it.
            uniform: (T, B), from 0 up to but not 1.

        Returns:
            Ids (T, B), and their log-probabilities before any rule, (T, B); NaN where there are none.
        """
        ...


def causal_refusal() -> CheckpointError:
    """What is said where a network is to predict what comes next, and is bidirectional."""
    return CheckpointError(
        "this network is bidirectional: it sees what comes after a character, which a generator must not, nor who "
        "predicts the next one.",
        "Use a forward model, or a forward and a backward one with charrnn fill; charrnn restore is for this one.",
    )


class Engine:
    """A trained network, laid out for one character at a time.

    States are copied on their way in and out, so what you hold never changes under you. One engine serves any number of
    sequences; they share its weights, which nothing writes to.

    Attributes:
        config: The network's settings.
        input_table: (V, gates * H), what each character adds to the gates of the lowest layer.
        input_rows: The same as a list of V rows, which gives one in a third of the time that an array takes.
        layer_weights: For each layer, what its cell takes.
        projection: (E, H + 1), or None.
        head: (V, H + 1), or (V, E + 1) after a projection.
        held: The units that are held at a value after every step; () for none.
    """

    def __init__(self, model: ModelConfig, weights: Weights, *, single_threaded: bool = False) -> None:
        """Lay the weights out.

        Args:
            model: The network's settings.
            weights: Named and shaped as `ModelConfig.shapes` has it; they are copied.
            single_threaded: Whether products stay on the thread that asks, whatever BLAS is set to: for a process that
                has other work to do. Else as many threads are taken as BLAS takes.

        Raises:
            UsageError: They take more memory than there is.
            CheckpointError: The network is bidirectional.
        """
        if model.bidirectional:
            raise causal_refusal()
        characters = len(weights["head.bias"])
        table = 4 * characters * model.gates * model.rnn_size  # bytes: a file of little may make much of it
        memory.require(table, f"{model.title} of {characters:,} characters", "Use a smaller model.")
        matrix: Callable[[Array], Matrix] = TiledMatrix if single_threaded else WholeMatrix
        self.config = model
        self.layer_weights = [
            tuple(matrix(columns.T) for columns in numpy_weights.layer_weights(model, layer, weights))
            for layer in range(model.num_layers)
        ]
        self.input_table = numpy_weights.input_table(model, weights)
        projection, head = numpy_weights.output_weights(model, weights)
        self.projection, self.head = None if projection is None else matrix(projection), matrix(head)
        self.input_rows = list(self.input_table)
        self.held: tuple[HeldUnit, ...] = ()

    def holding(self, units: Mapping[str, float] | Sequence[HeldUnit]) -> Self:
        """The same network, which shares its weights, with some units held at a value at every character it reads.

        Args:
            units: Each with its value: {"1.37": 0.9}.

        Returns:
            The engine. What was read by another was read without.

        Raises:
            UsageError: There is no such unit, a value is not a finite number, or a unit is held twice.
        """
        engine = copy.copy(self)
        engine.held = held_units(units, self.config)
        return engine

    def read(self, ids: Iterable[int], after: State | None = None) -> State:
        """Read a text.

        Args:
            ids: Its characters.
            after: The state to go on from; None is the beginning of a text.

        Returns:
            The state after the last character.

        Raises:
            UsageError: There is nothing to read, nor a state that it would follow; or the state is another model's.
        """
        if after and (after.layers.shape, len(after.logits)) != (self._state_shape, len(self.input_rows)):
            raise UsageError(f"{after!r} is of another model.", "Give a state that this model has read.")
        stack, recent = RecurrentStack(self), deque(after.recent if after else (), maxlen=RECENT)
        has_read = False
        if after:
            stack.set_state(after.layers)
        for index in ids:
            stack.step(self.input_rows[index])
            recent.append(index)
            has_read = True
        if has_read:
            return State(stack.get_state(), stack.logits(), tuple(recent))
        if after is None:
            raise UsageError("There is nothing to read.", "Give at least one character.")
        return State(after.layers.copy(), after.logits.copy(), after.recent)

    @property
    def _state_shape(self) -> tuple[int, int, int]:
        return self.config.num_layers, 2 if self.config.model == "lstm" else 1, self.config.rnn_size

    @cached_property
    def _input_columns(self) -> Array:
        return np.ascontiguousarray(self.input_table.T)

    def input_columns(self, ids: NDArray[np.integer]) -> Array:
        """The rows of the input table for ids (B,), as a batch takes them: (gates * H, B).

        From a copy that lies the other way round, because to add what lies across takes four times as long.
        """
        return self._input_columns.take(ids, axis=1)

    def batch_decoder(self, state: State, size: int) -> BatchDecoder:
        """A batch of `size` sequences, all of them to go on from `state`."""
        return _NumpyBatchDecoder(self, state, size)


class RecurrentStack:
    """The stack of layers at work on one sequence or a batch: it keeps the state, zero at first, in its own buffers."""

    def __init__(self, engine: Engine, batch: BatchShape = ()) -> None:
        """`batch` is () for one sequence, (B,) for B of them."""
        self.engine = engine
        config, hidden = engine.config, engine.config.rnn_size
        # Of a stack with nothing between its cells, each writes its output where the next reads its input.
        adjoining = not (config.layer_norm or config.residual or config.projected)
        if adjoining:
            buffers = numpy_cells.joint_buffers(hidden, config.num_layers, batch)
            self.top: Array = buffers[-1][hidden + 1 :]  # the stack's output | 1
        else:
            buffers = [numpy_cells.joint_buffers(hidden, 1, batch)[0] for _ in range(config.num_layers)]
            self.top = np.ones((engine.head.shape[1], *batch), dtype=np.float32)
        self.cells: list[numpy_cells.Cell] = [  # from the lowest layer up
            numpy_cells.make_cell(config, weights, buffer)
            for weights, buffer in zip(engine.layer_weights, buffers, strict=True)
        ]
        layers: list[Layer] = []
        for cell in self.cells:
            layers.append(cell)
            if config.layer_norm:
                layers.append(numpy_cells.make_layer_norm(hidden, batch))
        if engine.projection is not None:
            layers.append(numpy_cells.Projection(engine.projection, batch))
        # Each layer's step, its output and, of a cell whose output is not yet where it is read, that place and what a
        # residual connection adds on the way: the input of the norm below, if there is one, and not its output.
        self._plan: list[tuple[Callable[[Array | None], None], Array, Array | None, Array | None]] = []
        residual: Array | None = None
        for layer, following in zip(layers, [*(above.x for above in layers[1:]), self.top[:-1]], strict=True):
            if layer not in self.cells:
                layer.y = following
            destination = following if layer in self.cells and not adjoining else None
            step = layer.step if layer not in self.cells else self._cell_step(self.cells.index(layer))
            self._plan.append((step, layer.y, destination, residual))
            if destination is not None and config.residual:
                residual = destination
        self._state = [part for cell in self.cells for part in cell.state]
        self._to_logits, self._logits_shape = engine.head.product(batch), (engine.head.shape[0], *batch)

    def _cell_step(self, layer: int) -> Callable[[Array | None], None]:
        """The step of a layer's cell, which holds those of its units that are held."""
        cell, held = self.cells[layer], [held for held in self.engine.held if held.unit.layer == layer + 1]
        return holding(cell, held) if held else cell.step

    def set_state(self, layers: Array) -> None:
        """Go on from `State.layers`; of a batch, every sequence from this one."""
        for part, values in zip(self._state, layers.reshape(len(self._state), -1), strict=True):
            part.T[:] = values

    def set_states(self, places: NDArray[np.integer], layers: Array) -> None:
        """Let some sequences of a batch, (n,), go on from `State.layers`."""
        for part, values in zip(self._state, layers.reshape(len(self._state), -1), strict=True):
            part[:, places] = values[:, None]

    def get_state(self) -> Array:
        """A copy of what is carried now, as `State.layers`; of one sequence."""
        return np.array(self._state).reshape(self.engine.config.num_layers, -1, self.engine.config.rnn_size)

    def get_states(self) -> Array:
        """The same of every sequence of a batch, (B, *State.layers.shape)."""
        layers, hidden = self.engine.config.num_layers, self.engine.config.rnn_size
        states = np.array(self._state).transpose(2, 0, 1)
        return np.ascontiguousarray(states).reshape(len(states), layers, -1, hidden)

    def step(self, wx: Array | None) -> None:
        """Read one character.

        Args:
            wx: Of one sequence `engine.input_rows[id]`, (gates * H,); of a batch `engine.input_columns(ids)`,
                (gates * H, B).
        """
        for layer_step, output, destination, residual in self._plan:
            layer_step(wx)
            wx = None
            if destination is None:
                continue
            if residual is None:
                destination[:] = output
            else:
                np.add(output, residual, destination)

    def logits(self) -> Array:
        """(V,) or (V, B), a new array, of the next character; at least one must have been read."""
        logits = np.empty(self._logits_shape, dtype=np.float32)
        self._to_logits(self.top, logits)
        return logits


class _NumpyBatchDecoder:
    """One matrix product for a block of sequences, where one at a time would read all the weights for each."""

    def __init__(self, engine: Engine, state: State, size: int) -> None:
        blocks = -(-size // _BLOCK)
        self.ids = np.zeros((blocks, _BLOCK), dtype=np.intp)  # the last block is filled up with id 0
        self.size, self.engine = size, engine
        self.stacks = [RecurrentStack(engine, (_BLOCK,)) for _ in range(blocks)]
        for stack in self.stacks:
            stack.set_state(state.layers)

    def step(self, ids: NDArray[np.integer]) -> None:
        self.ids.reshape(-1)[: self.size] = ids
        for stack, block in zip(self.stacks, self.ids, strict=True):
            stack.step(self.engine.input_columns(block))

    def logits(self) -> Array:
        return np.concatenate([stack.logits().T for stack in self.stacks])[: self.size]

    def restart(self, sequences: NDArray[np.integer], state: State) -> None:
        for number, stack in enumerate(self.stacks):
            here = sequences[sequences // _BLOCK == number] % _BLOCK
            if len(here):
                stack.set_states(here, state.layers)
