"""A batch divided among ranks: torch's DistributedDataParallel, and what else is summed with the gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from charrnn.network.device_copy import to_device
from charrnn.network.dropout_masks import DropoutMasks
from charrnn.network.torch_model import CharModel, LayerStates, detached
from charrnn.training.data_parallel import BackwardPass, DataParallel
from charrnn.training.loss_scale import LossScale
from charrnn.training.ranks import Ranks
from charrnn.training.windows import Window

if TYPE_CHECKING:
    from charrnn.training.trainer import Trainer

_REQUESTS = 2  # that a rank may have of the others


class RankParallel:
    """The rows of a batch, divided among ranks. What one is asked for rides with the gradients, and costs nothing.

    Each rank computes the loss of its rows as their share of the mean over all targets, so that a rank without any
    takes part with zeros; and the sum over the ranks is the gradient of that mean.
    """

    def __init__(
        self,
        model: CharModel,
        parameters: Sequence[Tensor],
        ranks: Ranks,
        *,
        seed: int,
        carry_at: int | None = None,
        dtype: torch.dtype = torch.float32,
        loss_scale: LossScale | None = None,
    ) -> None:
        """Prepare it; the ranks connect at the first window, when all have made theirs.

        Args:
            model: Computes the loss.
            parameters: Of the model, those whose gradients are wanted.
            ranks: Among which rows are divided.
            seed: Of the dropout masks.
            carry_at: As of `DataParallel`.
            dtype: Likewise.
            loss_scale: Likewise.
        """
        self.parameters, self.ranks = list(parameters), ranks
        self.device = model.head.weight.device
        self.seed, self._share = seed, _Share(model, ranks.size, carry_at, dtype).to(self.device)
        self._distributed: DistributedDataParallel | None = None
        self._one = torch.ones((), device=self.device)
        self._loss_scale, self._asked = loss_scale, [False] * _REQUESTS
        self._agreed: Tensor | None = None  # how many ranks were asked for each

    def backward(self, window: Window, state: LayerStates, iteration: int) -> BackwardPass:
        """As that of `DataParallel`, of this rank's rows and state; loss and gradients are those of all."""
        message = self._share.message
        with self.ranks.connected(iteration):
            if self._distributed is None:
                self._distributed = self._connect()
                # From a first pass torch learns in which order gradients come, and lays them out so from then on. How
                # those of three ranks are rounded goes by it, and one more pass lets all iterations have the same.
                self._pass(window, state, iteration)
            carried = self._pass(window, state, iteration)
        assert message.grad is not None
        said = message.grad.clone()
        self._agreed = said[1:]
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        return BackwardPass(said[0], gradients, detached(carried))

    def _connect(self) -> DistributedDataParallel:
        """The network, whose gradients are averaged over the ranks as it computes them."""
        on = None if self.device.type == "cpu" else [self.device]
        # There are no buffers, or those of the first rank would be everybody's.
        return DistributedDataParallel(self._share, device_ids=on, gradient_as_bucket_view=True)

    def _pass(self, window: Window, state: LayerStates, iteration: int) -> LayerStates:
        """Forwards and backwards: the gradients of all ranks become those of the parameters and of the message."""
        assert self._distributed is not None
        for parameter in (*self.parameters, self._share.message):
            parameter.grad = None
        inputs, targets = (to_device(ids, self.device) for ids in (window.inputs, window.targets))
        asked = to_device(np.array(self._asked, dtype=np.float32), self.device)
        masks = DropoutMasks(self.seed, iteration, self.ranks.place.rank * len(window.inputs))
        scale = self._loss_scale.scale if self._loss_scale else self._one
        share, carried = self._distributed(inputs, targets, state, window.count, masks, asked, scale)
        share.backward()
        state_after: LayerStates = carried
        return state_after

    def agreed(self, *asked: bool) -> tuple[bool, ...]:
        """What some rank was asked for, before the latest iteration; all say the same.

        Args:
            asked: What this one is asked for, which all will know after the next.
        """
        self._asked = list(asked)
        if self._agreed is None:
            return (False,) * _REQUESTS
        return tuple(count > 0 for count in self._agreed.tolist())


class _Share(nn.Module):
    """What the rows of one rank add to the mean loss, so that the mean over the ranks is the sum over the rows."""

    def __init__(self, model: CharModel, size: int, carry_at: int | None, dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.size = model, size
        self.carry_at, self.dtype = carry_at, dtype
        # Its gradient is what it is multiplied by: the share itself, and requests.
        self.message = nn.Parameter(torch.zeros(1 + _REQUESTS))

    def forward(
        self,
        inputs: Tensor,
        targets: Tensor,
        state: LayerStates,
        count: int,
        masks: DropoutMasks,
        asked: Tensor,
        scale: Tensor,
    ) -> tuple[Tensor, LayerStates]:
        """The share, times the scale and the number of ranks; and the state to go on with."""
        with torch.autocast(inputs.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32):
            share, carried = self.model.loss(inputs, targets, state, carry_at=self.carry_at, masks=masks, count=count)
        said = (self.message * torch.cat((share.detach().reshape(1), asked))).sum()
        return (share * scale + said) * self.size, carried


def data_parallel(trainer: Trainer) -> DataParallel | RankParallel:
    """What computes the gradients of a training: the threads of a process that is the only one, and else all ranks."""
    config, parameters = trainer.config, trainer.optimizer.parameters
    common: dict[str, Any] = {
        "seed": config.seed,
        "carry_at": None if config.effective_shift == config.seq_length else config.effective_shift,
        "dtype": getattr(torch, config.precision),
        "loss_scale": trainer.optimizer.loss_scale,
    }
    if not trainer.ranks.alone:
        return RankParallel(trainer.model, parameters, trainer.ranks, **common)
    threads = torch.get_num_threads() if trainer.device.type == "cpu" else 1
    return DataParallel(trainer.model, parameters, batch_size=config.batch_size, threads=threads, **common)
