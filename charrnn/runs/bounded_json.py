"""JSON of other people's, parsed at a bounded cost: what nests deeply or has too many values is refused unparsed."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

_PIECE = 1 << 18  # bytes that are looked through at a time
_STEPS = np.zeros(256, dtype=np.int8)  # of each byte outside of strings: by how much deeper what follows lies
_STEPS[list(b"[{")], _STEPS[list(b"]}")] = 1, -1
_BEGINS = np.zeros(256, dtype=np.bool_)  # whether a value may follow
_BEGINS[list(b"[{:,")] = True


def loads(data: bytes, *, most: int, deepest: int = 16) -> Any:
    """Parse JSON whose values take little memory.

    Args:
        data: JSON in UTF-8.
        most: How many commas, colons and brackets there may be: values, all in all.
        deepest: How deeply they may be nested.

    Returns:
        What `json.loads` returns; all numbers are finite.

    Raises:
        ValueError: It is no such JSON, or an object has a name twice.
    """
    _require_bounded(data, most, deepest)
    return json.loads(data.decode(), object_pairs_hook=_object, parse_float=_finite, parse_constant=_finite)


def _require_bounded(data: bytes, most: int, deepest: int) -> None:
    """Raises ValueError for JSON of more values, or nested more deeply. What is no JSON may pass."""
    values, depth, inside = 0, 0, 0
    # Without what is escaped every quotation mark begins or ends a string.
    plain = data.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in data else data
    for begin in range(0, len(plain), _PIECE):
        piece = np.frombuffer(plain, np.uint8, min(_PIECE, len(plain) - begin), begin)
        quoted = np.add.accumulate(piece == ord('"'), dtype=np.uint8) + np.uint8(inside) & np.uint8(1)
        inside = int(quoted[-1])
        marks = piece[quoted == 0]
        depths = depth + np.cumsum(_STEPS[marks], dtype=np.int32)
        values += int(np.count_nonzero(_BEGINS[marks]))
        if values > most:
            raise ValueError("too many values")
        if len(depths):
            depth = int(depths[-1])
            if int(depths.max()) > deepest:
                raise ValueError("nested too deeply")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises ValueError where a name is there twice: what is checked might not be what is used."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name is there twice")
    return values


def _finite(number: str) -> float:
    """A JSON number with a fraction, or NaN and Infinity, which JSON does not have. Raises ValueError."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number:.20} is not finite")
    return value
