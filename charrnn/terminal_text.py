"""Text that others wrote, made safe to show on a terminal."""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1; and what reorders a line or hides in it: bidi marks, embeddings, overrides, isolates.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _placeholder(match: re.Match[str]) -> str:
    point = ord(match[0])
    if point < 0x20:
        return chr(0x2400 + point)  # Unicode has a picture of each: ␛ for escape
    return "␡" if point == 0x7F else "\N{REPLACEMENT CHARACTER}"


def visible(text: str) -> str:
    """`text` with everything a terminal would obey, or could not encode, replaced by a placeholder; one for one, so
    that no length changes. Newlines and tabs stay."""
    return _UNSAFE.sub(_placeholder, text)
