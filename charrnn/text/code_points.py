"""Characters as numbers, and bytes as text."""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

CodePoints = NDArray[np.uint32]
Ids = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]


def to_code_points(text: str) -> CodePoints:
    """Characters as Unicode code points: str -> (len(text),) uint32.

    >>> to_code_points("aé").tolist()
    [97, 233]
    """
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32, copy=False)


def to_text(code_points: NDArray[np.uint32]) -> str:
    """The inverse of `to_code_points`: (n,) uint32 -> str of n characters."""
    return code_points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def utf8_size(text: str) -> int:
    """How many bytes characters are in UTF-8; a lone surrogate that stands for a byte is that one.

    >>> utf8_size("aé€𝄞" + chr(0xDC9B))
    11
    """
    points = to_code_points(text)
    sizes = 1 + (points >= 0x80).astype(np.intp) + (points >= 0x800) + (points >= 0x10000)
    return int(np.where((points >= 0xDC80) & (points <= 0xDCFF), 1, sizes).sum())


def describe(character: str) -> str:
    """A character as it can be shown in any message.

    >>> describe("é"), describe(chr(160))
    ("'é' (U+00E9)", 'NO-BREAK SPACE (U+00A0)')
    """
    if "\udc80" <= character <= "\udcff":  # a byte as "surrogateescape" has it
        return f"the byte 0x{ord(character) - 0xDC00:02X}"
    names = {"\n": "newline", "\t": "tab"}
    shown = names.get(character) or unicodedata.name(character, "control")
    if character.isprintable():
        shown = repr(character)
    return f"{shown} (U+{ord(character):04X})"


def smallest(count: int) -> type[np.uint8] | type[np.uint16] | type[np.uint32]:
    """The smallest unsigned integer that holds `count` ids, 0 ... count - 1."""
    return np.uint8 if count <= 1 << 8 else np.uint16 if count <= 1 << 16 else np.uint32


def to_bytes(text: str) -> bytes:
    """The bytes of text of a byte vocabulary. Raises UnicodeEncodeError for a surrogate that is no byte."""
    return text.encode("utf-8", "surrogateescape")


def text_of_bytes(data: bytes) -> str:
    """Bytes as text: a byte that is no UTF-8 becomes a lone surrogate."""
    return data.decode("utf-8", "surrogateescape")
