"""The one-step Jacobian, d state(t + 1) / d state(t): by how much a step may stretch what reaches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charrnn.inspection.steps import StackState, Steps, flat, unflat

_MOST = 2_000  # iterations; most need some dozens
_TOLERANCE = 1e-2  # of sigma^2: how far J'J v may be from sigma^2 v; sigma^2 itself is then wrong by about its square


@dataclass(frozen=True, slots=True, eq=False)
class SingularValues:
    """The largest singular value of the one-step Jacobian at P places.

    Attributes:
        whole: (P,), of the states of all layers together.
        layers: (L, P), of each layer's state with respect to its own, its input held: without the ways through others.
        converged: Whether the power iteration came to its end everywhere.
    """

    whole: NDArray[np.float64]
    layers: NDArray[np.float64]
    converged: bool

    def to_dict(self) -> dict[str, Any]:
        """Mean and maximum over the places, and the share of them at which it is above 1, ready for JSON."""
        layers = [summary(values) for values in self.layers]
        return {"whole": summary(self.whole), "layers": layers, "converged": self.converged}


def summary(values: NDArray[np.float64]) -> dict[str, float]:
    """Mean, maximum and share above 1 of singular values (P,)."""
    return {"mean": float(values.mean()), "max": float(values.max()), "above_1": float((values > 1).mean())}


def singular_values(steps: Steps, ids: Tensor, state: StackState, tolerance: float = _TOLERANCE) -> SingularValues:
    """The largest singular values of the Jacobians of one step of each row.

    Args:
        steps: The network.
        ids: (P,), the characters that are read in the step.
        state: That before it, of P rows.
        tolerance: When to end: see `power_iteration`.

    Returns:
        Those of the whole state, and those of each layer.
    """

    def whole(vectors: Tensor) -> Tensor:
        return flat(steps.step(ids, unflat(vectors, state))[0])

    values, converged = [], True
    sigma, enough = power_iteration(whole, flat(state), tolerance)
    converged &= enough
    for layer, own in enumerate(state):

        def of_layer(vectors: Tensor, layer: int = layer, own: Any = own) -> Tensor:
            [changed] = unflat(vectors, (own,))
            after, _ = steps.step(ids, (*state[:layer], changed, *state[layer + 1 :]))
            return flat((after[layer],))

        of_own, enough = power_iteration(of_layer, flat((own,)), tolerance)
        converged &= enough
        values.append(of_own.double().numpy())
    return SingularValues(sigma.double().numpy(), np.stack(values), converged)


def power_iteration(
    function: Callable[[Tensor], Tensor], at: Tensor, tolerance: float = _TOLERANCE, most: int = _MOST
) -> tuple[Tensor, bool]:
    """The largest singular values of the Jacobians J of a function, without ever writing one down.

    v <- J'J v / |J'J v| (von Mises and Pollaczek-Geiringer, 1929), where J'u is what backward gives for u, and J v what
    backward gives through that: unlike torch's forward mode it loads no compiler. It begins with the same v each time.

    Args:
        function: Of vectors (B, N) to vectors (B, M), each row of its own.
        at: (B, N), where.
        tolerance: It ends where |J'J v - sigma^2 v| is at most so much of sigma^2 in every row.
        most: Iterations, at most.

    Returns:
        (B,), and whether it ended before `most`.
    """
    v = torch.randn(at.shape, generator=torch.Generator().manual_seed(0), dtype=at.dtype)
    v = v / v.norm(dim=1, keepdim=True)
    with torch.enable_grad():
        at = at.detach().requires_grad_()
        made = function(at)
        u = torch.zeros_like(made, requires_grad=True)
        [back] = torch.autograd.grad(made, at, u, create_graph=True)  # J'u, whose own derivative by u gives J v
    squares = at.new_zeros(len(at))
    for _ in range(most):
        [forward] = torch.autograd.grad(back, u, v, retain_graph=True)
        [w] = torch.autograd.grad(made, at, forward, retain_graph=True)
        squares = (v * w).sum(1)  # Rayleigh's quotient, v'J'J v
        away = (w - squares.unsqueeze(1) * v).norm(dim=1)
        if bool((away <= tolerance * squares).all()):
            return squares.clamp(min=0).sqrt(), True
        length = w.norm(dim=1, keepdim=True)
        v = torch.where(length > 0, w / length.clamp(min=torch.finfo(w.dtype).tiny), v)
    return squares.clamp(min=0).sqrt(), False
