"""A batch in shards: every thread takes some rows through the network forwards and backwards by itself.

Within one product the threads of a few rows have little to share, and must wait for each other some hundred times an
iteration; whatever else runs on their cores then stops them all. Shards wait once. Alone they are as fast as threads
that share products, and beside a busy process several times faster (bench/threads.py).

Where a layer's weights are too large for a core's cache that costs something: each shard reads all of them at every
step, where threads that share a product read a part each. At 2 x 512, 32 streams and bfloat16 a training that is alone
takes 1.4 times as long so; but two at once keep 57 % each, and with shared products 13 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charrnn.network.torch_model import CharModel, LayerStates, detached
from charrnn.training.windows import IGNORED


@dataclass(frozen=True, eq=False, slots=True)
class Gradient:
    """What a window says of the weights."""

    loss: float  # mean over the targets
    gradients: list[Tensor]  # of the parameters asked for, in order
    state: LayerStates  # (B, ...) that the next window may enter with


class DataParallel:
    """The rows of a batch, divided among threads as evenly as they can be. One shard is computed in place."""

    def __init__(self, batch_size: int, count: int, seed: int, device: torch.device) -> None:
        """`count` shards at most; `seed` is that of their generators, one each, which draw dropout's masks."""
        cuts = np.linspace(0, batch_size, min(count, batch_size) + 1).round().astype(int).tolist()
        self.rows = [slice(start, stop) for start, stop in pairwise(cuts)]
        self.generators = [
            torch.Generator(device).manual_seed((seed + (number << 32)) % (1 << 63)) for number in range(len(self.rows))
        ]
        self.device = device
        self._pool: ThreadPoolExecutor | None = None

    def gradient(
        self,
        model: CharModel,
        parameters: Sequence[Tensor],
        inputs: NDArray[np.int64],
        targets: NDArray[np.int64],
        state: LayerStates,
        *,
        carry_at: int | None = None,
        bfloat16: bool = False,
    ) -> Gradient:
        """The gradient of the mean loss over all targets (B, T) that are not IGNORED, of which there must be one."""
        counts = [int(np.count_nonzero(targets[rows] != IGNORED)) for rows in self.rows]
        total = sum(counts)

        def shard(number: int) -> tuple[float, list[Tensor], LayerStates]:
            rows, share = self.rows[number], counts[number] / total
            entering = tuple(tuple(part[rows] for part in layer) for layer in state)
            if not counts[number]:  # documents that have ended
                return 0.0, [], entering
            x = torch.from_numpy(inputs[rows]).to(self.device)
            y = torch.from_numpy(targets[rows]).to(self.device)
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bfloat16):
                loss, carried = model.loss(x, y, entering, carry_at=carry_at, generator=self.generators[number])
            gradients = torch.autograd.grad(loss * share if share < 1 else loss, list(parameters))
            return loss.item() * share, list(gradients), detached(carried)

        if len(self.rows) == 1:
            loss, gradients, carried = shard(0)
            return Gradient(loss, gradients, carried)
        if self._pool is None:
            self._pool = pool(len(self.rows))
        losses, parts, states = zip(*self._pool.map(shard, range(len(self.rows))), strict=True)
        summed, *others = [part for part in parts if part]
        for part in others:  # always in this order, so that the sum is always the same
            torch._foreach_add_(summed, part)
        joined = tuple(
            tuple(torch.cat([one[layer][part].float() for one in states]) for part in range(len(state[layer])))
            for layer in range(len(state))
        )
        return Gradient(sum(losses), summed, joined)


def pool(count: int) -> ThreadPoolExecutor:
    """Threads that each compute alone, sharing no product with others."""
    return ThreadPoolExecutor(count, "shard", initializer=_alone)


def _alone() -> None:
    # Both settings are the calling thread's own.
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
