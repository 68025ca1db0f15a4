"""How far a loss reaches back: its gradient with respect to the states some characters earlier.

On its way back a gradient is multiplied by one Jacobian a step, so that it vanishes or explodes exponentially (Bengio,
Simard and Frasconi, 1994; Pascanu, Mikolov and Bengio, 2013, "On the difficulty of training recurrent networks").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charrnn.errors import CorpusError, DivergedError
from charrnn.inspection.jacobian import SingularValues, singular_values
from charrnn.inspection.steps import StackState, Steps
from charrnn.network.torch_model import CharModel

REACH, PLACES = 256, 64
_READ_IN = 256  # characters that are read before those that are looked at, from zeros
_SEGMENT = 8  # steps after which gradients are scaled anew: within them float32 has room for factors of 10^-4 to 10^4
BAND = (10, 90)  # percentiles


@dataclass(frozen=True, slots=True, eq=False)
class Gradients:
    """The gradient of the loss at P places with respect to every layer's state k characters earlier.

    The state of a layer is its output h, of an LSTM h and the cell state c together, as they come out of a step: a
    change of h is one to all that reads it, the layer above and the layer's own next step; c is read by the next step
    alone. k = 0 is the step that predicts the character; c has no gradient there.

    Attributes:
        places: (P,), the index of the id that is predicted.
        losses: (P,), nats.
        log10_norms: (K + 1, L, P), logarithms to base 10 of the Euclidean norms, which may be far beyond what floats
            hold; -inf where the gradient is zero.
        singular_values: Of the Jacobian of the last step.
    """

    places: NDArray[np.intp]
    losses: NDArray[np.float64]
    log10_norms: NDArray[np.float64]
    singular_values: SingularValues

    @property
    def reach(self) -> int:
        """K."""
        return len(self.log10_norms) - 1

    @property
    def joint(self) -> NDArray[np.float64]:
        """(K + 1, P), of all layers together: the root of the sum of the squares of their norms."""
        squares: NDArray[np.float64] = np.logaddexp.reduce(2 * _LN10 * self.log10_norms, axis=1)
        return squares / (2 * _LN10)

    def curves(self) -> tuple[Curve, ...]:
        """Of each layer, from the lowest up."""
        return tuple(curve(self.log10_norms[:, layer]) for layer in range(self.log10_norms.shape[1]))

    def to_dict(self) -> dict[str, Any]:
        """Curves and singular values, ready for JSON."""
        return {
            "places": self.places.tolist(),
            "mean_loss_nats": float(self.losses.mean()),
            "reach": self.reach,
            "all_layers": curve(self.joint).to_dict(),
            "layers": [of_layer.to_dict() for of_layer in self.curves()],
            "largest_singular_values": self.singular_values.to_dict(),
        }


_LN10 = math.log(10)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Norms over k, summed up over the places.

    Attributes:
        mean: (K + 1,), log10 of the geometric mean over the places at which the gradient is not zero; -inf where it is
            everywhere.
        low, high: (K + 1,), log10 of the 10th and the 90th percentile of all places.
        zero: (K + 1,), the share of the places at which the gradient is zero.
    """

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    zero: NDArray[np.float64]

    @property
    def rate(self) -> float | None:
        """The factor of a character: 10 to the slope of the line that fits `mean` best from k = 1 on.

        At k = 0 the gradient comes from the head, and is of another kind. None where there are less than two points.
        """
        finite = np.flatnonzero(np.isfinite(self.mean[1:])) + 1
        if len(finite) < 2:
            return None
        return float(10 ** np.polyfit(finite, self.mean[finite], 1)[0])

    @property
    def half_life(self) -> float | None:
        """The characters in which the gradient halves, by that line; None where it does not shrink."""
        rate = self.rate
        return None if rate is None or rate >= 1 else math.log(0.5) / math.log(rate) if rate > 0 else 0.0

    def fallen_to(self, share: float) -> int | None:
        """The first k from which on `mean` stays at most that share of what it is at k = 0; None: it never does."""
        above = np.flatnonzero(self.mean > self.mean[0] + math.log10(share))
        first = int(above[-1]) + 1 if len(above) else 0
        return first if first < len(self.mean) else None

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: logarithms to base 10, null for that of zero."""
        return {
            "log10_norm_mean": _finite(self.mean),
            f"log10_norm_p{BAND[0]}": _finite(self.low),
            f"log10_norm_p{BAND[1]}": _finite(self.high),
            "zero_share": self.zero.tolist(),
            "factor_per_character": self.rate,
            "half_life": self.half_life,
            "halved_at": self.fallen_to(0.5),
            "at_a_hundredth_at": self.fallen_to(0.01),
        }


def _finite(values: NDArray[np.float64]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def curve(log10_norms: NDArray[np.float64]) -> Curve:
    """Norms (K + 1, P), as logarithms to base 10, summed up over the places."""
    finite = np.isfinite(log10_norms)
    counts = finite.sum(1)
    sums = np.where(finite, log10_norms, 0.0).sum(1)
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), -np.inf)
    low, high = np.percentile(log10_norms, BAND, axis=1, method="nearest")  # between -inf and a number there is none
    return Curve(mean, low, high, 1 - finite.mean(1))


def gradients(
    model: CharModel, ids: NDArray[np.intp], reach: int = REACH, places: int = PLACES, name: str = "the text"
) -> Gradients:
    """How far the loss at some places of a text reaches back.

    Each place is predicted from `reach` + 1 characters before it, which are read in the state that up to 256 more
    before them leave. The places are as far from each other as the text allows, and the same each time.

    Args:
        model: The network; its precision is that of what is computed.
        ids: The text, (n,).
        reach: K, the most characters to look back.
        places: P, at how many characters; less where the text has less.
        name: What an error calls the text.

    Returns:
        The gradients' norms.

    Raises:
        CorpusError: The text is too short.
        DivergedError: What the network computes are no numbers.
    """
    if len(ids) < reach + 2:
        raise CorpusError(
            f"{name}: {len(ids):,} characters are too few to look {reach:,} back: {reach + 2:,} are needed.",
            f"Name a longer text, or give --reach {len(ids) - 2}." if len(ids) > 2 else "Name a longer text.",
        )
    read_in = min(_READ_IN, (len(ids) - reach - 2) // 2)
    window = read_in + reach + 1
    at = np.unique(np.linspace(window, len(ids) - 1, places).round().astype(np.intp))
    rows = torch.from_numpy(ids[at[:, None] - window + np.arange(window)].astype(np.int64))
    targets = torch.from_numpy(ids[at].astype(np.int64))
    steps = Steps(model.eval())
    state = steps.read(rows[:, :read_in], steps.zero_state(len(at)))
    norms, losses, before_last = _norms(steps, rows[:, read_in:], targets, state)
    return Gradients(at, losses, norms, singular_values(steps, rows[:, -1], before_last))


def _norms(
    steps: Steps, ids: Tensor, targets: Tensor, state: StackState
) -> tuple[NDArray[np.float64], NDArray[np.float64], StackState]:
    """The norms of the gradients of the losses after ids (P, K + 1) that are read in a state.

    Forward only every eighth state is kept. Backward eight steps at a time are made again, to be differentiated, and
    between them each row's gradient is scaled to 1, so that it neither vanishes nor overflows.

    Returns:
        Their logarithms to base 10, (K + 1, L, P); the losses (P,); and the state before the last step.
    """
    length = ids.shape[1]
    starts = range(0, length, _SEGMENT)
    entering = [state]
    for start in starts[:-1]:
        entering.append(steps.read(ids[:, start : start + _SEGMENT], entering[-1]))
    before_last = steps.read(ids[:, starts[-1] : -1], entering[-1])
    norms = np.empty((length, steps.config.num_layers, len(ids)))
    scale = np.zeros(len(ids))  # log10 of what the gradients were divided by
    incoming: list[Tensor] | None = None
    losses = np.zeros(len(ids))
    for start in reversed(starts):
        columns = ids[:, start : start + _SEGMENT].unbind(1)
        leaves = [part.detach().clone().requires_grad_() for layer in entering.pop() for part in layer]
        parts = len(leaves) // steps.config.num_layers
        made: list[Tensor] = []
        with torch.enable_grad():
            current: StackState = tuple(tuple(leaves[at : at + parts]) for at in range(0, len(leaves), parts))
            for column in columns:
                current, top = steps.step(column, current)
                made += [part for layer in current for part in layer]
            if incoming is None:
                of_each = steps.losses(top, targets)
                losses = of_each.detach().double().numpy()
                if not np.isfinite(losses).all():
                    raise DivergedError("the outputs of the model are not numbers.", "Use an earlier checkpoint.")
                outputs: list[Tensor] = [of_each.sum()]
            else:
                outputs = made[-len(leaves) :]
            found = torch.autograd.grad(outputs, [*leaves, *made], incoming, allow_unused=True)
        squares = np.stack([_squares(gradient, len(ids)) for gradient in found[len(leaves) :]])
        squares = squares.reshape(len(columns), steps.config.num_layers, parts, -1).sum(2)
        norms[start : start + len(columns)] = _log10(squares) / 2 + scale
        incoming = [torch.zeros_like(leaf) if it is None else it for it, leaf in zip(found, leaves, strict=False)]
        size = np.sqrt(sum(_squares(gradient, len(ids)) for gradient in incoming))
        size = np.where(size > 0, size, 1.0)
        scale += np.log10(size)
        divisor = torch.from_numpy(size).unsqueeze(1)
        incoming = [(gradient.double() / divisor).to(gradient.dtype) for gradient in incoming]
    return norms[::-1], losses, before_last


def _squares(gradient: Tensor | None, rows: int) -> NDArray[np.float64]:
    """The squared norm of each row, (rows,)."""
    if gradient is None:
        return np.zeros(rows)
    squares: NDArray[np.float64] = gradient.double().square().sum(1).numpy()
    return squares


def _log10(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        logarithms: NDArray[np.float64] = np.log10(values)
    return logarithms
