"""y = w^n against Python's fractions, and figures beyond what floats hold."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from charrnn.errors import UsageError
from charrnn.inspection.powers import Powers, figure, parse, powers, view

FIVE = Decimal(5)


def _of(*typed: str, steps: int = 1000, bound: Decimal = FIVE) -> Powers:
    return powers(list(map(parse, typed)), steps, bound)


@pytest.mark.parametrize("typed", ["1", "1.01", "0.99", "0.01", "-1.01", "-0.5", "2"])
@pytest.mark.parametrize("steps", [1, 2, 999, 1000])
def test_powers_are_exact(typed: str, steps: int) -> None:
    [power] = _of(typed, steps=steps).powers
    weight = Fraction(typed)
    for found, exact in ((power.value, weight**steps), (power.derivative, steps * weight ** (steps - 1))):
        assert abs(Fraction(found) - exact) <= abs(exact) * Fraction(1, 10**38)


def test_the_textbook_example() -> None:
    found = _of("1", "1.01", "0.99", "0.01")
    assert [figure(power.value) for power in found.powers] == ["1", "20,959.16", "4.32 x 10^-5", "10^-2000"]
    assert [figure(power.derivative) for power in found.powers] == ["1,000", "20,751,639.25", "0.043607", "10^-1995"]
    assert found.powers[2].half_life == pytest.approx(68.97, abs=0.01)
    [table, _] = view(found).tables
    assert table.rows[1] == ("1.01", "20,959.16", "20,751,639.25", "never")


def test_zero_and_the_first_step() -> None:
    [zero] = _of("0").powers
    assert (zero.value, zero.derivative, zero.half_life) == (0, 0, 0.0)
    [first] = _of("0", steps=1).powers
    assert (first.value, first.derivative) == (0, 1)
    assert _of("0").turned is None
    assert view(_of("0", "-1"))


def test_what_no_float_holds() -> None:
    [ten] = _of("10", steps=400).powers
    assert (figure(ten.value), figure(ten.derivative)) == ("10^400", "4 x 10^401")
    [million] = _of("-3.5", steps=999_999).powers
    assert figure(million.value).startswith("-")
    assert "x 10^544067" in figure(million.value)
    assert view(_of("10", "1e-300", steps=1000))


def test_clipping_by_value_turns_and_by_norm_does_not() -> None:
    found = _of("2", "-1", steps=2, bound=Decimal(1))  # the gradient is (4, -2)
    assert found.by_value == (1, -1)
    assert [float(value) for value in found.by_norm] == pytest.approx([4 / 20**0.5, -2 / 20**0.5])
    assert found.turned == pytest.approx(18.4349, abs=1e-3)
    within = _of("0.1", steps=2, bound=Decimal(1))
    assert within.by_value == within.by_norm == (Decimal("0.2"),)


@pytest.mark.parametrize("typed", ["", "x", "nan", "inf", "1e400", "1" * 50])
def test_what_is_no_weight(typed: str) -> None:
    with pytest.raises(UsageError):
        parse(typed)


def test_figures() -> None:
    shown = {"0.00012345": "0.00012345", "999999999": "999,999,999", "-1e9": "-10^9", "9.9999e30": "10^31", "0": "0"}
    assert {typed: figure(Decimal(typed)) for typed in shown} == shown
