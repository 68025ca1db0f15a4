"""Unicode's normal forms, in time that grows with the text alone."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Literal

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

_FEW_MARKS = 30  # on a letter, as in Unicode's Stream-Safe Text Format (UAX #15): no writing has more


def normal_form(form: Form, text: str) -> str:
    r"""`unicodedata.normalize`, which brings marks into their order one by one: a million on a letter take it hours.

    >>> normal_form("NFC", "e\u0301te\u0301")
    'été'
    """
    if text.isascii():
        return text
    decomposed: Form = "NFKD" if form in ("NFKC", "NFKD") else "NFD"
    if marks := "".join(sorted(character for character in set(text) if _is_mark(decomposed, character))):

        def in_order(match: re.Match[str]) -> str:
            parts = "".join(unicodedata.normalize(decomposed, mark) for mark in match[0])
            return "".join(sorted(parts, key=unicodedata.combining))

        text = re.sub(f"[{re.escape(marks)}]{{{_FEW_MARKS},}}", in_order, text)
    return unicodedata.normalize(form, text)


@functools.lru_cache(maxsize=4096)
def _is_mark(decomposed: Form, character: str) -> bool:
    """Whether a character, or what it is made of, is brought into an order with those beside it."""
    return unicodedata.combining(unicodedata.normalize(decomposed, character)[0]) > 0
