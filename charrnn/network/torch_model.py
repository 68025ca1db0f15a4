"""The network in torch: embedding, a stack of recurrent layers, a linear head. Its state is passed in and out.

A bidirectional one carries none: each layer reads a window from both ends, and the next reads both of its outputs.

The textbooks' additions are switches of `ModelConfig`: residual connections, layer normalisation between layers, one
matrix for embedding and head, dropout of the input and of every layer's output, weight-drop on the recurrent matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from charrnn.config import ModelConfig
from charrnn.config.network import DIRECTIONS
from charrnn.errors import UsageError
from charrnn.network import recurrent_kernels
from charrnn.network.device_copy import to_device
from charrnn.network.dropout_masks import DropoutMasks

# What each layer carries from window to window, each (B, rnn_size): (h, c) for an LSTM, (h,) for a GRU or RNN.
LayerStates = tuple[tuple[Tensor, ...], ...]

# A layer's module, and what the module's forward calls: we call that, to run a layer with a masked matrix as well.
_CELLS: dict[str, tuple[Callable[..., nn.RNNBase], Callable[..., tuple[Tensor, ...]]]] = {
    "lstm": (nn.LSTM, torch.lstm),
    "gru": (nn.GRU, torch.gru),
    "tanh": (nn.RNN, torch.rnn_tanh),
    "relu": (partial(nn.RNN, nonlinearity="relu"), torch.rnn_relu),
}
# Those that torch has no fused kernel for on a CPU.
_CPU_KERNELS: dict[str, Callable[[Tensor, Tensor, list[Tensor]], tuple[Tensor, Tensor]]] = {
    "gru": recurrent_kernels.gru,
    "tanh": recurrent_kernels.rnn_tanh,
    "relu": recurrent_kernels.rnn_relu,
}

_FIRST_MASKS = DropoutMasks()  # of the first iteration under seed 0
_PART_OF = {"norms": "layers", "projection": "head"}  # the first word of a weight's name, where that is no part itself


class TiedHead(nn.Module):
    """A head whose matrix is the embedding's (Press and Wolf, 2017; Inan et al., 2017): x (..., E) -> (..., V).

    The matrix remains the embedding's parameter, so that it has one name among the weights. It is drawn as small as a
    head's, and read as an embedding times sqrt(E) (Vaswani et al., 2017, section 3.4).
    """

    def __init__(self, embedding: nn.Embedding, vocabulary_size: int) -> None:
        super().__init__()
        self._embedding = (embedding,)  # within a tuple a module is not registered
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))

    @property
    def weight(self) -> Tensor:
        """The embedding's matrix, (V, E): without the symbol of what is hidden, which is never the answer."""
        matrix = self._embedding[0].weight
        return matrix if len(matrix) == len(self.bias) else matrix[: len(self.bias)]

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (..., E) to logits (..., V)."""
        return F.linear(x, self.weight, self.bias)


class CharModel(nn.Module):
    """Predicts every next character of B streams.

    One-layer modules rather than one deep one: dropout is ours and explicit, every layer's output is visible, and the
    fused kernels stay. The weights are those of `ModelConfig.shapes`.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int, *, seed: int = 0) -> None:
        """Draw the weights.

        Args:
            config: The network's settings.
            vocabulary_size: V.
            seed: What they are drawn from, without touching torch's global generator.
        """
        super().__init__()
        self.config, self.vocabulary_size = config, vocabulary_size
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed an accelerator's too
            width = config.embedding_size or config.symbols(vocabulary_size)
            if config.embedding_size:
                self.embedding = nn.Embedding(config.symbols(vocabulary_size), config.embedding_size)
            cell = config.nonlinearity if config.model == "rnn" else config.model
            (module, self._kernel), self._cpu_kernel = _CELLS[cell], _CPU_KERNELS.get(cell)
            layers = []
            for _ in range(config.num_layers):
                layers.append(module(width, config.rnn_size, bidirectional=config.bidirectional))
                width = config.width
            self.layers = nn.ModuleList(layers)
            if config.layer_norm:
                self.norms = nn.ModuleList(nn.LayerNorm(config.width) for _ in layers)
            if config.projected:
                self.projection = nn.Linear(config.width, config.embedding_size, bias=False)
            if config.tied:
                self.head: TiedHead | nn.Linear = TiedHead(self.embedding, vocabulary_size)
            else:
                self.head = nn.Linear(config.width, vocabulary_size)
        if config.tied:
            with torch.no_grad():  # N(0, 1) would make logits of the order of sqrt(E)
                self.embedding.weight.mul_(config.embedding_size**-0.5)
        if config.model == "lstm":  # remember at first: forget bias 1 (Jozefowicz et al., 2015)
            for layer, direction in product(layers, DIRECTIONS[: config.directions]):
                with torch.no_grad():
                    layer.get_parameter(f"bias_ih_l0{direction}")[config.rnn_size : 2 * config.rnn_size] = 1.0

    def freeze(self, part: str) -> None:
        """Train a part no longer.

        Args:
            part: "embedding"; "layers", each with its norm; or "head", with its projection.

        Raises:
            UsageError: The embedding is to be frozen, and there is none.
        """
        if part == "embedding" and not self.config.embedding_size:
            raise UsageError("--freeze embedding: --embedding-size 0 has none.", "Leave it out.")
        for name, parameter in self.named_parameters():
            if _PART_OF.get(kind := name.split(".")[0], kind) == part:
                parameter.requires_grad_(False)

    def zero_state(self, batch_size: int) -> LayerStates:
        """The state at the beginning of a text, of B streams: zeros; () of what carries none, being bidirectional."""
        if self.config.bidirectional:
            return ()
        return self._zeros(batch_size)

    def _zeros(self, batch_size: int) -> LayerStates:
        zeros = torch.zeros(batch_size, self.config.rnn_size, device=self.head.weight.device)
        return ((zeros,) * (2 if self.config.model == "lstm" else 1),) * self.config.num_layers

    def forward(
        self,
        inputs: Tensor,
        state: LayerStates,
        *,
        carry_at: int | None = None,
        masks: DropoutMasks = _FIRST_MASKS,
    ) -> tuple[Tensor, LayerStates]:
        """Predict the character after each of a window.

        Args:
            inputs: Ids (B, T).
            state: What the B streams carry into the window.
            carry_at: After how many characters to take the state that is handed out; None is all T. Those beyond it are
                still predicted with everything before them: For overlapping windows.
            masks: Those of dropout while training. Place 0 is the input; then, from the lowest layer up, each has two:
                its recurrent matrix and its output; and after those, of the other direction, its recurrent matrix.

        Returns:
            Logits (B, T, V), and the state after `carry_at` characters. Those of a bidirectional network are of the
            characters themselves, and it has no state, ().
        """
        config = self.config
        cut = inputs.shape[1] if carry_at is None else carry_at
        x = inputs.t()  # time-major (T, B): the order in which the kernels run
        symbols = config.symbols(self.vocabulary_size)
        x = self.embedding(x) if config.embedding_size else F.one_hot(x, symbols).float()
        if config.tied:
            x = x * config.embedding_size**0.5
        x = self._drop(x, config.input_dropout, masks.of_streams, 0)
        residual = x  # what the next layer's output is added to; layers and head read it through its norm, if any
        carried = []
        for index in range(config.num_layers):
            if config.bidirectional:
                y = self._both_ways(x, index, masks)
            else:
                y, state_at_cut = self._onwards(x, state[index], index, masks, cut)
                carried.append(state_at_cut)
            y = self._drop(y, config.dropout, masks.of_streams, 2 * index + 2)
            residual = residual + y if config.residual and index > 0 else y
            x = self.norms[index](residual) if config.layer_norm else residual
        if config.projected:
            x = self.projection(x)
        return self.head(x).transpose(0, 1), tuple(carried)

    def loss(
        self,
        inputs: Tensor,
        targets: Tensor,
        state: LayerStates,
        *,
        carry_at: int | None = None,
        masks: DropoutMasks = _FIRST_MASKS,
        count: int | None = None,
    ) -> tuple[Tensor, LayerStates]:
        """Measure how well a window is predicted.

        Args:
            inputs: Ids (B, T).
            targets: The ids (B, T) that follow. -100 does not count (`windows.IGNORED`, and what cross_entropy leaves
                out by default). There must be others, as in every window of `windows`: a mean over nothing is NaN.
            state: As in `forward`.
            carry_at: As in `forward`.
            masks: As in `forward`.
            count: Of a part of a window, the targets of the whole, over which the mean is: the part may have none.

        Returns:
            The mean cross-entropy in nats per character, and the state as `forward` gives it.
        """
        logits, carried = self(inputs, state, carry_at=carry_at, masks=masks)
        flat = logits.transpose(0, 1).reshape(-1, self.vocabulary_size).float()  # time-major again: no copy
        wanted = targets.t().reshape(-1)
        if count is not None:
            return F.cross_entropy(flat, wanted, reduction="sum") / count, carried
        return F.cross_entropy(flat, wanted), carried

    def _onwards(
        self, x: Tensor, state: tuple[Tensor, ...], index: int, masks: DropoutMasks, cut: int
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """A layer over x (T, B, X), from the parts (B, H) of its state: outputs (T, B, H), and the state at the cut."""
        weights = self._weights_of(index, 0, masks)
        y, state_at_cut = self._run(x[:cut], tuple(part.unsqueeze(0) for part in state), weights)
        if cut < len(x):
            y_beyond, _ = self._run(x[cut:], state_at_cut, weights)
            y = torch.cat((y, y_beyond))
        return y, tuple(part.squeeze(0) for part in state_at_cut)

    def _both_ways(self, x: Tensor, index: int, masks: DropoutMasks) -> Tensor:
        """A layer over x (T, B, X) from its beginning, and from its end: outputs (T, B, 2 H), the former's first.

        Both begin with zeros (Schuster and Paliwal, 1997): no window knows of another.
        """
        state = tuple(part.unsqueeze(0) for part in self._zeros(x.shape[1])[index])
        forwards, _ = self._run(x, state, self._weights_of(index, 0, masks))
        backwards, _ = self._run(x.flip(0), state, self._weights_of(index, 1, masks))
        return torch.cat((forwards, backwards.flip(0)), dim=-1)

    def _weights_of(self, index: int, direction: int, masks: DropoutMasks) -> list[Tensor]:
        """A layer's weights in a direction, its recurrent matrix as it is dropped.

        DropConnect on the matrix (Merity et al., 2018): one mask serves the whole window.
        """
        w_ih, w_hh, *biases = list(self.layers[index].parameters())[4 * direction : 4 * direction + 4]
        place = 2 * index + 1 + direction * 2 * self.config.num_layers
        return [w_ih, self._drop(w_hh, self.config.recurrent_dropout, masks.of_all, place), *biases]

    def _run(self, x: Tensor, state: tuple[Tensor, ...], weights: list[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One layer over x (T, B, X), from the parts (1, B, H) of its state: its outputs (T, B, H) and the state."""
        if self._cpu_kernel and x.device.type == "cpu":
            y, last = self._cpu_kernel(x, state[0], weights)
            return y, (last,)
        if x.device.type == "cuda" and torch.is_autocast_enabled("cuda"):
            return self._run_in(torch.get_autocast_dtype("cuda"), x, state, weights)
        return self._run_torchs(x, state, weights)

    def _run_in(
        self, dtype: torch.dtype, x: Tensor, state: tuple[Tensor, ...], weights: list[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As `_run`, multiplied in a data type, which is that of the outputs and the state too.

        By itself autocast makes float16 of all that enters cuDNN's layers, whatever it was told (ATen/cudnn/
        AutocastRNN.cpp): bfloat16 would be float16 without its loss scaling.
        """
        chunk = torch.cat([weight.flatten().to(dtype) for weight in weights])  # as cuDNN wants them: it would copy them
        parts = torch.split(chunk, [weight.numel() for weight in weights])
        cast = [part.view_as(weight) for part, weight in zip(parts, weights, strict=True)]
        with torch.autocast(x.device.type, enabled=False):
            return self._run_torchs(x.to(dtype), tuple(part.to(dtype) for part in state), cast)

    def _run_torchs(
        self, x: Tensor, state: tuple[Tensor, ...], weights: list[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As `_run`, by torch's kernel for the device."""
        start = state if self.config.model == "lstm" else state[0]
        has_biases, depth, dropout, bidirectional, batch_first = True, 1, 0.0, False, False
        y, *end = self._kernel(x, start, weights, has_biases, depth, dropout, self.training, bidirectional, batch_first)
        return y, tuple(end)

    def _drop(self, x: Tensor, share: float, mask: Callable[[int, Tensor, float], Tensor], place: int) -> Tensor:
        """Inverted dropout (Srivastava et al., 2014), while training."""
        if not self.training or not share:
            return x
        return x * mask(place, x, 1 - share)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """A copy of every weight, under the names of `ModelConfig.shapes`."""
        return {name: value.detach().float().cpu().numpy().copy() for name, value in self.state_dict().items()}

    def load_weights(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Take weights as `weights` gives them; they are copied."""
        self.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})


def detached(state: LayerStates) -> LayerStates:
    """The same numbers, cut from the graph that made them: where truncated BPTT truncates."""
    return tuple(tuple(part.detach() for part in layer) for layer in state)


def entering(state: LayerStates, continues: NDArray[np.bool_]) -> LayerStates:
    """The state that enters a window: zeros in the rows, of (B,), that do not continue the window before."""
    if not state or continues.all():
        return state
    keep = to_device(continues, state[0][0].device).unsqueeze(1)
    return tuple(tuple(part.where(keep, part.new_zeros(())) for part in layer) for layer in state)
