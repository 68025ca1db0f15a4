"""From gradients to updates: penalties, clipping, the optimizer, weight decay, and the average of the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from charrnn.config import TrainConfig
from charrnn.network.torch_model import CharModel
from charrnn.training.gate import Gate
from charrnn.training.loss_scale import LossScale
from charrnn.training.muon import Muon, recurrent_matrices
from charrnn.training.ranks import ALONE, Ranks
from charrnn.training.update_rules import SGD, AdamW, RMSprop, UpdateRule

_NOTHING = 1e-6  # that torch's clipping adds to a norm
_AVERAGE_WARMUP = 10  # at iteration t the average forgets at least 10 / (t + 10): it starts from the first weights


class Update(NamedTuple):
    """What became of a gradient."""

    norm: Tensor  # (), of the whole gradient, penalties included, before clipping; 0 where float16 overflowed
    clipped: Tensor  # (), bool


class Optimizer:
    """Updates a model's parameters that are not frozen, and holds all that is carried from update to update."""

    def __init__(self, model: CharModel, config: TrainConfig, device: torch.device, ranks: Ranks = ALONE) -> None:
        """Begin with no updates made.

        Args:
            model: Its parameters are updated in place.
            config: The kind of optimizer and its settings, penalties and clipping.
            device: Where the parameters are.
            ranks: The processes that all make the same updates, and divide what is costly of them.
        """
        self.config, self.ranks = config, ranks
        self.parameters: list[Tensor] = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.clipped = 0  # updates so far whose gradient was clipped; counted by whoever reads that
        self.loss_scale = LossScale(device) if config.precision == "float16" else None
        self._matrices = [parameter for parameter in self.parameters if parameter.dim() >= 2]
        # Muon and AdamW decay the weights themselves; for the others the decay is decoupled here.
        self._decay = 0.0 if config.optimizer in ("muon", "adamw") else config.weight_decay
        self._rules = self._create(model, device)

    def _create(self, model: CharModel, device: torch.device) -> list[UpdateRule]:
        """Together they update every parameter."""
        config = self.config
        match config.optimizer:
            case "muon":  # for the recurrent layers' matrices, and AdamW for all else
                recurrent = recurrent_matrices(model)
                if not recurrent:  # they are frozen
                    return [self._adamw()]
                muon = Muon(
                    recurrent,
                    gates=model.config.gates,
                    momentum=config.momentum,
                    weight_decay=config.weight_decay,
                    bfloat16=config.precision == "bfloat16",
                    threads=torch.get_num_threads() if device.type == "cpu" else 1,
                    ranks=self.ranks,
                )
                return [self._adamw(besides=recurrent), muon]
            case "adamw":
                return [self._adamw()]
            case "rmsprop":
                return [RMSprop(self.parameters, alpha=config.beta2, momentum=config.momentum)]
            case "sgd":
                return [SGD(self.parameters, momentum=config.momentum)]

    def _adamw(self, besides: Sequence[Tensor] = ()) -> AdamW:
        """For all parameters besides these, with decay on matrices only."""
        config, left_out = self.config, set(map(id, besides))
        matrices = [matrix for matrix in self._matrices if id(matrix) not in left_out]
        others = [parameter for parameter in self.parameters if parameter.dim() < 2]
        return AdamW(matrices, others, betas=(config.beta1, config.beta2), weight_decay=config.weight_decay)

    @property
    def decides_on_device(self) -> bool:
        """Whether updates can be held back on the device: torch's RMSprop alone asks the host."""
        return self.config.optimizer != "rmsprop"

    def step(self, gradients: Sequence[Tensor], rate: float, gate: Gate | None = None) -> Update:
        """One update: penalties are added, the norm is measured, the gradient clipped, the parameters changed.

        Args:
            gradients: Of the loss, one for each of `parameters` and shaped like it; clipping changes them in place.
                With a `loss_scale` those of the loss times that.
            rate: The learning rate of this update.
            gate: Observes the norm. Where it is closed then, neither the parameters change nor what is carried; and on
                the host neither do `gradients`. None: a new one that asks at once.

        Returns:
            The norm of the whole gradient, and whether it was clipped.
        """
        gate = gate or Gate()
        if self.loss_scale:
            self.loss_scale.unscale(gradients)
        gradients = self._penalized(gradients)
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.loss_scale:
            norm, gate = self.loss_scale.observe(norm, gate)
        else:
            gate.observe(norm)
        if gate.closed:
            return Update(norm, torch.zeros_like(norm, dtype=torch.bool))
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        clipped = self._clip(norm, gate)
        if self._decay:
            with torch.no_grad():
                torch._foreach_mul_(self._matrices, gate.number(1 - rate * self._decay, 1.0))
        for rule in self._rules:
            rule.step(rate, gate.found_inf)
        return Update(norm, clipped)

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

    def _clip(self, norm: Tensor, gate: Gate) -> Tensor:
        """Clip the parameters' gradients, whose norm this is; whether that changed them, ()."""
        bound = self.config.grad_clip
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        if not bound:
            return torch.zeros_like(norm, dtype=torch.bool)
        if self.config.grad_clip_mode == "value":
            beyond = torch.nn.utils.get_total_norm(gradients, float("inf")) > bound
            if gate.may(beyond):
                torch.nn.utils.clip_grad_value_(self.parameters, bound)
            return beyond
        beyond = norm > bound
        if gate.may(beyond):
            # A norm that is just within the bound is to change nothing, where torch's would by its rounding.
            torch._foreach_mul_(gradients, torch.where(beyond, bound / (norm + _NOTHING), 1.0))
        return beyond

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that is carried: `moments`, arrays named "parameter's number/kind", and `clipped`."""
        return {
            "moments": {
                f"{number}/{kind}": value.detach().cpu().numpy().copy()
                for number, carried in enumerate(each for rule in self._rules for each in rule.carried)
                for kind, value in carried.items()
            },
            "clipped": self.clipped,
        }

    def moment_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each of the `moments` that `state_dict` has once an update was made; all are float32."""
        numbered = enumerate((rule, parameter) for rule in self._rules for parameter in rule.parameters)
        return {
            f"{number}/{kind}": () if kind == "step" else tuple(parameter.shape)
            for number, (rule, parameter) in numbered
            for kind in rule.kinds
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in state["moments"].items():
            number, kind = name.split("/")
            moments.setdefault(int(number), {})[kind] = torch.from_numpy(np.array(value))
        numbers = count()
        for rule in self._rules:
            rule.load([moments.get(next(numbers), {}) for _ in rule.parameters])
        self.clipped = int(state["clipped"])


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
    def update(self, model: CharModel, iteration: int, gate: Gate) -> None:
        """Take in the weights that `model` has after update `iteration`, unless the gate is closed."""
        decay = min(self.decay, iteration / (iteration + _AVERAGE_WARMUP))
        weight = gate.number(1 - decay, 0.0)
        for averaged, parameter in zip(self.model.parameters(), model.parameters(), strict=True):
            averaged.lerp_(parameter, weight)

    def state_dict(self) -> dict[str, Any]:
        """A copy of the averaged weights, under the names of `ModelConfig.shapes`."""
        return dict(self.model.weights())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.model.load_weights(state)
