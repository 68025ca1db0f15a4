"""The words of a text, in any script that sets spaces between them."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from charrnn.text.normal_form import normal_form

# Scripts that set no spaces between words, by how Unicode's names of their letters begin.
_UNSPACED = (
    *("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH KATAKANA", "BOPOMOFO", "YI ", "NUSHU", "TANGUT"),
    *("THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "NEW TAI", "TAI ", "JAVANESE", "BALINESE"),
)
_JOINERS = "\u00ad\u200c\u200d"  # that show nothing inside a word: soft hyphen, zero width non-joiner and joiner
_INNER = "'’·‧׳״"  # that may stand between two letters of a word


def words_of(text: str) -> list[str]:
    """The words of a text: runs of letters, with their marks and any digits, and with apostrophes inside.

    Marks are letters' accents and the vowel signs of scripts such as Devanagari. Words are composed (NFC) and in lower
    case, their apostrophes straight, so that one word is the same however it was typed.

    >>> words_of("Don't stop 3 times, Élise!")
    ["don't", 'stop', 'times', 'élise']
    """
    text = normalized(text)
    return list(filter(None, re.findall(_pattern(marks_of(text)), text)))


def normalized(text: str) -> str:
    """Composed, in lower case, with straight apostrophes and nothing that does not show."""
    if not text.isascii():
        text = normal_form("NFC", text).translate({ord("’"): "'", **dict.fromkeys(map(ord, _JOINERS))})
    return text.lower()


def marks_of(text: str) -> str:
    """The different marks in a text, in order."""
    return "" if text.isascii() else "".join(sorted(c for c in set(text) if unicodedata.category(c)[0] == "M"))


@functools.lru_cache(maxsize=8)
def _pattern(marks: str) -> re.Pattern[str]:
    """What finds words in a text with these marks: runs with a letter; "" stands for digits alone, each read once."""
    follows = f"[^\\W_]|[{re.escape(marks)}]" if marks else r"[^\W_]"
    return re.compile(rf"\d++(?![^\W\d_])|([^\W_](?:{follows})*(?:[{_INNER}][^\W_](?:{follows})*)*)")


def letters_in(word: str) -> int:
    """How many letters and digits a word has: neither its marks nor its apostrophes."""
    return len(word) if word.isascii() and word.isalnum() else sum(map(str.isalnum, word))


def is_unspaced(text: str) -> bool:
    """Whether most letters of a text are of scripts that set no spaces between words: Chinese, Japanese, Thai ...

    >>> is_unspaced("春眠不觉晓"), is_unspaced("봄잠에 새벽을"), is_unspaced("12")
    (True, False, False)
    """
    if text.isascii():
        return False
    letters = {character: count for character, count in Counter(text).items() if character.isalpha()}
    unspaced = sum(n for c, n in letters.items() if unicodedata.name(c, "").startswith(_UNSPACED))
    return 2 * unspaced > sum(letters.values())


def known_words(sample: str, text_words: Iterable[str]) -> float | None:
    """The share of a sample's words that a text has too.

    Words of a single letter do not count: a text has nearly every letter alone, so they would be known in any noise.

    Args:
        sample: What a model wrote. Its last word, which its end may have cut, is not counted.
        text_words: The words of the text; a frozenset spares making one.

    Returns:
        0 to 1; None if the sample has no words.

    >>> known_words("the lamq went ro", {"the", "lamp", "went"}) == 2 / 3
    True
    """
    words = words_of(sample)
    if words and normalized(sample).rstrip(_INNER).endswith(words[-1]):
        words = words[:-1]
    words = [word for word in words if letters_in(word) > 1]
    known = text_words if isinstance(text_words, frozenset) else frozenset(text_words)
    return sum(word in known for word in words) / len(words) if words else None
