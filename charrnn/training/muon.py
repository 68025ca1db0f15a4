"""Muon by gates: orthogonalised momentum for the matrices of recurrent layers (Jordan et al., 2024)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, islice

import torch
from torch import Tensor

from charrnn.config.network import DIRECTIONS
from charrnn.network.torch_model import CharModel
from charrnn.training.data_parallel import pool
from charrnn.training.ranks import ALONE, Ranks
from charrnn.training.update_rules import UpdateRule

# Of x, x^3 and x^5 in each step: those that bring singular values of 0.02 to 1 nearest to 1 (Amsel et al., 2025).
_COEFFICIENTS = ((7.711, -22.1138, 16.2487), (3.2153, -2.4112, 0.5013), (2.2183, -1.594, 0.4107))
_TINY = torch.finfo(torch.float32).tiny
# Of an update's elements where the learning rate is 1: somewhat above AdamW's 0.2 (Liu et al., 2025), such that the
# learning rate that is best for one part is best for the other too (bench/settings.md).
_RMS = 0.28

Block = tuple[Tensor, Tensor, Tensor]  # of a gate: its weights, momentum and gradient, (rows, columns) each


class Muon(UpdateRule):
    """Updates matrices by their momentum with all its singular values made equal, each gate's block by itself.

    A gate's block is a map of its own, from one space to another; stacked with the others' it is not, and the
    singular values of the whole say little. Blocks of one shape are orthogonalised in one batched product.
    """

    kinds = ("momentum",)

    def __init__(
        self,
        matrices: Sequence[Tensor],
        *,
        gates: int,
        momentum: float,
        weight_decay: float,
        bfloat16: bool = False,
        threads: int = 1,
        ranks: Ranks = ALONE,
    ) -> None:
        """Begin with no updates made.

        Args:
            matrices: (gates * rows, columns) each.
            gates: Blocks in each of them, one below the other.
            momentum: The share of the momentum that an iteration leaves; of Nesterov's kind.
            weight_decay: Decoupled.
            bfloat16: Multiply in bfloat16 instead of float32.
            threads: That blocks are divided among, as rows of the batch are (`data_parallel`).
            ranks: Each orthogonalises some blocks for all.
        """
        of_shape: dict[torch.Size, list[Tensor]] = {}
        for matrix in matrices:
            of_shape.setdefault(matrix.shape, []).append(matrix)
        super().__init__([matrix for same in of_shape.values() for matrix in same])
        self._counts = list(map(len, of_shape.values()))  # of matrices of each shape
        self.ranks = ranks
        self.gates, self.dtype, self.threads = gates, torch.bfloat16 if bfloat16 else torch.float32, threads
        self.momentum, self.weight_decay = momentum, weight_decay

    def _update(self, rate: float, found_inf: Tensor | None) -> None:
        if not self.ranks.alone:
            self._divide(rate, found_inf)
            return
        tasks = [
            blocks[number :: self.threads]
            for blocks in self._blocks()
            for number in range(min(self.threads, len(blocks)))
        ]

        @torch.no_grad()  # which is a thread's own
        def update(blocks: Sequence[Block]) -> None:
            updates = orthogonalized(self._ahead(blocks, found_inf), self.dtype)
            self._apply(blocks, updates, rate, found_inf)

        if self.threads == 1:
            for task in tasks:
                update(task)
            return
        for _ in pool(self.threads).map(update, tasks):
            pass

    def _blocks(self) -> list[list[Block]]:
        """Those of the matrices of each shape."""
        blocks = []
        for matrix, gradient, momentum in zip(*self._lists(*self.kinds), strict=True):
            parts = (part.view(self.gates, -1, part.shape[1]) for part in (matrix.detach(), momentum, gradient))
            blocks.append(list(zip(*parts, strict=True)))
        of_matrices = iter(blocks)
        return [list(chain.from_iterable(islice(of_matrices, count))) for count in self._counts]

    def _divide(self, rate: float, found_inf: Tensor | None) -> None:
        """All blocks, of which each rank orthogonalises a share and is sent the others': the numbers are the same."""
        size, rank, width = self.ranks.size, self.ranks.place.rank, self.dtype.itemsize
        of_shapes = self._blocks()
        own = []
        for blocks in of_shapes:
            share = -(-len(blocks) // size)
            ahead = self._ahead(blocks, found_inf)
            padded = torch.cat((ahead, ahead.new_zeros(size * share - len(blocks), *ahead.shape[1:])))
            update = orthogonalized(padded[rank * share : (rank + 1) * share], self.dtype)
            own.append(update.to(self.dtype).contiguous())  # which they were multiplied in: nothing is lost
        joined = self.ranks.stacked(torch.cat([update.view(torch.uint8).flatten() for update in own]))
        parts = torch.split(joined, [update.numel() * width for update in own], dim=1)
        for blocks, update, part in zip(of_shapes, own, parts, strict=True):
            updates = part.contiguous().view(self.dtype).view(-1, *update.shape[1:])[: len(blocks)]
            self._apply(blocks, updates.float(), rate, found_inf)

    def _ahead(self, blocks: Sequence[Block], found_inf: Tensor | None) -> Tensor:
        """What of some blocks of one shape is orthogonalised, (n, rows, columns); their momenta go on."""
        _, momenta, gradients = map(list, zip(*blocks, strict=True))
        if found_inf is not None:  # a momentum that is taken for its gradient remains what it is
            gradients = [torch.where(found_inf > 0, *both) for both in zip(momenta, gradients, strict=True)]
        torch._foreach_lerp_(momenta, gradients, 1 - self.momentum)
        return torch.stack(torch._foreach_lerp(gradients, momenta, self.momentum))  # Nesterov's

    def _apply(self, blocks: Sequence[Block], updates: Tensor, rate: float, found_inf: Tensor | None) -> None:
        """Decay the weights of some blocks of one shape, and update them by (n, rows, columns)."""
        weights = [weight for weight, _, _ in blocks]
        decay: float | Tensor = 1 - rate * self.weight_decay
        rows, columns = weights[0].shape
        if found_inf is not None:
            updates = torch.where(found_inf > 0, 0.0, updates)
            decay = torch.where(found_inf > 0, 1.0, decay)
        torch._foreach_mul_(weights, decay)
        torch._foreach_add_(weights, list(updates), alpha=-rate * _RMS * math.sqrt(max(rows, columns)))


def orthogonalized(blocks: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """About U V^T of each matrix U S V^T, by a Newton-Schulz iteration.

    Args:
        blocks: Matrices of one shape, (n, rows, columns), of any scale.
        dtype: What is multiplied in.

    Returns:
        Matrices (n, rows, columns) in float32. Zeros remain zeros.
    """
    wide = blocks.shape[1] <= blocks.shape[2]
    x = blocks if wide else blocks.mT  # the product of a matrix with itself is then the smaller of the two
    x = (x / x.norm(dim=(1, 2), keepdim=True).clamp_min(_TINY)).to(dtype)
    gram = x @ x.mT
    # No singular value exceeds the fourth root of the sum of their fourth powers: nearer than that of their squares.
    bound = gram.float().norm(dim=(1, 2), keepdim=True).clamp_min(_TINY)
    x, gram = (x / bound.sqrt()).to(dtype), (gram / bound).to(dtype)
    for step, (first, third, fifth) in enumerate(_COEFFICIENTS):
        if step:
            gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=third, alpha=fifth), x, beta=first)
    return (x if wide else x.mT).float()


def recurrent_matrices(model: CharModel) -> list[Tensor]:
    """The matrices of a model's recurrent layers that are trained.

    Not the first one's where the input is one-hot: its columns belong to characters, as an embedding's rows do.
    """
    matrices = []
    for index, layer in enumerate(model.layers):
        for direction in DIRECTIONS[: model.config.directions]:
            if index or model.config.embedding_size:
                matrices.append(layer.get_parameter(f"weight_ih_l0{direction}"))
            matrices.append(layer.get_parameter(f"weight_hh_l0{direction}"))
    return [matrix for matrix in matrices if matrix.requires_grad]
