"""Checks of JSON values: types, ranges, lengths. Each is called with a value and where it is, and raises ValueError."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any, str], None]

LARGEST_WHOLE = (1 << 63) - 1
_LARGEST_FLOAT = 1.7976931348623157e308


def require(condition: bool, value: Any, where: str, what: str) -> None:
    """Raises ValueError, which says where a value is, and what it is instead of `what`, unless the condition holds."""
    if not condition:
        shown = f"{value!r:.40}" if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
        raise ValueError(f"{where} is {shown}, not {what}")


def whole(low: int = 0, high: int = LARGEST_WHOLE) -> Check:
    """A whole number within these bounds."""

    def check(value: Any, where: str) -> None:
        require(type(value) is int and low <= value <= high, value, where, f"a whole number from {low} to {high}")

    return check


def number(low: float = 0.0, high: float = _LARGEST_FLOAT) -> Check:
    """A number within these bounds; so it is finite."""

    def check(value: Any, where: str) -> None:
        require(type(value) in (int, float) and low <= value <= high, value, where, f"from {low:g} to {high:g}")

    return check


def text(value: Any, where: str) -> None:
    """Any string."""
    require(isinstance(value, str), value, where, "a text")


def flag(value: Any, where: str) -> None:
    """True or false."""
    require(isinstance(value, bool), value, where, "true or false")


def one_of(*choices: str) -> Check:
    """One of some words."""

    def check(value: Any, where: str) -> None:
        require(isinstance(value, str) and value in choices, value, where, f"one of {', '.join(choices)}")

    return check


def optional(known: Check) -> Check:
    """What another check lets pass, or null."""

    def check(value: Any, where: str) -> None:
        if value is not None:
            known(value, where)

    return check


def plain(value: Any, where: str) -> None:
    """A string, a number, true, false or null: what can be shown as it is."""
    require(value is None or isinstance(value, str | bool | int | float), value, where, "a word or a number")
    if type(value) is int:
        whole(-LARGEST_WHOLE)(value, where)


def items(known: Check, *, most: int, least: int = 0) -> Check:
    """A list, each of whose values another check lets pass."""

    def check(value: Any, where: str) -> None:
        require(isinstance(value, list), value, where, "a list")
        if not least <= len(value) <= most:
            raise ValueError(f"{where} has {len(value):,} values, not {least} to {most:,}")
        for each in value:
            known(each, f"a value of {where}")

    return check


def row(*parts: Check) -> Check:
    """A list of just so many values, each with a check of its own."""

    def check(value: Any, where: str) -> None:
        require(isinstance(value, list) and len(value) == len(parts), value, where, f"a list of {len(parts)}")
        for each, known in zip(value, parts, strict=True):
            known(each, f"a value of {where}")

    return check


def record(
    needed: Mapping[str, Check] | None = None,
    possible: Mapping[str, Check] | None = None,
    *,
    others: Check | None = None,
) -> Check:
    """A JSON object.

    Args:
        needed: The checks of what must be there, by name.
        possible: Of what may be.
        others: Of what has any other name; None: there must be nothing else.
    """
    needed, known = needed or {}, {**(needed or {}), **(possible or {})}

    def check(value: Any, where: str) -> None:
        require(isinstance(value, dict), value, where or "all of it", "an object")
        for name in needed:
            if name not in value:
                raise ValueError(f"{f'{where}.' * bool(where)}{name} is missing")
        for name, each in value.items():
            known_check = known.get(name, others)
            place = f"{where}.{name}" if where else name
            if known_check is None:
                raise ValueError(f"{place!r:.60} is not known")
            known_check(each, place if name in known else f"{place!r:.60}")

    return check
