"""Signs that a text was damaged on its way: bytes read in a wrong encoding, letters taken for others that look alike.

Both are found word by word, in any piece of text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

_TWINS = dict(  # what looks like a Latin letter, and is Cyrillic or Greek
    zip("АВЕКМНОРСТХаеорсухіѕјІЅЈΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEKMHOPCTXaeopcyxisjISJABEZHIKMNOPTYXo", strict=True)
)
_LATIN, _OTHER = "A-Za-zÀ-ÖØ-öø-ɏ", "Ͱ-ԯ"
_IS_LATIN = re.compile(f"[{_LATIN}]")
_LETTER = re.compile(f"[{_LATIN}{_OTHER}ἀ-ῼ]")
_MIXED = re.compile(f"[{_OTHER}](?:(?=[{_LATIN}])|(?<=[{_LATIN}][{_OTHER}]))")


def garbled_words(text: str) -> Iterator[tuple[int, str, str]]:
    """Mojibake: words whose UTF-8 was decoded in another encoding.

    Yields:
        Where such a word begins, the word, and what it was.
    """
    end = 0
    for pair in _mojibake().finditer(text):
        low = max(end, pair.start() - 30)
        begin = max(low, text.rfind(" ", low, pair.start()) + 1, text.rfind("\n", low, pair.start()) + 1)
        end = pair.end()
        word = text[begin:end]
        if (repaired := _repaired(word)) is not None:
            yield begin, word, repaired


@cache
def _mojibake() -> re.Pattern[str]:
    """Two characters that in some encoding are the bytes with which UTF-8 begins a character, and the word's rest."""
    from ftfy.chardata import CHARMAP_ENCODINGS

    pairs = []
    for encoding in CHARMAP_ENCODINGS:
        leading, continuing = bytes(range(0xC2, 0xF5)).decode(encoding), bytes(range(0x80, 0xC0)).decode(encoding)
        pairs.append(f"(?<=[{re.escape(leading)}])[{re.escape(continuing)}]")
    return re.compile(rf"[^\x00-\x7f](?:{'|'.join(pairs)})[^ \t\n]{{0,60}}")


def _repaired(word: str) -> str | None:
    """What a word was before its UTF-8 was read as something else; None if there is no sign of that."""
    from ftfy import fix_encoding_and_explain

    if "\N{REPLACEMENT CHARACTER}" in word:  # whatever it was is lost
        return None
    repaired, steps = fix_encoding_and_explain(word)
    by = {step.parameter for step in steps or ()}
    if not by & {"utf-8", "utf-8-variants", "decode_inconsistent_utf8"}:
        return None
    # To an old Mac or DOS, »Ü are the bytes of a letter. Believed only of the bytes C3 and E2: accents, punctuation.
    return None if by & {"macroman", "cp437"} and not set(word) & set("√‚├Γ") else repaired


def mixed_words(text: str) -> Iterator[tuple[str, str]]:
    """Words of one alphabet with letters of another that look like their own.

    Yields:
        Such a word, and those letters, sorted.
    """
    end = 0
    for match in _MIXED.finditer(text):
        if match.start() < end:
            continue
        begin, end = match.start(), match.end()
        while begin and _LETTER.match(text[begin - 1]):
            begin -= 1
        while end < len(text) and _LETTER.match(text[end]):
            end += 1
        word = text[begin:end]
        latin = {letter for letter in word if _IS_LATIN.match(letter)}
        foreign = sum(letter not in latin for letter in word)
        if 2 * foreign < len(word) and len(word) > 3:  # three letters may be an abbreviation or a formula
            odd, twins = set(word) - latin, set(_TWINS)
        elif 2 * foreign > len(word) > 2:
            odd, twins = latin, set(_TWINS.values())
        else:
            continue
        if odd <= twins:
            yield word, "".join(sorted(odd))
