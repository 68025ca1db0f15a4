"""From gradients to updates: penalties, clipping, the optimizer, weight decay, and the average of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor

from charrnn.config import TrainConfig
from charrnn.network.torch_model import CharModel
from charrnn.training.muon import Muon, recurrent_matrices

_AVERAGE_WARMUP = 10  # at iteration t the average forgets at least 10 / (t + 10): it starts from the first weights


class Optimizer:
    """Updates a model's parameters that are not frozen, and holds all that is carried from update to update."""

    def __init__(self, model: CharModel, config: TrainConfig, device: torch.device) -> None:
        """Begin with no updates made.

        Args:
            model: Its parameters are updated in place.
            config: The kind of optimizer and its settings, penalties and clipping.
            device: Where the parameters are.
        """
        self.config = config
        self.parameters: list[Tensor] = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.clipped = 0  # updates so far whose gradient was clipped
        self._matrices = [parameter for parameter in self.parameters if parameter.dim() >= 2]
        # Muon and AdamW decay the weights themselves; for the others the decay is decoupled here.
        self._decay = 0.0 if config.optimizer in ("muon", "adamw") else config.weight_decay
        self._torch_optimizers = self._create(model, device)

    def _create(self, model: CharModel, device: torch.device) -> list[torch.optim.Optimizer]:
        """Together they update every parameter."""
        config = self.config
        rate, momentum = config.learning_rate, config.momentum
        match config.optimizer:
            case "muon":  # for the recurrent layers' matrices, and AdamW for all else
                recurrent = recurrent_matrices(model)
                if not recurrent:  # they are frozen
                    return [self._adamw(device)]
                muon = Muon(
                    recurrent,
                    gates=model.config.gates,
                    rate=rate,
                    momentum=momentum,
                    weight_decay=config.weight_decay,
                    bfloat16=config.precision == "bfloat16",
                    threads=torch.get_num_threads() if device.type == "cpu" else 1,
                )
                return [self._adamw(device, besides=recurrent), muon]
            case "adamw":
                return [self._adamw(device)]
            case "rmsprop":  # Tieleman and Hinton, 2012
                rmsprop = torch.optim.RMSprop(
                    self.parameters, lr=rate, alpha=config.beta2, momentum=momentum, foreach=True
                )
                return [rmsprop]
            case "sgd":
                return [torch.optim.SGD(self.parameters, lr=rate, momentum=momentum, foreach=True)]

    def _adamw(self, device: torch.device, besides: Sequence[Tensor] = ()) -> torch.optim.AdamW:
        """For all parameters besides these (Loshchilov and Hutter, 2019), with decay on matrices only."""
        config, left_out = self.config, set(map(id, besides))
        matrices = [matrix for matrix in self._matrices if id(matrix) not in left_out]
        others = [parameter for parameter in self.parameters if parameter.dim() < 2]
        return torch.optim.AdamW(
            [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=config.learning_rate,
            betas=(config.beta1, config.beta2),
            fused=device.type in ("cpu", "cuda"),
        )

    def step(self, gradients: Sequence[Tensor], rate: float) -> float:
        """One update: penalties are added, the norm is measured, the gradient clipped, the parameters changed.

        Args:
            gradients: Of the loss, one for each of `parameters` and shaped like it; clipping changes them in place.
            rate: The learning rate of this update.

        Returns:
            The norm of the whole gradient, penalties included, before clipping. Where it is not finite nothing was
            changed, neither the parameters nor `gradients` nor what is carried.
        """
        gradients = self._penalized(gradients)
        norm = torch.nn.utils.get_total_norm(gradients)
        norm_value = norm.item()
        if not math.isfinite(norm_value):
            return norm_value
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        self.clipped += self._clip(norm, norm_value)
        for optimizer in self._torch_optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        if self._decay:
            with torch.no_grad():
                torch._foreach_mul_(self._matrices, 1 - rate * self._decay)
        for optimizer in self._torch_optimizers:
            optimizer.step()
        return norm_value

    def _penalized(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """The gradients of the loss plus, on matrices w, of l2 / 2 * sum(w^2) + l1 * sum(|w|); new tensors there."""
        penalized = list(gradients)
        with torch.no_grad():
            for index, parameter in enumerate(self.parameters):
                if parameter.dim() < 2:
                    continue
                if self.config.l2:
                    penalized[index] = penalized[index].add(parameter, alpha=self.config.l2)
                if self.config.l1:
                    penalized[index] = penalized[index].add(parameter.sign(), alpha=self.config.l1)
        return penalized

    def _clip(self, norm: Tensor, norm_value: float) -> bool:
        """Clip the parameters' gradients, whose norm this is; whether that changed them."""
        bound = self.config.grad_clip
        if not bound:
            return False
        if self.config.grad_clip_mode == "value":
            gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
            largest = torch.nn.utils.get_total_norm(gradients, float("inf")).item()
            torch.nn.utils.clip_grad_value_(self.parameters, bound)
            return largest > bound
        if norm_value > bound:
            torch.nn.utils.clip_grads_with_norm_(self.parameters, bound, norm)
            return True
        return False

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that is carried: `moments`, arrays named "parameter's number/kind", and `clipped`."""
        return {
            "moments": {
                f"{first + index}/{kind}": value.detach().cpu().numpy().copy()
                for first, optimizer in self._numbered()
                for index, moments in optimizer.state_dict()["state"].items()
                for kind, value in moments.items()
                if isinstance(value, Tensor)
            },
            "clipped": self.clipped,
        }

    def moment_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each of the `moments` that `state_dict` has once an update was made; all are float32."""
        return {
            f"{first + index}/{kind}": () if kind == "step" else tuple(parameter.shape)
            for first, optimizer in self._numbered()
            for index, parameter in enumerate(each for group in optimizer.param_groups for each in group["params"])
            for kind in _moments_of(optimizer)
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in state["moments"].items():
            number, kind = name.split("/")
            moments.setdefault(int(number), {})[kind] = torch.from_numpy(np.array(value))
        for first, optimizer in self._numbered():
            whole = optimizer.state_dict()
            indices = (index for group in whole["param_groups"] for index in group["params"])
            whole["state"] = {index: moments[first + index] for index in indices if first + index in moments}
            optimizer.load_state_dict(whole)
        self.clipped = int(state["clipped"])

    def _numbered(self) -> list[tuple[int, torch.optim.Optimizer]]:
        """Each optimizer with the number of its first parameter, where they are counted through."""
        counts = [sum(len(group["params"]) for group in each.param_groups) for each in self._torch_optimizers]
        return list(zip(accumulate(counts, initial=0), self._torch_optimizers, strict=False))


def _moments_of(optimizer: torch.optim.Optimizer) -> tuple[str, ...]:
    """The tensors that an optimizer carries of each parameter, by the names that torch has for them."""
    momentum = bool(optimizer.param_groups[0].get("momentum"))
    match optimizer:
        case torch.optim.AdamW():
            return "step", "exp_avg", "exp_avg_sq"
        case torch.optim.RMSprop():
            return "step", "square_avg", *(("momentum_buffer",) if momentum else ())
        case torch.optim.SGD():
            return ("momentum_buffer",) if momentum else ()
        case _:
            return ("momentum",)


@dataclass(slots=True)
class UnloggedGradients:
    """What the log has not said yet of gradients, since it has a line for some iterations only."""

    largest: float = 0.0  # norm, before clipping
    clipped: int = 0

    def observe(self, norm: float, clipped: bool) -> None:
        """Take one more into account."""
        self.largest = max(self.largest, norm)
        self.clipped += clipped

    def state_dict(self) -> dict[str, Any]:
        """`largest` and `clipped`."""
        return {"largest": self.largest, "clipped": self.clipped}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.largest, self.clipped = float(state["largest"]), int(state["clipped"])


class Average:
    """An exponential moving average of a model's weights (EMA), as a model of its own (Polyak and Juditsky, 1992)."""

    def __init__(self, model: CharModel, decay: float, device: torch.device) -> None:
        """Begin with the model's own weights.

        Args:
            model: The average begins with its weights.
            decay: The share of the average that an update leaves.
            device: Where the average is kept.
        """
        self.decay = decay
        self.model = CharModel(model.config, model.vocabulary_size).to(device).requires_grad_(False)
        self.model.load_state_dict(model.state_dict())

    @torch.no_grad()
    def update(self, model: CharModel, iteration: int) -> None:
        """Take in the weights that `model` has after update `iteration`."""
        decay = min(self.decay, iteration / (iteration + _AVERAGE_WARMUP))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        """A copy of the averaged weights, under the names of `ModelConfig.shapes`."""
        return dict(self.model.weights())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.model.load_weights(state)
