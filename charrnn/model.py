"""The network in torch: embedding, a stack of recurrent layers, a linear head. Its state is passed in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from charrnn.config import ModelConfig

# What each layer carries from window to window, each (B, rnn_size): (h, c) for an LSTM, (h,) for a GRU or RNN.
State = tuple[tuple[Tensor, ...], ...]

_MODULES: dict[str, Callable[[int, int], nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class CharModel(nn.Module):
    """Predicts every next character of B streams.

    One-layer modules rather than one deep one: dropout is ours and explicit, every layer's output is visible, and the
    fused kernels stay. The weights are those of `ModelConfig.shapes`.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int, *, seed: int = 0) -> None:
        """Weights drawn from `seed`, without touching torch's global generator."""
        super().__init__()
        self.config, self.vocabulary_size = config, vocabulary_size
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed an accelerator's too
            width = config.embedding_size or vocabulary_size
            if config.embedding_size:
                self.embedding = nn.Embedding(vocabulary_size, config.embedding_size)
            layers = []
            for _ in range(config.num_layers):
                layers.append(_MODULES[config.model](width, config.rnn_size))
                width = config.rnn_size
            self.layers = nn.ModuleList(layers)
            self.head = nn.Linear(config.rnn_size, vocabulary_size)
        if config.model == "lstm":  # remember at first: forget bias 1 (Jozefowicz et al., 2015)
            for layer in layers:
                with torch.no_grad():
                    layer.get_parameter("bias_ih_l0")[config.rnn_size : 2 * config.rnn_size] = 1.0

    def zero_state(self, batch_size: int) -> State:
        """The state at the beginning of a text."""
        zeros = torch.zeros(batch_size, self.config.rnn_size, device=self.head.weight.device)
        return ((zeros,) * (2 if self.config.model == "lstm" else 1),) * self.config.num_layers

    def forward(
        self, inputs: Tensor, state: State, *, carry_at: int | None = None, generator: torch.Generator | None = None
    ) -> tuple[Tensor, State]:
        """inputs (B, T) ids -> logits (B, T, V) and the state after `carry_at` characters (default: all T).

        With `carry_at` < T the characters beyond it are still predicted with everything before them; only the state
        handed out is the earlier one, for overlapping windows. `generator` draws the dropout masks while training.
        """
        cut = inputs.shape[1] if carry_at is None else carry_at
        x = inputs.t()  # time-major (T, B): the order in which the kernels run
        x = self.embedding(x) if self.config.embedding_size else F.one_hot(x, self.vocabulary_size).float()
        carried = []
        for index, layer in enumerate(self.layers):
            start = tuple(part.unsqueeze(0) for part in state[index])
            y, middle = layer(x[:cut], self._pack(start))
            carried.append(tuple(part.squeeze(0) for part in self._unpack(middle)))
            if cut < len(x):
                rest, _ = layer(x[cut:], middle)
                y = torch.cat((y, rest))
            if self.training and self.config.dropout > 0:
                y = self._drop(y, generator)
            x = x + y if self.config.residual and index > 0 else y
        return self.head(x).transpose(0, 1), tuple(carried)

    def loss(
        self,
        inputs: Tensor,
        targets: Tensor,
        state: State,
        *,
        carry_at: int | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, State]:
        """Mean cross-entropy, nats per character, of targets (B, T), and the state as `forward` gives it.

        Targets of -100 (`windows.IGNORED`, and what cross_entropy leaves out by default) do not count. There must be
        others, as in every window of `windows`: a mean over nothing is NaN.
        """
        logits, carried = self(inputs, state, carry_at=carry_at, generator=generator)
        flat = logits.transpose(0, 1).reshape(-1, self.vocabulary_size).float()  # time-major again: no copy
        return F.cross_entropy(flat, targets.t().reshape(-1)), carried

    def _drop(self, y: Tensor, generator: torch.Generator | None) -> Tensor:
        # Our own mask, because F.dropout can only draw from the global generator.
        keep = 1 - self.config.dropout
        mask = torch.empty_like(y).bernoulli_(keep, generator=generator)
        return y * mask.div_(keep)

    def _pack(self, parts: tuple[Tensor, ...]) -> Any:
        return parts if self.config.model == "lstm" else parts[0]

    def _unpack(self, parts: Any) -> tuple[Tensor, ...]:
        return parts if self.config.model == "lstm" else (parts,)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """A copy of every weight, under the names of `ModelConfig.shapes`."""
        return {name: value.detach().float().cpu().numpy().copy() for name, value in self.state_dict().items()}

    def load_weights(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """The inverse of `weights`."""
        self.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})


def detached(state: State) -> State:
    """The same numbers, cut from the graph that made them: where truncated BPTT truncates."""
    return tuple(tuple(part.detach() for part in layer) for layer in state)


def entering(state: State, continues: NDArray[np.bool_]) -> State:
    """The state that enters a window: zeros in the rows, of (B,), that do not continue the window before."""
    if continues.all():
        return state
    keep = torch.from_numpy(continues).unsqueeze(1)
    return tuple(tuple(part.where(keep.to(part.device), part.new_zeros(())) for part in layer) for layer in state)
