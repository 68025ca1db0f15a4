"""Other people's text in the characters that a model knows: composed or not, with its quotes, dashes and spaces.

A character that is known is never changed. One that is not is looked for in three ways: as the same in another normal
form of Unicode; as its equivalent on a keyboard, or in print (`charrnn.text.typography`); and, where it is asked
for, as the nearest there is: the letter without its accent, or the other case.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import VocabularyError
from charrnn.formatting import few
from charrnn.text.code_points import describe
from charrnn.text.graphemes import LONGEST
from charrnn.text.typography import SEQUENCES, equivalents

UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # how the unknown symbol looks as text
_CONTEXT = 16  # characters on either side that say to which side a quote belongs
_JAMO = "\u1160-\u11ff\ud7b0-\ud7ff"  # the vowels and finals of decomposed Hangul: they follow as marks do
_LIGATURES = dict(zip("æœßÆŒẞþÞðı", ("ae", "oe", "ss", "AE", "OE", "SS", "th", "Th", "d", "i"), strict=True))
_NOTED = 6  # replacements that a note names
_NAMED = 8  # unseen characters that an error names


Substitute = Callable[[str], str]


class Replacement(NamedTuple):
    """What is read in the place of the characters [start, stop) of a text."""

    start: int
    stop: int
    text: str


@dataclass(frozen=True, slots=True)
class KnownForm:
    """A text, and what of it is read as something else."""

    typed: str
    replacements: tuple[Replacement, ...] = ()  # in order; none overlaps another

    @property
    def text(self) -> str:
        """What is read."""
        return "".join(self._parts(self.replacements))

    def sizes(self) -> NDArray[np.intp]:
        """How many characters are read for each that was typed, (len(typed),): those of several for their first."""
        sizes = np.ones(len(self.typed), dtype=np.intp)
        for start, stop, text in self.replacements:
            sizes[start:stop] = 0
            sizes[start] = len(text)
        return sizes

    def normalized(self) -> str:
        """The text as typed, but in the normal form that is read."""
        return "".join(self._parts(list(filter(self._is_canonical, self.replacements))))

    def _is_canonical(self, replacement: Replacement) -> bool:
        start, stop, text = replacement
        return _canonical(self.typed[start:stop], text)

    @property
    def shown(self) -> str:
        """What is read, as people see it: what is read as the unknown symbol is as it was typed."""
        return "".join(self._parts([replaced for replaced in self.replacements if UNKNOWN not in replaced.text]))

    def _parts(self, replacements: Sequence[Replacement]) -> Iterator[str]:
        at = 0
        for start, stop, text in replacements:
            yield from (self.typed[at:start], text)
            at = stop
        yield self.typed[at:]

    def note(self, name: str) -> str | None:
        """What was replaced, in a sentence.

        Args:
            name: What the text is called.

        Returns:
            The sentence; None if nothing was.

        >>> KnownForm("It’s", (Replacement(2, 3, "'"),)).note("the prompt")
        "the prompt is read with ' for ’."
        """
        replaced = list[str]()
        pairs = Counter((self.typed[start:stop], text) for start, stop, text in self.replacements)
        for word in ("composed", "decomposed"):
            same = [
                pair for pair in pairs if _canonical(*pair) and (len(pair[1]) <= len(pair[0])) == (word == "composed")
            ]
            if same:
                replaced.append(f"{word} characters ({few([text for _, text in same], 3)})")
                pairs = Counter({pair: count for pair, count in pairs.items() if pair not in same})
        told = [pair for pair, _ in pairs.most_common(_NOTED)]
        replaced += [f"{_named(text)} for {_named(typed)}" for typed, text in told if text]
        left_out = [_named(typed) for typed, text in told if not text]
        if len(pairs) > _NOTED:
            (replaced if replaced else left_out).append(f"{len(pairs) - _NOTED} others")
        groups = (("with", replaced), ("without", left_out))
        parts = [f"{word} {_listed(group)}" for word, group in groups if group]
        if not parts:
            return None
        return f"{name} is read {' and '.join(parts)}."


def _listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _canonical(typed: str, taken: str) -> bool:
    """Whether two are the same text in different normal forms."""
    return unicodedata.normalize("NFD", typed) == unicodedata.normalize("NFD", taken)


def _named(text: str) -> str:
    """A few characters as a sentence can have them."""
    names = {
        UNKNOWN: "the symbol of rare characters",
        " ": "a space",
        "\n": "a line end",
        "\t": "a tab",
        "\r\n": "CR LF",
    }
    if text in names:
        return names[text]
    if text.isprintable() and not text.isspace():
        return text
    return " ".join(unicodedata.name(character, f"U+{ord(character):04X}") for character in text)


class KnownCharacters:
    """The characters that a model knows, and how others are found among them."""

    def __init__(self, characters: Sequence[str]) -> None:
        self.characters = characters
        self._known = frozenset(characters)

    def form_of(
        self, text: str, before: str = "", substitute: Substitute | None = None, *, typography: bool = True
    ) -> KnownForm:
        """A text in known characters, as far as the same is known in another form.

        Args:
            text: Any text.
            before: What is thought to stand before it: to which side a quote at its beginning belongs.
            substitute: What is read for a character that has no known form; None leaves it as it is.
            typography: Whether the other kinds of quotes, dashes and spaces are forms.

        Returns:
            The text, with what of it is read as something else.
        """
        unknown = set(text) - self._known
        if not unknown:
            return KnownForm(text)
        marks = "".join(sorted(c for c in set(text) if unicodedata.category(c)[0] == "M"))
        follows = f"[{_JAMO}{re.escape(marks)}]"
        singles = re.escape("".join(sorted(unknown)))
        pattern = re.compile(
            rf"{SEQUENCES.pattern}|[^{_JAMO}{re.escape(marks)}]?{follows}{{1,{LONGEST}}}|[{singles}]", re.DOTALL
        )
        found = list[Replacement]()
        canonical = dict[str, str]()  # of clusters, many of which a text has often
        for match in pattern.finditer(text):
            cluster = match[0]
            if unknown.isdisjoint(cluster):
                continue
            if cluster not in canonical:
                canonical[cluster] = self._recomposed(cluster)
            start, stop = match.span()
            read = canonical[cluster]
            if typography and not self._knows(read):
                around = before + text[max(0, start - _CONTEXT) : start], text[stop : stop + _CONTEXT]
                read = self._equivalent(read, *around)
            if substitute and not self._knows(read):
                read = "".join(c if c in self._known else substitute(c) for c in read)
            if read != cluster:
                found.append(Replacement(start, stop, read))
        return KnownForm(text, tuple(found))

    def nearest(self, character: str) -> str | None:
        """What of the known a person would type instead of a character; None if there is nothing like it.

        That is its equivalent, the same letter without its accent, or the other case.
        """
        return next((near for near in self._near(character) if near and near != character and self._knows(near)), None)

    def _near(self, character: str) -> Iterator[str]:
        """What is like a character, known or not, the likest first."""
        yield from equivalents(character, "a", " ", self._known)
        decomposed = unicodedata.normalize("NFD", character)
        for size in range(len(decomposed) - 1, 0, -1):
            yield unicodedata.normalize("NFC", decomposed[:size])
        plain = unicodedata.normalize("NFKD", character)
        bare = "".join(c for c in plain if unicodedata.category(c)[0] != "M") or plain[0]
        stroke = _without(character)
        letters = (bare, bare[0], *([stroke] if stroke else []), *_ligature(character))
        yield from letters
        yield character.swapcase()
        yield from map(str.swapcase, letters)

    def _knows(self, text: str) -> bool:
        return self._known.issuperset(text)

    def _equivalent(self, cluster: str, before: str, after: str) -> str:
        """Typographic equivalents in the place of what is unknown, as far as there are any."""
        if SEQUENCES.fullmatch(cluster):
            whole = next(filter(self._knows, equivalents(cluster, before, after, self._known)), None)
            if whole is not None:
                return whole
        parts = list[str]()
        for at, character in enumerate(cluster):
            if character not in self._known:
                around = before + cluster[:at], cluster[at + 1 :] + after
                candidates = equivalents(character, *around, self._known)
                parts.append(next((form for form in candidates if form != character and self._knows(form)), character))
            else:
                parts.append(character)
        return "".join(parts)

    def _recomposed(self, cluster: str) -> str:
        """The same text in the normal form of which the most is known; as it is, if none is better."""
        decomposed = unicodedata.normalize("NFD", cluster)
        forms = (cluster, unicodedata.normalize("NFC", cluster), self._composed(decomposed), decomposed)
        return min(forms, key=lambda form: sum(c not in self._known for c in form))

    @cached_property
    def _compositions(self) -> Mapping[str, str]:
        """What decomposes -> the known character that it makes; also those that NFC never composes."""
        pairs = ((unicodedata.normalize("NFD", character), character) for character in self.characters)
        return {decomposed: character for decomposed, character in pairs if decomposed != character}

    def _composed(self, decomposed: str) -> str:
        """A letter with its marks, composed as far as the compositions are known."""
        for size in range(len(decomposed), 1, -1):
            if character := self._compositions.get(decomposed[:size]):
                return character + decomposed[size:]
        for at in range(2, len(decomposed)):  # a mark may be composed with the letter across others
            if character := self._compositions.get(decomposed[0] + decomposed[at]):
                return character + decomposed[1:at] + decomposed[at + 1 :]
        return decomposed


def _without(character: str) -> str | None:
    """A letter without what goes through it or hangs on it: o of ø, l of ł; None if it has nothing such."""
    name, _, added = unicodedata.name(character, "").partition(" WITH ")
    try:
        return unicodedata.lookup(name) if added else None
    except KeyError:
        return None


def _ligature(character: str) -> list[str]:
    """The letters of one that is written for two."""
    return [_LIGATURES[character]] if character in _LIGATURES else []


def unseen_error(unseen: Sequence[str], nearest: Callable[[str], str | None], *, rare: bool = False) -> VocabularyError:
    """The error to raise for characters that a vocabulary does not have, with those that look like them.

    Args:
        unseen: The characters.
        nearest: The one that looks like another, if one does.
        rare: Whether they may have been in its text, and too rare to be in it.
    """
    named = {character: nearest(character) for character in unseen[:_NAMED]}
    parts = [describe(character) + (f", nearest {other!r}" if other else "") for character, other in named.items()]
    others = f" and {len(unseen) - _NAMED} more" if len(unseen) > _NAMED else ""
    if rare:
        were_rare = "were rare in its text (--min-count) or not in it"
        return VocabularyError(
            f"the model has no characters of its own for {'; '.join(parts)}{others}: they {were_rare}."
        )
    return VocabularyError(f"the model has never seen {'; '.join(parts)}{others}.")
