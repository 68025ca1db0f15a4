"""What is typed for a setting, read. What cannot be is a ValueError that says what would do."""

from __future__ import annotations

import re
from collections.abc import Mapping

ESCAPES: Mapping[str, str] = {r"\n": "\n", r"\t": "\t", r"\r": "\r", r"\\": "\\"}
_ESCAPE = re.compile(r"\\[ntr\\]")
_NAMES = {"\n": "a newline", "\t": "a tab", "\r": "a carriage return"}


def unescaped(typed: str) -> str:
    r"""What is typed on a command line, where \n, \t, \r and \\ stand for characters."""
    return _ESCAPE.sub(lambda match: ESCAPES[match[0]], typed)


def escaped(text: str) -> str:
    r"""What is typed for a text whose escapes are understood, as `unescaped` does: it reads `text` again."""
    return text.translate({ord(char): escape for escape, char in ESCAPES.items()})


def mistakable(typed: str) -> str:
    r"""How the escapes in what was typed are understood, if that may not be what was meant: letters follow one.

    Args:
        typed: As on the command line.

    Returns:
        A sentence; "" if nothing needs to be said.

    >>> mistakable(r"\n\n"), mistakable(r"\\noindent"), mistakable("a word")
    ('', '', '')
    >>> print(mistakable(r"\noindent"))
    understood as a newline and "oindent". For a backslash write two: '\\noindent'.
    """
    escapes = [(match.start(), match.end()) for match in _ESCAPE.finditer(typed)]
    doubtful = [stop for start, stop in escapes if typed[start + 1] != "\\" and typed[stop : stop + 1].isalpha()]
    if not doubtful:
        return ""
    parts = [_NAMES.get(part) or f'"{part}"' for part in re.split("([\n\t\r])", unescaped(typed)) if part]
    starts = {stop - 2 for stop in doubtful}
    doubled = "".join("\\" * (place in starts) + char for place, char in enumerate(typed))
    return f"understood as {' and '.join(parts)}. For a backslash write two: '{doubled}'."


def literal(typed: str) -> str:
    r"""What to know of escapes in a text that is taken as it was typed.

    Args:
        typed: As on the command line.

    Returns:
        A sentence; "" for a text that has none.

    >>> print(literal(r"A\n"))
    \n is taken as it stands, a backslash and a letter. For a newline write $'A\n'.
    """
    found = re.search(r"\\[ntr]", typed)
    if found is None:
        return ""
    quoted = typed.replace("'", r"\'")
    meant = _NAMES[ESCAPES[found[0]]]
    return f"{found[0]} is taken as it stands, a backslash and a letter. For {meant} write $'{quoted}'."


def whole_number(typed: str) -> int:
    """`2000`, `1e4`. Raises ValueError."""
    try:
        return int(typed)
    except ValueError:
        pass
    value = number(typed, "a whole number")
    if not value.is_integer():
        raise ValueError("a whole number is needed.")
    return int(value)


def number(typed: str, kind: str = "a number") -> float:
    """`0.5`, `1e-3`. Raises ValueError, which calls for `kind`."""
    try:
        return float(typed)
    except ValueError:
        hint = " Write it without commas." if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", typed) else ""
        if percent := re.fullmatch(r"(\d+\.?\d*) ?%", typed):
            hint = f" {typed} is {float(percent[1]) / 100:g}."
        raise ValueError(f"{kind} is needed.{hint}") from None


def temperature(typed: str) -> float:
    """`0.8`. Raises ValueError, which names the option of several."""
    if re.fullmatch(r"[\d.]+(, ?[\d.]+)+", typed):
        raise ValueError(f"a number is needed. For several write --temperatures {typed.replace(' ', '')}")
    return number(typed)


def names(typed: str) -> tuple[str, ...]:
    """`embedding,layers` -> its parts, without blanks."""
    return tuple(part.strip() for part in typed.split(",") if part.strip())


def iterations(typed: str) -> tuple[int | str, ...]:
    """`100,300` -> those numbers; `100,300,...` -> those, and that it goes on. Raises ValueError."""
    parts = names(typed.replace("…", "..."))
    *listed, last = parts or ("",)
    try:
        return (*map(int, listed), last if last == "..." else int(last)) if parts else ()
    except ValueError:
        raise ValueError("a list of iterations, such as 100,300,500; a ... after it goes on.") from None


def retention(typed: str) -> tuple[str, ...]:
    """`last:5,best` -> its parts; `all` -> none. Raises ValueError."""
    parts = names(typed)
    if not parts or ("all" in parts and len(parts) > 1):
        raise ValueError("all, or some of last:N, best and milestones, such as last:5,best.")
    return () if parts == ("all",) else parts


def temperatures(typed: str) -> tuple[float, ...]:
    """`0.2,0.5` -> those numbers. Raises ValueError."""
    try:
        return tuple(map(float, typed.split(",")))
    except ValueError:
        raise ValueError("numbers with commas between them, as in 0.2,0.5,0.8.") from None


def seconds(typed: str) -> float:
    """`90`, `90s`, `5m`, `5 minutes`, `1h30m` or `1h30` in seconds. Raises ValueError."""
    amount = r"(?:([\d.]+)%s)?"
    units = {r"h(?:(?:ou)?rs?)?": 3600, r"m(?:in(?:ute)?s?)?": 60, r"(?:s(?:ec(?:ond)?s?)?)?": 1}
    plain = re.sub(r"(h\D*)([\d.]+)$", r"\1\2m", typed.replace(" ", "").lower())  # after hours come minutes
    parts = re.fullmatch("".join(amount % unit for unit in units), plain)
    try:
        amounts = [float(part) if part else 0.0 for part in parts.groups()] if parts and typed.strip() else []
    except ValueError:
        amounts = []
    if not sum(amounts) > 0:
        raise ValueError("a time such as 90s, 5m or 1h30m.")
    return sum(amount * unit for amount, unit in zip(amounts, units.values(), strict=True))


def rate(typed: str) -> float:
    """`25GB/s`, `200Gbit/s`, `200Gb/s` in bytes a second. Raises ValueError."""
    parts = re.fullmatch(r"([\d.]+)\s*([kMGT]?)(B|b|bit)(?:/s|ps)", typed.strip())
    try:
        amount = float(parts[1]) * 1000.0 ** " kMGT".index(parts[2] or " ") if parts else 0.0
    except ValueError:
        amount = 0.0
    if parts is None or not amount > 0:
        raise ValueError("bytes or bits a second, such as 25GB/s or 200Gbit/s.")
    return amount if parts[3] == "B" else amount / 8
