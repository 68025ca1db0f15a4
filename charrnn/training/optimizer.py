"""From gradients to updates: penalties, clipping, the optimiser, decay of the weights, and their average."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from charrnn.config import TrainConfig
from charrnn.network.torch_model import CharModel

_MOST_AVERAGED = 10  # at iteration t the average forgets at least 1 / (t + 10): it starts from the first weights


class Optimizer:
    """The optimiser of a model's parameters that are not frozen, and all it carries from update to update."""

    def __init__(self, model: CharModel, config: TrainConfig, device: torch.device) -> None:
        self.config = config
        self.trained: list[Tensor] = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._matrices = [parameter for parameter in self.trained if parameter.dim() >= 2]
        self.clipped = 0  # updates so far whose gradient was clipped
        others = [parameter for parameter in self.trained if parameter.dim() < 2]
        self._decoupled = 0.0  # weight decay that is ours to apply
        match config.optimizer:
            case "adamw":  # Loshchilov and Hutter, 2019; decay on matrices only
                groups: list[dict[str, Any]] = [
                    {"params": self._matrices, "weight_decay": config.weight_decay},
                    {"params": others, "weight_decay": 0.0},
                ]
                self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(
                    groups,
                    lr=config.learning_rate,
                    betas=(config.beta1, config.beta2),
                    fused=device.type in ("cpu", "cuda"),
                )
            case "rmsprop":  # Tieleman and Hinton, 2012
                self._decoupled = config.weight_decay
                self.optimizer = torch.optim.RMSprop(
                    self.trained, lr=config.learning_rate, alpha=config.beta2, momentum=config.momentum, foreach=True
                )
            case "sgd":
                self._decoupled = config.weight_decay
                self.optimizer = torch.optim.SGD(
                    self.trained, lr=config.learning_rate, momentum=config.momentum, foreach=True
                )

    def gradient_norm(self) -> Tensor:
        """The norm of the whole gradient, (), penalties on the matrices included."""
        gradients = [parameter.grad for parameter in self.trained if parameter.grad is not None]
        if self.config.l1 or self.config.l2:
            penalised = [parameter for parameter in self._matrices if parameter.grad is not None]
            on = [parameter.grad for parameter in penalised if parameter.grad is not None]
            with torch.no_grad():
                if self.config.l2:  # the gradient of l2 / 2 times the sum of squares
                    torch._foreach_add_(on, penalised, alpha=self.config.l2)
                if self.config.l1:
                    torch._foreach_add_(on, [p.sign() for p in penalised], alpha=self.config.l1)
        return torch.nn.utils.get_total_norm(gradients)

    def update(self, rate: float, norm: Tensor, norm_value: float) -> None:
        """Clip, and make one update at this learning rate. `norm` is `gradient_norm`'s, `norm_value` its number."""
        config = self.config
        if config.grad_clip and config.grad_clip_mode == "value":
            largest = torch.nn.utils.get_total_norm([p.grad for p in self.trained if p.grad is not None], float("inf"))
            self.clipped += int(largest.item() > config.grad_clip)
            torch.nn.utils.clip_grad_value_(self.trained, config.grad_clip)
        elif config.grad_clip and norm_value > config.grad_clip:
            self.clipped += 1
            torch.nn.utils.clip_grads_with_norm_(self.trained, config.grad_clip, norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if self._decoupled:
            with torch.no_grad():
                torch._foreach_mul_(self._matrices, 1 - rate * self._decoupled)
        self.optimizer.step()

    def tensors(self) -> dict[str, NDArray[Any]]:
        """A copy of all that is carried, as arrays that name themselves."""
        return {
            f"optimizer/{index}/{name}": value.detach().cpu().numpy().copy()
            for index, slots in self.optimizer.state_dict()["state"].items()
            for name, value in slots.items()
            if isinstance(value, Tensor)
        }

    def load(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """The inverse of `tensors`; others among them are left alone."""
        state = self.optimizer.state_dict()
        for name, value in tensors.items():
            if name.startswith("optimizer/"):
                _, index, slot = name.split("/")
                state["state"].setdefault(int(index), {})[slot] = torch.from_numpy(value.copy())
        self.optimizer.load_state_dict(state)


class Average:
    """An exponential average of a model's weights, as a model of its own (Polyak and Juditsky, 1992)."""

    def __init__(self, model: CharModel, decay: float, device: torch.device) -> None:
        self.decay = decay
        self.model = CharModel(model.config, model.vocabulary_size).to(device).requires_grad_(False)
        self.model.load_state_dict(model.state_dict())

    @torch.no_grad()
    def update(self, model: CharModel, iteration: int) -> None:
        """Take the weights after update `iteration` in."""
        decay = min(self.decay, iteration / (iteration + _MOST_AVERAGED))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)
