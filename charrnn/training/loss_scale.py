"""Loss scaling: what keeps the gradients of float16 products within that type's range (Micikevicius et al., 2018).

The rules and the numbers are those of torch's GradScaler; everything is decided on the device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from charrnn.training.gate import Gate

_FIRST = 2.0**16
_INTERVAL = 2000  # updates in a row after which it is doubled
_LEAST = 1e-4  # below which an overflow is no longer its own doing: fairseq gives up there, too


class LossScale:
    """The factor of the loss that is differentiated: halved where gradients overflow, doubled where they long did not.

    Attributes:
        scale: (), float32.
        good: (), int32, updates since the scale was last changed.
    """

    def __init__(self, device: torch.device) -> None:
        """Begin with GradScaler's.

        Args:
            device: Where the training is.
        """
        self.scale = torch.tensor(_FIRST, device=device)
        self.good = torch.tensor(0, dtype=torch.int32, device=device)

    def unscale(self, gradients: Sequence[Tensor]) -> None:
        """Divide gradients by the scale, in place."""
        torch._foreach_mul_(list(gradients), 1 / self.scale)

    def observe(self, norm: Tensor, gate: Gate) -> tuple[Tensor, Gate]:
        """Go by the norm of an iteration's whole gradient.

        Args:
            norm: (), without the scale.
            gate: Of the training: closes where the gradient overflows though there is no scale left to lower.

        Returns:
            The norm, 0 where it overflowed and nothing more came of it; and the gate of this update, which is closed
            then.
        """
        overflows = ~norm.isfinite()
        norm = torch.where(overflows & (self.scale >= _LEAST), 0.0, norm)
        gate.observe(norm)
        good = torch.where(overflows, 0, self.good + 1)
        grows = good == _INTERVAL
        doubled = torch.where(grows & (self.scale * 2).isfinite(), self.scale * 2, self.scale)
        self.scale = gate.chosen(torch.where(overflows, self.scale / 2, doubled), self.scale)
        self.good = gate.chosen(torch.where(grows, 0, good), self.good)
        return norm, gate.with_(overflows)

    def state_dict(self) -> dict[str, Any]:
        """`scale` and `good`."""
        return {"scale": self.scale.item(), "good": int(self.good.item())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned; {} is the beginning."""
        self.scale = torch.full_like(self.scale, state.get("scale", _FIRST))
        self.good = torch.full_like(self.good, state.get("good", 0))
