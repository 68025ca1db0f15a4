"""Muon by gates: orthogonalised momentum for the matrices of recurrent layers (Jordan et al., 2024)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from charrnn.network.torch_model import CharModel

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of x, x^3 and x^5: Jordan et al.
_STEPS = 5
_RMS = 0.2  # of an update's elements, about that of AdamW's (Liu et al., 2025): one learning rate serves both


class Muon(torch.optim.Optimizer):
    """Updates matrices by their momentum with all its singular values made equal, each gate's block by itself.

    A gate's block is a map of its own, from one space to another; stacked with the others' it is not, and the
    singular values of the whole say little. Blocks of one shape are orthogonalised in one batched product.
    """

    def __init__(
        self,
        matrices: Sequence[Tensor],
        *,
        gates: int,
        rate: float,
        momentum: float,
        weight_decay: float,
        bfloat16: bool = False,
    ) -> None:
        """Begin with no updates made.

        Args:
            matrices: (gates * rows, columns) each.
            gates: Blocks in each of them, one below the other.
            rate: The learning rate.
            momentum: The share of the momentum that an iteration leaves; of Nesterov's kind.
            weight_decay: Decoupled.
            bfloat16: Multiply in bfloat16 instead of float32.
        """
        self.gates, self.dtype = gates, torch.bfloat16 if bfloat16 else torch.float32
        of_shape: dict[torch.Size, list[Tensor]] = {}
        for matrix in matrices:
            of_shape.setdefault(matrix.shape, []).append(matrix)
        settings = {"lr": rate, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__([{"params": same} for same in of_shape.values()], settings)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update, by the matrices' `grad`."""
        assert closure is None
        for group in self.param_groups:
            self._update(**group)

    def _update(self, params: list[Tensor], lr: float, momentum: float, weight_decay: float, **_: Any) -> None:
        """The matrices of one shape."""
        gradients = [matrix.grad for matrix in params if matrix.grad is not None]
        for matrix in params:
            if "momentum" not in self.state[matrix]:
                self.state[matrix]["momentum"] = torch.zeros_like(matrix)
        momenta = [self.state[matrix]["momentum"] for matrix in params]
        torch._foreach_mul_(momenta, momentum)
        torch._foreach_add_(momenta, gradients)
        ahead = torch._foreach_add(gradients, momenta, alpha=momentum)  # Nesterov's
        shape = params[0].shape
        rows, columns = shape[0] // self.gates, shape[1]
        blocks = orthogonalized(torch.stack(ahead).view(-1, rows, columns), self.dtype)
        torch._foreach_mul_(params, 1 - lr * weight_decay)
        scale = _RMS * math.sqrt(max(rows, columns))
        torch._foreach_add_(params, list(blocks.reshape(-1, *shape)), alpha=-lr * scale)


def orthogonalized(blocks: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """About U V^T of each matrix U S V^T, by a Newton-Schulz iteration; singular values end between 0.7 and 1.2.

    Args:
        blocks: Matrices of one shape, (n, rows, columns), of any scale.
        dtype: What is multiplied in.

    Returns:
        Matrices (n, rows, columns) in float32. Zeros remain zeros.
    """
    wide = blocks.shape[1] <= blocks.shape[2]
    x = blocks if wide else blocks.mT  # the product of a matrix with itself is then the smaller of the two
    x = (x / x.norm(dim=(1, 2), keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)).to(dtype)
    first, third, fifth = _COEFFICIENTS
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=third, alpha=fifth), x, beta=first)
    return (x if wide else x.mT).float()


def recurrent_matrices(model: CharModel) -> list[Tensor]:
    """The matrices of a model's recurrent layers that are trained.

    Not the first one's where the input is one-hot: its columns belong to characters, as an embedding's rows do.
    """
    matrices = []
    for index, layer in enumerate(model.layers):
        if index or model.config.embedding_size:
            matrices.append(layer.get_parameter("weight_ih_l0"))
        matrices.append(layer.get_parameter("weight_hh_l0"))
    return [matrix for matrix in matrices if matrix.requires_grad]
