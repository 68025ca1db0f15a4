"""What keeps a number that is not finite from being stepped on: the host, asked at once, or a flag on the device."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from charrnn.network.torch_model import LayerStates


class Gate:
    """Lets an iteration change the training, or not. Where it is open both kinds compute the same, bit for bit.

    Attributes:
        found_inf: What torch's fused optimizers go by: (), float32, 1 where it is closed, else 0. None on the host.
        closed: Whether the host knows it to be closed.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        """Begin open.

        Args:
            device: Where it is decided, without anybody waiting for it; None: on the host, which waits for each number.
        """
        self.closed = False
        self.found_inf = None if device is None else torch.zeros((), device=device)

    def observe(self, value: Tensor) -> None:
        """Close, for good, if a number, (), is not finite."""
        if self.found_inf is None:
            self.closed = self.closed or not math.isfinite(value.item())
        else:
            self.found_inf = torch.maximum(self.found_inf, (~value.isfinite()).float())

    def may(self, condition: Tensor) -> bool:
        """Whether a condition, (), is true, or may be as far as the host knows."""
        return self.found_inf is not None or bool(condition)

    def number(self, opened: float, closed: float) -> float | Tensor:
        """One number or the other."""
        if self.found_inf is None:
            return closed if self.closed else opened
        return torch.where(self.found_inf > 0, closed, opened)

    def chosen(self, opened: Tensor, closed: Tensor) -> Tensor:
        """One tensor or the other, in the precision of the first."""
        if self.found_inf is None:
            return closed if self.closed else opened
        return torch.where(self.found_inf > 0, closed.to(opened.dtype), opened)

    def state(self, opened: LayerStates, closed: LayerStates) -> LayerStates:
        """One recurrent state or the other."""
        return tuple(tuple(map(self.chosen, *layers)) for layers in zip(opened, closed, strict=True))

    def with_(self, condition: Tensor) -> Gate:
        """Another gate, which a condition, (), closes too."""
        other = Gate()
        if self.found_inf is None:
            other.closed = self.closed or bool(condition)
        else:
            other.found_inf = torch.maximum(self.found_inf, condition.float())
        return other
