"""A batch divided among threads: each takes some rows through the network forwards and backwards by itself.

Within one product the threads of a few rows have little to share, and must wait for each other some hundred times an
iteration; whatever else runs on their cores then stops them all. Threads with rows of their own wait once. Alone they
are as fast as threads that share products, and beside a busy process several times faster (bench/threads.py).

Where a layer's weights are too large for a core's cache that costs something: each thread reads all of them at every
step, where threads that share a product read a part each. At 2 x 512, 32 streams and bfloat16 a training that is alone
takes 1.4 times as long so; but two at once keep 57 % each, and with shared products 13 %.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from charrnn.network.device_copy import to_device
from charrnn.network.dropout_masks import DropoutMasks
from charrnn.network.torch_model import CharModel, LayerStates, detached
from charrnn.training.loss_scale import LossScale
from charrnn.training.windows import IGNORED, Window


@dataclass(frozen=True, eq=False, slots=True)
class BackwardPass:
    """What a window says of the parameters."""

    loss: Tensor  # (), mean over the targets, nats per character
    gradients: list[Tensor]  # of that loss, one for each parameter
    state: LayerStates  # (B, rnn_size) each, that the next window may enter with; detached


class DataParallel:
    """The rows of a batch, divided among threads as evenly as they can be. A single thread computes in place."""

    def __init__(
        self,
        model: CharModel,
        parameters: Sequence[Tensor],
        *,
        batch_size: int,
        threads: int,
        seed: int,
        carry_at: int | None = None,
        dtype: torch.dtype = torch.float32,
        loss_scale: LossScale | None = None,
    ) -> None:
        """Start the threads, if more than one is of use.

        Args:
            model: Computes the loss.
            parameters: Of the model, those whose gradients are wanted.
            batch_size: B, rows of a window.
            threads: That rows are divided among, at most; never more than there are rows.
            seed: Of the dropout masks.
            carry_at: After how many characters of a window the state is taken; None: after all.
            dtype: What is multiplied in.
            loss_scale: What the gradients are of the loss times.
        """
        self.model, self.parameters = model, list(parameters)
        self.seed, self.carry_at, self.dtype, self.loss_scale = seed, carry_at, dtype, loss_scale
        self.device = model.head.weight.device
        cuts = np.linspace(0, batch_size, min(threads, batch_size) + 1).round().astype(int).tolist()
        self.rows = [slice(start, stop) for start, stop in pairwise(cuts)]

    def backward(self, window: Window, state: LayerStates, iteration: int) -> BackwardPass:
        """The mean loss over all targets of a window that are not IGNORED, and its gradients.

        Args:
            window: Of B rows.
            state: What the network enters with, (B, rnn_size) each.
            iteration: What the dropout masks are those of.

        Returns:
            The loss, the gradients, and the state to go on with.
        """
        counts = [int(np.count_nonzero(window.targets[rows] != IGNORED)) for rows in self.rows]
        shares = [count / sum(counts) for count in counts]
        if len(self.rows) == 1:
            return self._backward(self.rows[0], window, state, shares[0], iteration)
        try:
            parts = list(
                pool(len(self.rows)).map(
                    lambda rows, share: self._backward(rows, window, state, share, iteration), self.rows, shares
                )
            )
        finally:
            torch.clear_autocast_cache()  # of the weights in bfloat16, which change now
        summed, *others = [part.gradients for part in parts if part.gradients]
        for gradients in others:  # always in this order, so that the sum is always the same
            torch._foreach_add_(summed, gradients)
        joined = tuple(
            tuple(torch.cat([part.state[layer][index].float() for part in parts]) for index in range(len(tensors)))
            for layer, tensors in enumerate(parts[0].state)
        )
        return BackwardPass(torch.stack([part.loss for part in parts]).sum(), summed, joined)

    def _backward(self, rows: slice, window: Window, state: LayerStates, share: float, iteration: int) -> BackwardPass:
        """Some rows, whose targets are this share of all: what they add to the mean loss."""
        entering = tuple(tuple(part[rows] for part in layer) for layer in state)
        if not share:  # documents that have ended
            return BackwardPass(torch.zeros((), dtype=torch.float64, device=self.device), [], entering)
        inputs, targets = (to_device(ids[rows], self.device) for ids in (window.inputs, window.targets))
        masks = DropoutMasks(self.seed, iteration, rows.start)
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32):
            loss, carried = self.model.loss(inputs, targets, entering, carry_at=self.carry_at, masks=masks)
        scaled = loss * share if share < 1 else loss
        if self.loss_scale:
            scaled = scaled * self.loss_scale.scale
        gradients = torch.autograd.grad(scaled, self.parameters)
        loss = loss.detach().double() * share if share < 1 else loss.detach()
        return BackwardPass(loss, list(gradients), detached(carried))

    def agreed(self, *asked: bool) -> tuple[bool, ...]:
        """What this process is asked for: there is no other to agree with (`RankParallel.agreed`)."""
        return asked


@cache
def pool(threads: int) -> ThreadPoolExecutor:
    """Threads that each compute alone, sharing no product with others.

    There is one such pool, for rows, updates and evaluations: the memory that a thread gives back is kept for it
    (`threads.prepare`), and others would take as much again.
    """
    return ThreadPoolExecutor(threads, "rows", initializer=_compute_alone)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.cache_clear)  # where none of those threads are


def _compute_alone() -> None:
    # Both settings are the calling thread's own.
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    # Threads share autocast's copies of the weights. By itself the first thread that has done its rows drops them, and
    # where the others then stand decides how their gradients are rounded: no two trainings would be the same.
    torch.autocast_increment_nesting()
