"""Why gradients vanish and explode, in one weight: y = w^n, what a network of one linear unit makes of 1 in n steps.

dy/dw = n w^(n - 1). All is reckoned in decimals, so that neither 1.01^1000 is rounded where it is shown nor 0.01^1000
becomes zero.
"""

from __future__ import annotations

import decimal
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from charrnn.errors import UsageError
from charrnn.formatting import plural
from charrnn.inspection.view import Line, Plot, Table, View

MOST_STEPS = 1_000_000
_DIGITS = 40
_CONTEXT = decimal.Context(prec=_DIGITS, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
_LONGEST = 40  # characters of a weight


def parse(typed: str) -> Decimal:
    """A weight, exactly as it was typed. Raises UsageError."""
    try:
        weight = Decimal(typed.strip().replace("\N{MINUS SIGN}", "-"))  # not in the context: no digit is rounded away
    except decimal.InvalidOperation:
        raise UsageError(f"{typed[:_LONGEST]}: is no number.", "Weights look like 1.01 or -0.5.") from None
    if not weight.is_finite():
        raise UsageError(f"{typed[:_LONGEST]}: is not finite.", "Weights look like 1.01 or -0.5.")
    if len(typed.strip()) > _LONGEST or abs(weight.adjusted()) > 300:
        raise UsageError(f"{typed[:_LONGEST]}: is beyond what a weight is.", "Give a number that a float holds.")
    return weight


@dataclass(frozen=True, slots=True)
class Power:
    """One weight.

    Attributes:
        weight: w.
        steps: n.
        value: w^n.
        derivative: n w^(n - 1).
    """

    weight: Decimal
    steps: int
    value: Decimal
    derivative: Decimal

    @property
    def half_life(self) -> float | None:
        """The steps in which the value halves; None where it does not shrink. 0 for w = 0."""
        size = abs(self.weight)
        if size >= 1:
            return None
        return math.log(0.5) / float(_CONTEXT.ln(size)) if size else 0.0

    def log10_values(self) -> list[float]:
        """log10 |w^k| for k = 0 ... n; -inf where that is 0."""
        slope = float(_CONTEXT.log10(abs(self.weight))) if self.weight else -math.inf
        return [k * slope if k else 0.0 for k in range(self.steps + 1)]

    def log10_derivatives(self) -> list[float]:
        """log10 |k w^(k - 1)| for k = 1 ... n; -inf where that is 0."""
        return [value + math.log10(k) for k, value in enumerate(self.log10_values()[:-1], start=1)]


@dataclass(frozen=True, slots=True)
class Powers:
    """Several weights, and what clipping makes of the gradient that they are the elements of.

    Attributes:
        powers: Of each weight.
        bound: The threshold of clipping.
        by_value: Each derivative, limited to the bound.
        by_norm: Each derivative times what makes the norm of all the bound, where it is above.
        norm: That of the gradient.
    """

    powers: tuple[Power, ...]
    bound: Decimal
    by_value: tuple[Decimal, ...]
    by_norm: tuple[Decimal, ...]
    norm: Decimal

    @property
    def turned(self) -> float | None:
        """By how many degrees clipping by value turns the gradient; by norm it never does. None: it is zero."""
        if not self.norm:
            return None
        with decimal.localcontext(_CONTEXT):
            unit = [power.derivative / self.norm for power in self.powers]
            clipped = _norm(self.by_value)
            if not clipped:
                return None
            cosine = sum(a * b / clipped for a, b in zip(unit, self.by_value, strict=True))
        return math.degrees(math.acos(max(-1.0, min(1.0, float(cosine)))))

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: decimals as strings, which hold what floats do not."""
        weights = [
            {
                "weight": str(power.weight),
                "value": str(power.value),
                "derivative": str(power.derivative),
                "half_life": power.half_life,
                "clipped_by_value": str(by_value),
                "clipped_by_norm": str(by_norm),
            }
            for power, by_value, by_norm in zip(self.powers, self.by_value, self.by_norm, strict=True)
        ]
        return {
            "steps": self.powers[0].steps,
            "weights": weights,
            "grad_clip": str(self.bound),
            "norm": str(self.norm),
            "turned_by_value_degrees": self.turned,
        }


def _norm(values: tuple[Decimal, ...]) -> Decimal:
    """The root of the sum of the squares, in the context that is set."""
    return sum((value * value for value in values), Decimal(0)).sqrt()


def powers(weights: list[Decimal], steps: int, bound: Decimal) -> Powers:
    """Reckon y = w^n.

    Args:
        weights: w, one or more.
        steps: n, from 1 to MOST_STEPS.
        bound: The threshold of clipping, above 0.

    Returns:
        Values and derivatives, to 40 digits.
    """
    with decimal.localcontext(_CONTEXT):
        found = tuple(
            Power(weight, steps, _power(weight, steps), steps * _power(weight, steps - 1)) for weight in weights
        )
        derivatives = tuple(power.derivative for power in found)
        norm = _norm(derivatives)
        by_value = tuple(max(-bound, min(bound, derivative)) for derivative in derivatives)
        scale = bound / norm if norm > bound else Decimal(1)
        return Powers(found, bound, by_value, tuple(derivative * scale for derivative in derivatives), norm)


def _power(weight: Decimal, exponent: int) -> Decimal:
    """w^n in the context that is set; 0^0 is 1, as y = w^0 is."""
    return weight**exponent if exponent else Decimal(1)


def figure(value: Decimal) -> str:
    """A decimal for people.

    >>> [figure(Decimal(typed)) for typed in ("20959.155", "0.04360732", "0.00004317", "1e9")]
    ['20,959.16', '0.043607', '4.32 x 10^-5', '10^9']
    """
    if not value:
        return "0"
    power = value.adjusted()
    if -4 <= power < 9:
        digits = 2 if power >= 1 else 4 - power
        text = f"{value:,.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    with decimal.localcontext(_CONTEXT):
        mantissa = f"{value.scaleb(-power):.2f}"
    if mantissa.lstrip("-") == "10.00":
        mantissa, power = mantissa.replace("10.00", "1.00"), power + 1
    mantissa = mantissa.rstrip("0").rstrip(".")
    return f"10^{power}" if mantissa == "1" else f"-10^{power}" if mantissa == "-1" else f"{mantissa} x 10^{power}"


def view(found: Powers) -> View:
    """The figures, both curves, and what clipping makes of the gradient."""
    steps = found.powers[0].steps
    values = [_line(power.log10_values(), number, power, 0) for number, power in enumerate(found.powers)]
    slopes = [_line(power.log10_derivatives(), number, power, 1) for number, power in enumerate(found.powers)]
    figures = ("y", "dy/dw", "Halves in (steps)")
    rows = tuple(
        (str(power.weight), figure(power.value), figure(power.derivative), _half_life(power)) for power in found.powers
    )
    clipped = ("dy/dw", "by value", "by norm")
    kept = tuple(
        (str(power.weight), figure(power.derivative), figure(by_value), figure(by_norm))
        for power, by_value, by_norm in zip(found.powers, found.by_value, found.by_norm, strict=True)
    )
    turned = "" if found.turned is None else f" and turns it by {found.turned:.1f} degrees"
    return View(
        title=f"y = w^{steps}",
        remarks=(
            f"What a recurrent network of one linear unit makes of 1 in {plural(steps, 'step')}, and its gradient, "
            f"dy/dw = {steps} w^{steps - 1}: above 1 explodes, below 1 vanishes.",
            f"Of all of them as one gradient, of norm {figure(found.norm)}: clipping by value limits each element"
            f"{turned}; by norm it scales all alike.",
        ),
        plots=(
            Plot(name="|y| after k steps", lines=tuple(values), across="steps", up="|w^k|", log_y=True),
            Plot(name="|dy/dw| after k steps", lines=tuple(slopes), across="steps", up="|k w^(k - 1)|", log_y=True),
        ),
        tables=(
            Table(heads=("w", *figures), rows=rows, figures=figures),
            Table(
                name=f"All of them one gradient, clipped at {figure(found.bound)}",
                heads=("w", *clipped),
                rows=kept,
                figures=clipped,
            ),
        ),
    )


def _line(logarithms: list[float], number: int, power: Power, first: int) -> Line:
    """A curve over the steps, as far as the picture reaches."""
    points = [(float(k + first), 10**value) for k, value in enumerate(logarithms) if abs(value) < _DRAWN]
    beyond = ", beyond what is drawn" if abs(logarithms[-1]) >= _DRAWN and power.weight else ""
    end = figure(power.derivative if first else power.value)
    return Line(points=points, number=number, name=f"w = {power.weight}", words=f"ends at {end}{beyond}")


_DRAWN = 12.0  # powers of ten on either side of 1: with more, 1.01 and 0.99 would be one flat line


def _half_life(power: Power) -> str:
    return "never" if power.half_life is None else f"{power.half_life:.2f}"
