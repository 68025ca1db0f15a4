"""The rules by which parameters are updated: AdamW, RMSprop and SGD, by torch's own functions of tensors.

Not by torch's optimizers: the first that is made imports torch's compiler, which takes as long as importing torch. What
is carried has the names that they have for it, and the numbers are theirs, bit for bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

_EPSILON = 1e-8  # that AdamW and RMSprop add to a root


class UpdateRule(ABC):
    """Updates some parameters by their `grad`, and holds what it carries of each.

    Attributes:
        parameters: In the order by which they are numbered in files.
        kinds: What is carried of each.
        carried: Of each, tensors by kind: "step" is (), all others are shaped as the parameter. Empty before the first
            update.
    """

    kinds: tuple[str, ...]

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        """Begin with no updates made."""
        self.parameters = list(parameters)
        self.carried: list[dict[str, Tensor]] = [{} for _ in self.parameters]

    @torch.no_grad()
    def step(self, rate: float, found_inf: Tensor | None = None) -> None:
        """One update.

        Args:
            rate: The learning rate.
            found_inf: (), 1 where nothing is to be updated, else 0 (`Gate.found_inf`).
        """
        for parameter, carried in zip(self.parameters, self.carried, strict=True):
            for kind in self.kinds:
                if kind not in carried:
                    like = torch.zeros((), device=self._device_of_steps(parameter)) if kind == "step" else parameter
                    carried[kind] = torch.zeros_like(like, dtype=torch.float32)
        self._update(rate, found_inf)

    @abstractmethod
    def _update(self, rate: float, found_inf: Tensor | None) -> None:
        """As `step`, with something carried of each parameter."""

    def load(self, carried: Sequence[Mapping[str, Tensor]]) -> None:
        """Go on from what was carried of each parameter."""
        self.carried = [
            {
                kind: value.to(self._device_of_steps(parameter) if kind == "step" else parameter.device, torch.float32)
                for kind, value in of_one.items()
            }
            for parameter, of_one in zip(self.parameters, carried, strict=True)
        ]

    def _device_of_steps(self, parameter: Tensor) -> torch.device:
        """Where the number of a parameter's updates is kept."""
        return parameter.device

    def _lists(self, *kinds: str, part: slice = slice(None)) -> list[list[Tensor]]:
        """A part of the parameters, their gradients, and what is carried of them of each kind."""
        parameters, carried = self.parameters[part], self.carried[part]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        return [parameters, gradients, *([of_one[kind] for of_one in carried] for kind in kinds)]


class AdamW(UpdateRule):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    kinds = ("step", "exp_avg", "exp_avg_sq")

    def __init__(
        self, decayed: Sequence[Tensor], others: Sequence[Tensor], betas: tuple[float, float], weight_decay: float
    ) -> None:
        """Begin with no updates made.

        Args:
            decayed: Parameters whose weights decay.
            others: Parameters whose weights do not.
            betas: The shares of the first and the second moment that an update leaves.
            weight_decay: Decoupled.
        """
        super().__init__([*decayed, *others])
        self.betas = betas
        self.parts = ((slice(len(decayed)), weight_decay), (slice(len(decayed), None), 0.0))

    def _fused(self, parameter: Tensor) -> bool:
        return parameter.device.type in ("cpu", "cuda")

    def _device_of_steps(self, parameter: Tensor) -> torch.device:
        return parameter.device if self._fused(parameter) else torch.device("cpu")

    def _update(self, rate: float, found_inf: Tensor | None) -> None:
        for part, weight_decay in self.parts:
            parameters, gradients, steps, first, second = self._lists(*self.kinds, part=part)
            if not parameters:
                continue
            adamw(
                parameters,
                gradients,
                first,
                second,
                [],
                steps,
                fused=self._fused(parameters[0]),
                found_inf=found_inf,
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=rate,
                weight_decay=weight_decay,
                eps=_EPSILON,
                maximize=False,
            )


class RMSprop(UpdateRule):
    """A rate of its own for each weight (Tieleman and Hinton, 2012)."""

    def __init__(self, parameters: Sequence[Tensor], alpha: float, momentum: float) -> None:
        """Begin with no updates made.

        Args:
            parameters: What is updated.
            alpha: The share of the mean square that an update leaves.
            momentum: The share of the momentum that an update leaves.
        """
        super().__init__(parameters)
        self.alpha, self.momentum = alpha, momentum
        self.kinds = ("step", "square_avg", *(("momentum_buffer",) if momentum else ()))

    def _device_of_steps(self, parameter: Tensor) -> torch.device:  # noqa: ARG002  # all count on the host
        return torch.device("cpu")

    def _update(self, rate: float, found_inf: Tensor | None) -> None:  # noqa: ARG002  # torch's asks the host alone
        parameters, gradients, steps, squares, *momenta = self._lists(*self.kinds)
        rmsprop(
            parameters,
            gradients,
            squares,
            [],
            momenta[0] if momenta else [],
            steps,
            foreach=True,
            lr=rate,
            alpha=self.alpha,
            eps=_EPSILON,
            weight_decay=0.0,
            momentum=self.momentum,
            centered=False,
        )


class SGD(UpdateRule):
    """Steps against the gradient, or against its momentum."""

    def __init__(self, parameters: Sequence[Tensor], momentum: float) -> None:
        """Begin with no updates made.

        Args:
            parameters: What is updated.
            momentum: The share of the momentum that an update leaves.
        """
        super().__init__(parameters)
        self.momentum = momentum
        self.kinds = ("momentum_buffer",) if momentum else ()

    def _update(self, rate: float, found_inf: Tensor | None) -> None:
        # Momenta begin with zeros: of a first update that is held back on the device torch's would leave whatever is in
        # memory.
        parameters, gradients, *momenta = self._lists(*self.kinds)
        sgd(
            parameters,
            gradients,
            list(momenta[0]) if momenta else [],
            fused=True,
            found_inf=found_inf,
            weight_decay=0.0,
            momentum=self.momentum,
            lr=rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )
