"""The network in torch one character at a time: a plain function of its state, to be differentiated either way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from charrnn.network.torch_model import CharModel

LayerState = tuple[Tensor, ...]  # what a layer carries, each (B, H): (h, c) of an LSTM, (h,) of others
StackState = tuple[LayerState, ...]  # of every layer, from the lowest up

# torch's own steps, which unlike its fused kernels have derivatives of derivatives, forward and backward.
_CELLS: dict[str, Callable[..., Tensor | tuple[Tensor, ...]]] = {
    "lstm": torch.lstm_cell,
    "gru": torch.gru_cell,
    "tanh": torch.rnn_tanh_cell,
    "relu": torch.rnn_relu_cell,
}


class Steps:
    """A network's steps, in the precision of its weights, which are no part of what is differentiated.

    They compute what `CharModel.forward` does without dropout.
    """

    def __init__(self, model: CharModel) -> None:
        """Of a network that reads forward; a bidirectional one has no steps."""
        assert not model.config.bidirectional
        self.model, self.config = model.requires_grad_(False), model.config
        self._cell = _CELLS[model.config.nonlinearity if model.config.model == "rnn" else model.config.model]
        self._weights = [tuple(layer.parameters()) for layer in model.layers]

    def zero_state(self, rows: int) -> StackState:
        """The state at the beginning of a text, of B rows."""
        zeros = self.model.head.bias.new_zeros((rows, self.config.rnn_size))
        return ((zeros,) * (2 if self.config.model == "lstm" else 1),) * self.config.num_layers

    def step(self, ids: Tensor, state: StackState) -> tuple[StackState, Tensor]:
        """Read a character.

        Args:
            ids: (B,).
            state: That after the characters before.

        Returns:
            The state after it, and what the head makes its predictions of, (B, H).
        """
        config, model = self.config, self.model
        if config.embedding_size:
            x = F.embedding(ids, model.embedding.weight)
        else:
            x = F.one_hot(ids, config.symbols(model.vocabulary_size)).to(self._weights[0][0].dtype)
        if config.tied:
            x = x * config.embedding_size**0.5
        residual, made = x, []
        for index, (weights, before) in enumerate(zip(self._weights, state, strict=True)):
            made.append(self._layer(x, before, weights))
            y = made[-1][0]
            residual = residual + y if config.residual and index > 0 else y
            x = model.norms[index](residual) if config.layer_norm else residual
        return tuple(made), x

    def _layer(self, x: Tensor, before: LayerState, weights: Sequence[Tensor]) -> LayerState:
        """One layer's step. Its c is a tensor of its own: what the next step has of it is apart from what h has."""
        after = self._cell(x, before if self.config.model == "lstm" else before[0], *weights)
        return (after,) if isinstance(after, Tensor) else (after[0], after[1].clone())

    def losses(self, top: Tensor, targets: Tensor) -> Tensor:
        """How surprised the head is by what comes, (B,) nats, from what `step` gives it, (B, H), and ids (B,)."""
        model = self.model
        logits = model.head(model.projection(top) if self.config.projected else top)
        return F.cross_entropy(logits, targets, reduction="none")

    def read(self, ids: Tensor, state: StackState) -> StackState:
        """The state after characters (B, T), of which nothing is differentiated."""
        with torch.no_grad():
            for column in ids.unbind(1):
                state, _ = self.step(column, state)
        return state


def flat(state: StackState) -> Tensor:
    """A state as vectors, (B, N): layer by layer, of an LSTM h before c."""
    return torch.cat([part for layer in state for part in layer], dim=1)


def unflat(vectors: Tensor, like: StackState) -> StackState:
    """The state that `flat` made vectors of."""
    sizes = [part.shape[1] for layer in like for part in layer]
    parts = iter(torch.split(vectors, sizes, dim=1))
    return tuple(tuple(next(parts) for _ in layer) for layer in like)
