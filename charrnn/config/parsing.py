"""What is typed for a setting, where its type does not say how to read it."""

from __future__ import annotations

import re

from charrnn.errors import UsageError


def unescaped(typed: str) -> str:
    r"""What is typed on a command line, where \n, \t, \r and \\ stand for characters."""
    escapes = {r"\n": "\n", r"\t": "\t", r"\r": "\r", r"\\": "\\"}
    return re.sub(r"\\[ntr\\]", lambda match: escapes[match[0]], typed)


def names(typed: str) -> tuple[str, ...]:
    """`embedding,layers` -> its parts, without blanks."""
    return tuple(part.strip() for part in typed.split(",") if part.strip())


def iterations(typed: str) -> tuple[int, ...]:
    """`100,300` -> those numbers. Raises UsageError."""
    try:
        return tuple(map(int, names(typed)))
    except ValueError:
        raise UsageError(f"--snapshot-at {typed}: a list of iterations, such as 100,300,500.") from None


def temperatures(typed: str) -> tuple[float, ...]:
    """`0.2,0.5` -> those numbers. Raises UsageError."""
    try:
        return tuple(map(float, typed.split(",")))
    except ValueError:
        raise UsageError(f"--temperatures {typed}: numbers with commas between them, as in 0.2,0.5,0.8.") from None


def seconds(typed: str) -> float:
    """`90`, `90s`, `5m` or `1h30m` in seconds. Raises UsageError."""
    units = {"h": 3600, "m": 60, "s": 1}
    parts = re.fullmatch(r"(?:([\d.]+)h)?(?:([\d.]+)m(?:in)?)?(?:([\d.]+)s?)?", typed.replace(" ", ""))
    try:
        amounts = [float(part) if part else 0.0 for part in parts.groups()] if parts and typed.strip() else []
    except ValueError:
        amounts = []
    if not sum(amounts) > 0:
        raise UsageError(f"--time {typed}: a time such as 90s, 5m or 1h30m.")
    return sum(amount * unit for amount, unit in zip(amounts, units.values(), strict=True))
