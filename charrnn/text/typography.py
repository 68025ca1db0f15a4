"""Typographic and keyboard forms of the same character: curly and straight quotes, dashes, ellipses, spaces, widths."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator

_SINGLE_OPENING, _SINGLE_CLOSING = "‘‚‛`‹", "’ʼ′´›"
_DOUBLE_OPENING, _DOUBLE_CLOSING = "“„‟«〝「", "”″»〞」"
_HYPHENS, _DASHES = "-‐‑−﹣⁃", "–‒﹘—―"
_LONG_DASHES = "—―"
_SPACES = " \u00a0\u202f\u2009\u3000"  # those that a text may have in place of a space
_LINE_ENDS = "\r\x85\u2028\u2029\x0b\x0c"
_SELECTORS = "\ufe0e\ufe0f"  # of how the character before is drawn
# What Unicode says a character is a form of: the kinds that mean the same in a text, as <super> does not.
_SAME = ("<wide>", "<narrow>", "<noBreak>", "<initial>", "<medial>", "<final>", "<isolated>", "<compat>", "<vertical>")
_ELISIONS = re.compile(r"(?:\d|(?:tis|twas|twere|twill|em|til|cause|n)\b)", re.IGNORECASE)  # after an apostrophe
# Several characters that are one: they are looked at only where one of them is unknown.
SEQUENCES = re.compile(r"\r\n|\.{3}|-{2,3}|``|''")


def equivalents(typed: str, before: str, after: str, known: Container[str]) -> Iterator[str]:
    """What stands for a character, or for one of SEQUENCES, in texts that were typed or set in another way.

    Args:
        typed: It.
        before: What stands before it, as far as there is anything.
        after: What stands after it.
        known: The characters of the text it is to fit. They say which quotes it has.

    Yields:
        Its equivalents, each of one or several characters or none, the best first. They may be unknown.
    """
    if typed in ("``", "''") or typed in '"＂' + _DOUBLE_OPENING + _DOUBLE_CLOSING:
        straight = typed in '"＂'
        opening = _opens(before, after) if straight else typed == "``" or typed in _DOUBLE_OPENING
        yield from "" if straight else '"'
        yield from _double_quotes(opening, known)
    elif typed in "'＇" + _SINGLE_OPENING + _SINGLE_CLOSING:
        straight = typed in "'＇"
        opening = _opens(before, after) and not _ELISIONS.match(after) if straight else typed in _SINGLE_OPENING
        yield from "" if straight else "'"
        yield from "‘'’‛‹`" if opening else "’'ʼ‘›´′"
    elif typed.startswith("--"):
        yield from _LONG_DASHES + "–"
    elif typed in _HYPHENS + _DASHES:
        if typed in _LONG_DASHES and "–" not in known and not (before[-1:].isspace() or after[:1].isspace()):
            yield "--"  # one between two words would read as a hyphen
        yield from _HYPHENS + _DASHES if typed in _HYPHENS else "–—-" + _DASHES + _HYPHENS
    elif typed == "...":
        yield "…"
    elif typed == "\r\n" or typed in _LINE_ENDS:
        yield "\n"
    elif typed == "\t" or unicodedata.category(typed) == "Zs":
        yield from _SPACES
    elif unicodedata.category(typed) == "Cf" or typed in _SELECTORS:
        yield ""  # it does not show
    else:
        if unicodedata.decomposition(typed).startswith(_SAME):
            yield unicodedata.normalize("NFKC", typed)
        if "!" <= typed <= "~":
            yield chr(ord(typed) + 0xFEE0)  # its full width form, as Chinese and Japanese punctuation has


def _opens(before: str, after: str) -> bool:
    """Whether a straight quote between these opens: at the beginning of a word, and not after a closed one."""
    last = before[-1:]
    begins = not last or last.isspace() or last in "([{<-" + _DASHES + _SINGLE_OPENING + _DOUBLE_OPENING + "'\"¿¡"
    return begins and not after[:1].isspace()


def _double_quotes(opening: bool, known: Container[str]) -> str:
    """The double quotes of either side, those of the text's own language first."""
    if opening:
        low = "„" in known and not ("“" in known and "”" in known)  # as in German, where “ closes
        return '„“"«「”‟' if low else '“"„«「”‟'
    return '”“"»」″'
