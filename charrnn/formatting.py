"""Figures and settings for people, and other people's text made safe to show."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Units = Literal["bits", "nats", "perplexity"]  # what losses can be told in
Whose = Literal["network", "network + counts"]  # what a figure is of


@overload
def bits(nats: float) -> float: ...
@overload
def bits(nats: NDArray[np.float64]) -> NDArray[np.float64]: ...
@overload
def bits(nats: float | None) -> float | None: ...
def bits(nats: float | NDArray[np.float64] | None) -> float | NDArray[np.float64] | None:
    """Nats as bits, of losses in what people see: bits per character are nats per character / ln 2.

    Args:
        nats: A figure, or many (any shape), in nats; None for one that was not measured.

    Returns:
        The same in bits; None for None.
    """
    return None if nats is None else nats / math.log(2)


@overload
def nats(bits: float) -> float: ...
@overload
def nats(bits: float | None) -> float | None: ...
def nats(bits: float | None) -> float | None:
    """Bits as nats, in which losses are computed and kept; None for None."""
    return None if bits is None else bits * math.log(2)


@overload
def told_in(units: Units, nats: float) -> float: ...
@overload
def told_in(units: Units, nats: float | None) -> float | None: ...
def told_in(units: Units, nats: float | None) -> float | None:
    """A loss in the units that a person has asked for, or the difference of two: as perplexities that is their ratio.

    Args:
        units: The perplexity is e to the nats, or 2 to the bits: among how many equally likely ones the model is in
            doubt.
        nats: Per character or byte; None for a loss that was not measured.

    Returns:
        The figure; infinity for a perplexity too large for a float; None for None.

    >>> told_in("bits", math.log(8)), round(told_in("perplexity", math.log(8)), 9), told_in("nats", 1.5)
    (3.0, 8.0, 1.5)
    """
    if nats is None or units == "nats":
        return nats
    if units == "bits":
        return bits(nats)
    return math.exp(nats) if nats < _LARGEST else math.inf


_LARGEST = 709.0  # e to this is a float, and of what is little larger no more


def in_all_units(nats: float | None) -> dict[Units, float | None]:
    """A loss, or a difference of two, in each of the units, for JSON, which has no infinity: None in its place."""
    figures: dict[Units, float | None] = {units: told_in(units, nats) for units in get_args(Units)}
    return {units: None if figure == math.inf else figure for units, figure in figures.items()}


@dataclass(frozen=True, slots=True)
class Unit:
    """What a model reads and writes one by one, and what its losses are told by: characters, or bytes."""

    one: str
    many: str
    brief: str
    short: str  # of bits per one of them

    @property
    def bits_per(self) -> str:
        """What a loss is measured in, in words."""
        return f"bits per {self.one}"

    def short_of(self, units: Units) -> str:
        """The same of any units, in a word: `bpc`, `nats/char`, `ppl/char`."""
        return {"bits": self.short, "nats": f"nats/{self.brief}", "perplexity": f"ppl/{self.brief}"}[units]

    def key(self, loss: str) -> str:
        """The name that a loss in bits has in JSON: `held_out_bpc`, of a model of bytes `held_out_bpb`."""
        return f"{loss}_{self.short}"

    def losses(self, loss: str, nats: float | None) -> dict[str, float | None]:
        """A loss in JSON, in all units: `held_out_bpc` or `held_out_bpb`, `held_out_nats`, `held_out_perplexity`."""
        figures = in_all_units(nats)
        return {self.key(loss): figures.pop("bits")} | {f"{loss}_{units}": value for units, value in figures.items()}


CHARACTER, BYTE = Unit("character", "characters", "char", "bpc"), Unit("byte", "bytes", "byte", "bpb")


def common_unit(units: Iterable[Unit]) -> Unit | None:
    """The unit of all; None where they differ, or there are none."""
    distinct = set(units)
    return distinct.pop() if len(distinct) == 1 else None


def known_share(words: float | None, trigrams: float | None) -> str | None:
    """How much of a sample the training text has, of whichever was told; None if neither was.

    >>> known_share(0.93, None), known_share(None, 0.4), known_share(None, None)
    ('93% known words', '40% known character trigrams', None)
    """
    if words is not None:
        return f"{words:.0%} known words"
    return None if trigrams is None else f"{trigrams:.0%} known character trigrams"


SHADES = (1.0, 2.0, 4.0, 6.0)  # bits from which on a character is shown one shade darker


def shade_level(surprise: float) -> int:
    """How dark a character is shown: how many of SHADES its surprise in bits reaches, from 0."""
    return sum(surprise >= least for least in SHADES)


def shaded(parts: Iterable[tuple[str, float]]) -> tuple[tuple[int, str], ...]:
    """A text in pieces of one shade each.

    Args:
        parts: What has one shade, such as a letter with its marks (`text.graphemes.clustered`), and its bits.

    Returns:
        (shade level, piece) in order; joined, the pieces are the text.

    >>> shaded([("a", 0.5), ("b", 1.0), ("c", 1.5), ("d", 9.0)])
    ((0, 'a'), (1, 'bc'), (4, 'd'))
    """
    pieces = itertools.groupby(parts, key=lambda part: shade_level(part[1]))
    return tuple((level, "".join(text for text, _ in group)) for level, group in pieces)


def duration(seconds: float) -> str:
    """`48 s`, `3 min 20 s`, `2 h 5 min`, from two days on `2 d 5 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 2 * 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400:,} d {whole % 86400 // 3600} h"


def size(count: int) -> str:
    """Bytes for people: `512 B`, `3.4 MB`."""
    if count < 1000:
        return f"{count} B"
    power = next((power for power in (1, 2, 3) if count < 999.5 * 1000**power), 4)
    value = count / 1000**power
    return f"{value:.{1 if value < 99.5 else 0}f} {' kMGT'[power]}B"


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "word"), plural(2000, "word")
    ('1 word', '2,000 words')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def few(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are: `a, b and 7 more`."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


# C0 but tab and newline, DEL, C1, halves of surrogate pairs; and what reorders all that follows it: embeddings,
# overrides, isolates. The marks that a script needs stay (joiners, LRM, RLM, ALM): they order what is beside them.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")  # bytes as Python's "surrogateescape" has them
_NO_ORDER = "\N{WORD JOINER}"  # as invisible as what it stands for, and does nothing


def _placeholder(match: re.Match[str]) -> str:
    """What is shown for a character that is not."""
    point = ord(match[0])
    if point < 0x20:
        return chr(0x2400 + point)  # Unicode has a picture of each: ␛ for escape
    if 0x202A <= point <= 0x2069:
        return _NO_ORDER
    return "␡" if point == 0x7F else "\N{REPLACEMENT CHARACTER}"


def visible(text: str) -> str:
    """`text` with everything a terminal would obey, or could not encode, replaced by a placeholder.

    A character becomes a character, so that no length changes. Newlines and tabs stay.
    """
    return _UNSAFE.sub(_placeholder, text)


def visible_line(text: str) -> str:
    """`text` on one line, as `visible`, with its newlines shown: a name that others chose may have any."""
    return visible(text).replace("\n", "␊")


def hex_bytes(text: str) -> str:
    r"""`text` in which a byte that is no character is \x9b."""
    return _ESCAPED_BYTE.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", text)


def one_line(text: str) -> str:
    r"""`text` as it would be typed in Python: newlines and controls as escapes, a byte that is no character as \x9b."""
    escaped = text.translate({ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"})
    return visible(hex_bytes(escaped))


def apart(text: str) -> str:
    r"""`one_line` of text that is shown after a bracket or another sign: a mark it begins with stands on a circle.

    Of text that nobody would see, such as a joiner alone, the code points.

    >>> apart("\u0301a"), apart("a\n"), apart("\u200d")
    ('◌́a', 'a\\n', '\\u200d')
    """
    shown = one_line(text)
    if all(unicodedata.category(character) == "Cf" for character in text):
        return text.encode("ascii", "backslashreplace").decode("ascii")
    return f"◌{shown}" if _is_mark(shown[:1]) else shown


def _is_mark(character: str) -> bool:
    return character != "" and unicodedata.category(character).startswith("M")


_UNSEEN = {" ": "␣", "\n": "⏎", "\t": "⇥", "\u00a0": "⍽"}


def shown_character(character: str) -> str:
    r"""One character so that it is seen: white space as a sign of its own, a mark on a circle, a byte as \x9b.

    Args:
        character: One, or none: the end of a document, which has no character.

    >>> [shown_character(character) for character in ("a", " ", "\n", "\u0301", "\x1b", "\udc9b", "")]
    ['a', '␣', '⏎', '◌́', '␛', '\\x9b', '∎']
    """
    if not character:
        return "∎"
    if character in _UNSEEN:
        return _UNSEEN[character]
    safe = visible(hex_bytes(character))
    if safe == character and _is_mark(character[0]):
        return f"◌{character}"
    return "·" if len(safe) == 1 and unicodedata.category(safe) in ("Zs", "Zl", "Zp", "Cf") else safe
