"""What a reader takes for one character, a grapheme cluster, and how many columns of a terminal it fills.

A letter and its marks, a Hangul syllable in its parts, a flag, an emoji made of several: the extended grapheme clusters
of Unicode (UAX #29), as far as Python's `unicodedata` tells the classes of characters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

LONGEST = 64  # characters of a cluster; what goes on is another: nothing is read again and again
_JOINER, _EMOJI_STYLE, _SOFT_HYPHEN = "\u200d", "\ufe0f", "\u00ad"
# What belongs to the character before it without being a mark: joiners, Thai and Lao AM, half-width voicing marks.
_EXTENDING = {"\u200c", _JOINER, "\u0e33", "\u0eb3", "\uff9e", "\uff9f"}
_PREPENDED = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2")  # and to the one after it: number signs
_VIRAMAS = set("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d")  # that join the consonants around them


def clusters(text: str) -> Iterator[str]:
    """The grapheme clusters of a text, in order; joined, they are the text.

    >>> [len(cluster) for cluster in clusters("e\u0301a\u1112\u1161\u11ab")]
    [2, 1, 3]
    """
    return (cluster for cluster, _ in clustered((character, 0.0) for character in text))


def clustered(characters: Iterable[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    """The grapheme clusters of characters as they come, each with its bits.

    Args:
        characters: Each with its bits; "" for a byte that completes none, whose bits are then those of the character
            that follows.

    Returns:
        Each cluster with the sum of its bits, once it is known to be complete: when the next one begins.
    """
    cluster, total, waiting = "", 0.0, 0.0
    for character, bits in characters:
        waiting += bits
        if not character:
            continue
        if cluster and not extends(cluster, character[0]):
            yield cluster, total
            cluster, total = "", 0.0
        cluster, total, waiting = cluster + character, total + waiting, 0.0
    if cluster:
        yield cluster, total + waiting


def extends(cluster: str, character: str) -> bool:
    """Whether a character belongs to the cluster that comes before it."""
    last = cluster[-1]
    if len(cluster) == LONGEST or _is_control(last) or _is_control(character):
        return False
    if _is_extending(character) or last in _PREPENDED:
        return True
    if _is_flag_letter(character):
        return len(cluster) == 1 and _is_flag_letter(last)
    if _hangul(last) and _hangul(character):
        return _hangul(character) in {"L": "LVSC", "V": "VT", "S": "VT", "T": "T", "C": "T"}[_hangul(last)]
    if last == _JOINER and unicodedata.category(character) == "So":
        return True
    return cluster.rstrip(_JOINER)[-1:] in _VIRAMAS and unicodedata.category(character) == "Lo"


def belongs_to_what_precedes(character: str) -> bool:
    """Whether a character is part of the one before it, whatever that is: a mark, a joiner, a syllable's vowel or end.

    >>> [belongs_to_what_precedes(character) for character in "e\u0301\u11ab"]
    [False, True, True]
    """
    return _is_extending(character) or _hangul(character) in ("V", "T")


@lru_cache(maxsize=4096)
def columns(cluster: str) -> int:
    """How many columns of a terminal a cluster fills: 2 if it is wide, as East Asian characters are.

    A spacing mark counts as a column, and every part of a joined emoji, as where a terminal cannot join them.
    """
    total = sum(map(_columns, cluster))
    return max(2, total) if _EMOJI_STYLE in cluster else total


def _columns(character: str) -> int:
    """How many columns one character fills."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc") and character != _SOFT_HYPHEN:
        return 0
    if _hangul(character) in ("V", "T"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs")


def _is_extending(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Mn", "Me", "Mc")
        or character in _EXTENDING
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags
    )


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _hangul(character: str) -> str:
    """Leading consonant, vowel, trailing consonant, syllable open or closed: L, V, T, S, C; "" for anything else."""
    if "\uac00" <= character <= "\ud7a3":
        return "C" if (ord(character) - 0xAC00) % 28 else "S"
    if "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c":
        return "L"
    if "\u1160" <= character <= "\u11a7" or "\ud7b0" <= character <= "\ud7c6":
        return "V"
    return "T" if "\u11a8" <= character <= "\u11ff" or "\ud7cb" <= character <= "\ud7fb" else ""
