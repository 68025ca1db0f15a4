"""How far losses reach back, as a picture: the layers of one network, or several networks beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.formatting import Unit, plural
from charrnn.inspection.gradients import BAND, Curve, Gradients, curve
from charrnn.inspection.jacobian import summary
from charrnn.inspection.view import Line, Plot, Table, View

_LEAST = -300.0  # log10 of what is still drawn: below, floats end


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NetworkGradients:
    """One checkpoint's.

    Attributes:
        name: What it is called in the picture.
        title: The network in words: `LSTM 2 x 256`.
        iteration: After which it was kept.
        text: The text that was read.
        unit: What k counts.
        gradients: What was measured.
    """

    name: str
    title: str
    iteration: int
    text: str
    unit: Unit
    gradients: Gradients

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        facts = {"name": self.name, "network": self.title, "iteration": self.iteration, "text": self.text}
        return facts | {"unit": self.unit.one} | self.gradients.to_dict()


def view(networks: Sequence[NetworkGradients], remarks: Sequence[str] = ()) -> View:
    """The curves of one network's layers, or of several networks, all layers together; and a table of each layer.

    Args:
        networks: One at least, of one unit.
        remarks: What is to be known of them beside.

    Returns:
        What is shown.
    """
    [first, *others] = networks
    unit, gradients = first.unit, first.gradients
    places = plural(len(gradients.places), "place")
    if others:
        name = "all layers together"
        lines = tuple(
            _line(curve(each.gradients.joint), number, each.name, unit) for number, each in enumerate(networks)
        )
    else:
        name = "each layer"
        lines = tuple(
            _line(of_layer, number, f"layer {number + 1}", unit) for number, of_layer in enumerate(gradients.curves())
        )
    plot = Plot(
        name=f"Gradient of the loss with respect to the state k {unit.many} earlier: {name}",
        lines=lines,
        across=f"{unit.many} back",
        up="norm",
        note=f"The geometric mean over {places}; the band is their {BAND[0]}th to {BAND[1]}th percentile.",
        log_y=True,
        tall=True,
    )
    return View(
        title=f"How far the loss reaches back{'' if others else f': {first.name}'}",
        remarks=(*_reading(networks), *remarks),
        plots=(plot, *_depths(networks)),
        tables=(_table(networks),),
    )


def _depths(networks: Sequence[NetworkGradients]) -> tuple[Plot, ...]:
    """The gradient at k = 0 down the layers, if there are three or more: what residual connections are for."""
    if max(each.gradients.log10_norms.shape[1] for each in networks) < 3:
        return ()
    lines = []
    for number, each in enumerate(networks):
        norms = _floats(np.array([of_layer.mean[0] for of_layer in each.gradients.curves()]))
        points = [(float(layer), norm) for layer, norm in enumerate(norms, start=1) if norm > 0]
        words = f"{norms[-1]:.2g} at the top, {norms[0]:.2g} at the lowest layer"
        lines.append(Line(points=points, number=number, name=each.name, words=words))
    return (
        Plot(
            name="Through the layers: the same at k = 0",
            lines=tuple(lines),
            across="layer, from the lowest",
            up="norm",
            log_y=True,
            across_range=(1.0, float(max(len(line.points) for line in lines))),
        ),
    )


def _reading(networks: Sequence[NetworkGradients]) -> tuple[str, ...]:
    """How the figures are to be read."""
    gradients = networks[0].gradients
    texts = list(dict.fromkeys(each.text for each in networks))
    unsure = [each.name for each in networks if not each.gradients.singular_values.converged]
    return (
        f"The loss at {plural(len(gradients.places), 'place')} of {' and of '.join(texts)}, up to "
        f"{plural(gradients.reach, networks[0].unit.one)} back. A layer's state is its output h, of an LSTM h and the "
        "cell state c together.",
        "Sigma is the largest singular value of the one-step Jacobian, d state(t + 1) / d state(t), at these places: "
        "above 1 explodes, below 1 vanishes. Strictly: where it is below 1 at every step the gradient must vanish; "
        "above 1 it may explode, and whether it does the curve shows.",
        *(f"{name}: the power iteration had not settled everywhere; sigma is a little higher." for name in unsure),
    )


def _line(of: Curve, number: int, name: str, unit: Unit) -> Line:
    """A curve with its band."""
    ks = range(len(of.mean))
    low, high = _floats(of.low), _floats(of.high)
    points = [(float(k), value) for k, value in zip(ks, _floats(of.mean), strict=True) if value > 0]
    band = [(float(k), low[k], high[k]) for k in ks if low[k] > 0]
    return Line(points=points, number=number, name=name, words=_words(of, unit), band=band)


def _floats(logarithms: NDArray[np.float64]) -> list[float]:
    """10 to the powers, 0 below what floats have."""
    return [10**power if _LEAST < power < -_LEAST else 0.0 for power in logarithms.tolist()]


def _words(of: Curve, unit: Unit) -> str:
    """What a curve says, in a sentence."""
    parts = []
    if of.half_life is not None:
        parts.append(f"halves every {of.half_life:.2g} {unit.many}")
    elif of.rate is not None:
        parts.append(f"grows by {of.rate - 1:.2%} a {unit.one}" if of.rate > 1 else "keeps its size")
    hundredth = of.fallen_to(0.01)
    parts.append("never down to 1%" if hundredth is None else f"down to 1% after {hundredth}")
    if of.zero[-1]:
        parts.append(f"exactly zero at {of.zero[-1]:.0%} of the places at the end")
    return ", ".join(parts)


def _table(networks: Sequence[NetworkGradients]) -> Table:
    """A row for every layer of every network, and one for all layers together where there are several."""
    several = len(networks) > 1
    rows = []
    for each in networks:
        gradients, sigma = each.gradients, each.gradients.singular_values
        parts = [(str(n), of, sigma.layers[n - 1]) for n, of in enumerate(gradients.curves(), start=1)]
        if len(parts) > 1:
            parts.append(("all", curve(gradients.joint), sigma.whole))
        for layer, of, values in parts:
            rows.append((*([each.name] if several else []), layer, *_figures(of), *_sigma(values)))
    figures = ("At\nk = 0", "Halves\nin", "1%\nafter", "Sigma", "Highest\nsigma", "Above\n1")  # within 80 columns
    return Table(heads=(*(["Network"] if several else []), "Layer", *figures), rows=tuple(rows), figures=figures)


def _figures(of: Curve) -> tuple[str, ...]:
    hundredth = of.fallen_to(0.01)
    [beginning] = _floats(of.mean[:1])
    return (
        f"{beginning:.3g}",
        "never" if of.half_life is None else f"{of.half_life:.2f}",
        "never" if hundredth is None else f"{hundredth:,}",
    )


def _sigma(values: NDArray[np.float64]) -> tuple[str, ...]:
    facts = summary(values)
    return f"{facts['mean']:.3f}", f"{facts['max']:.3f}", f"{facts['above_1']:.0%}"
