"""What of a text a unit may track: each feature a value for every character, computed from the text alone.

The value at a character is what holds once that character is read: at an opening quote one is inside the quotes, at the
closing one outside again. Who reads from the end is inside at the closing quote, and outside at the opening one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.text.vocabulary import to_code_points

Flags = NDArray[np.bool_]
Counts = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Feature:
    """A property of the places of a text.

    Attributes:
        name: In a word or a few.
        meaning: When it holds, or what it counts.
        of: The text, T characters, to its values (T,): flags, or counts.
        counted: Whether it is a count or a depth, else it holds or does not.
        least: The least value at which the text has it.
        between: Whether it is between two characters rather than of one: what is told of a character holds after it.
    """

    name: str
    meaning: str
    of: Callable[[str], Flags | Counts]
    counted: bool = False
    least: int = 1
    between: bool = False

    @property
    def measure(self) -> str:
        """By what units are judged: `AUC` or `rank correlation`."""
        return "rank correlation" if self.counted else "AUC"

    def figure(self, effect: float) -> float:
        """An effect (`ranks.effect`) as AUC or rank correlation."""
        return effect if self.counted else (1 + effect) / 2

    def read(self, text: str, *, backward: bool = False) -> Flags | Counts:
        """What holds once each character of a text is read, (T,), from its beginning or from its end."""
        values = self.of(text)
        if backward and self.between:
            values = np.roll(values, 1)
            values[:1] = 0
        return values

    def places(self, values: Flags | Counts) -> int:
        """In how many separate places of a text, or of a part of it, the feature is there: runs of its values (T,)."""
        there = values >= self.least
        return int(there[:1].sum() + (there[1:] & ~there[:-1]).sum())


def inside_quotes(text: str) -> Flags:
    """Whether one is inside quotes: "straight", “typographic” of any language's kind, ‘single’, 「corner brackets」.

    A quote that is never closed ends with its paragraph: at an empty line, or, in a text that has none, at the end of
    the line. Quotes within quotes change nothing. A straight single quote is an apostrophe; a ’ before a letter, too.

    >>> print(*inside_quotes('a "b" c').astype(int), sep="")
    0011000
    """
    closing = {'"': '"', "“": "”", "„": "“”", "‘": "’", "「": "」", "『": "』"}
    closing |= {"»": "«"} if 0 <= text.find("»") < text.find("«") else {"«": "»"}
    if "“" not in text and "„" not in text:
        closing["”"] = "”"  # as in Swedish
    inside = np.zeros(len(text), dtype=np.bool_)
    opened, closes = 0, ""
    for match in re.finditer(rf"(?P<end>{_paragraph_end(text)})|’(?![^\W\d_])|[\"“”„‘«»「」『』]", text):
        mark, place = match[0], match.start()
        if closes and (match["end"] or mark in closes):
            inside[opened:place] = True
            closes = ""
        elif not closes and not match["end"]:
            opened, closes = place, closing.get(mark, "")
    if closes:
        inside[opened:] = True
    return inside


def bracket_depth(text: str) -> Counts:
    """In how many pairs of brackets one is: ( ), [ ] and { }.

    A bracket without its partner does not count, nor do ( and [ whose partner is in another paragraph.

    >>> print(*bracket_depth("a(b[c])d)e("), sep="")
    01122100000
    """
    partner = {")": "(", "]": "[", "}": "{"}
    steps = np.zeros(len(text) + 1, dtype=np.int32)
    stack: list[tuple[str, int, int]] = []  # bracket, place, paragraph
    waiting, paragraph = {"(": 0, "[": 0, "{": 0}, 0
    for match in re.finditer(rf"(?P<end>{_paragraph_end(text)})|[()\[\]{{}}]", text):
        mark = match[0]
        if match["end"]:
            paragraph += 1
            waiting["("] = waiting["["] = 0
        elif mark in waiting:
            waiting[mark] += 1
            stack.append((mark, match.start(), paragraph))
        elif waiting[wanted := partner[mark]]:
            while True:
                opening, place, written = stack.pop()
                if opening == "{" or written == paragraph:
                    waiting[opening] -= 1
                    if opening == wanted:
                        break
            steps[place] += 1
            steps[match.start()] -= 1
    return np.cumsum(steps[:-1], dtype=np.int32)


def inside_brackets(text: str) -> Flags:
    """Whether one is inside brackets (`bracket_depth`)."""
    return bracket_depth(text) > 0


def characters_in_line(text: str) -> Counts:
    r"""How many characters of the line are read: 0 at a newline, 1 at the first one after it.

    >>> characters_in_line("ab\ncd").tolist()
    [1, 2, 0, 1, 2]
    """
    return _since(to_code_points(text) == ord("\n"))


def characters_since_space(text: str) -> Counts:
    """How many characters are read since the last white space: 0 at a space or newline.

    >>> characters_since_space("to be").tolist()
    [1, 2, 0, 1, 2]
    """
    return _since(_each(text, str.isspace))


def position_in_word(text: str) -> Counts:
    """Which letter of its word a character is: 1 for the first; 0 outside. Marks and inner apostrophes count.

    >>> position_in_word("so, don't").tolist()
    [1, 2, 0, 0, 1, 2, 3, 4, 5]
    """
    return _since(~_in_words(text))


def word_ended(text: str) -> Flags:
    """Whether a word has just ended: at the first character after its last letter.

    >>> print(*word_ended("so, so").astype(int), sep="")
    001000
    """
    inside = _in_words(text)
    ended = ~inside
    ended[:1] = False
    ended[1:] &= inside[:-1]
    return ended


def capital_to_come(text: str) -> Flags:
    """Whether the next letter after this character is a capital.

    >>> print(*capital_to_come("Ab. Cd").astype(int), sep="")
    011100
    """
    is_letter = _each(text, lambda character: unicodedata.category(character)[0] == "L")
    is_capital = _each(text, lambda character: unicodedata.category(character) in ("Lu", "Lt"))
    size = len(text)
    letters = np.where(is_letter, np.arange(size), size)
    following = np.append(np.minimum.accumulate(letters[::-1])[::-1], size)[1:]  # the next letter's place
    return np.asarray(np.append(is_capital, False)[following])


def digit(text: str) -> Flags:
    """Whether the character is a digit.

    >>> print(*digit("in 1812").astype(int), sep="")
    0001111
    """
    return _each(text, str.isdecimal)


def sentence_ended(text: str) -> Flags:
    """Whether a sentence has ended, from its end mark up to what begins the next.

    An end mark is . ! ? … with the quotes and brackets that close after it, before white space; of Chinese and Japanese
    before anything. None is what goes on with a small letter, nor a full stop after an initial or a title such as Mr.

    >>> print(*sentence_ended('So. "No!" he said. I').astype(int), sep="")
    00110000000000000110
    """
    ended = np.zeros(len(text), dtype=np.bool_)
    for match in _SENTENCE_END.finditer(text):
        start, stop = match.span()
        if text[stop : stop + 1].islower():
            continue
        word = _LAST_WORD.search(text, max(0, start - _LONGEST_TITLE - 1), start) if match[0].strip() == "." else None
        if word and (word[0] in _TITLES or (len(word[0]) == 1 and word[0].isupper() and word[0] != "I")):
            continue
        ended[start:stop] = True
    return ended


def indentation(text: str) -> Counts:
    r"""By how many spaces or tabs the line is indented, as far as they are read; 0 at a newline.

    >>> indentation("if:\n  a\nb").tolist()
    [0, 0, 0, 0, 1, 2, 2, 0, 0]
    """
    widths = np.zeros(len(text), dtype=np.int32)
    for match in re.finditer(r"^([ \t]+)(.*)", text, re.MULTILINE):
        (start, stop), end = match.span(1), match.end()
        widths[start:stop] = np.arange(1, stop - start + 1)
        widths[stop:end] = stop - start
    return widths


def markup(text: str) -> Flags:
    r"""Whether one is inside a web or mail address, or markup of HTML, XML, wikis, Markdown or TeX.

    >>> print(*markup("a <b>c</b>").astype(int), sep="")
    0011101111
    """
    inside = np.zeros(len(text), dtype=np.bool_)
    for match in _MARKUP.finditer(text):
        inside[match.start() : match.end()] = True
    return inside


FEATURES: tuple[Feature, ...] = (
    Feature("inside quotes", "between an opening and a closing quote", inside_quotes, between=True),
    Feature("inside brackets", "between ( and ), [ and ] or { and }", inside_brackets, between=True),
    Feature("bracket depth", "in how many pairs of brackets", bracket_depth, counted=True, least=2, between=True),
    Feature("position in line", "characters since the line began", characters_in_line, counted=True),
    Feature("since the last space", "characters since the last white space", characters_since_space, counted=True),
    Feature("position in word", "which letter of its word; 0 outside words", position_in_word, counted=True),
    Feature("word ended", "the character after a word's last letter", word_ended),
    Feature("capital to come", "the next letter is a capital", capital_to_come),
    Feature("digit", "the character is a digit", digit),
    Feature("sentence ended", "from the end mark to the next sentence", sentence_ended),
    Feature("indentation", "spaces that the line began with", indentation, counted=True),
    Feature("URL or markup", "inside an address, a tag or other markup", markup),
)
"""The features that units are tried on, in the order they are shown in."""


def _paragraph_end(text: str) -> str:
    """What matches the end of a paragraph: an empty line, or any newline in a text that has no empty lines."""
    return r"\n(?=[ \t\r]*\n)" if re.search(r"\n[ \t\r]*\n", text) else r"\n"


def _since(begins: Flags) -> Counts:
    """For each place how far the last one lies where something begins anew (0 there), or the text's beginning."""
    places = np.arange(len(begins), dtype=np.int32)
    return places - np.maximum.accumulate(np.where(begins, places, np.int32(-1)))


def _each(text: str, test: Callable[[str], bool]) -> Flags:
    """Which characters pass a test, (T,)."""
    distinct, inverse = np.unique(to_code_points(text), return_inverse=True)
    passed: Iterable[bool] = (test(chr(point)) for point in distinct.tolist())
    return np.fromiter(passed, dtype=np.bool_, count=len(distinct))[inverse]


def _in_words(text: str) -> Flags:
    """Which characters are of words: letters, their marks, and apostrophes between two of these."""
    inside = _each(text, lambda character: unicodedata.category(character)[0] in "LM")
    between = np.zeros_like(inside)
    between[1:-1] = inside[:-2] & inside[2:]
    return inside | (between & _each(text, lambda character: character in "'’"))


_TITLES = frozenset(("Mr", "Mrs", "Ms", "Dr", "St", "Prof", "Capt", "Col", "Gen", "Rev", "Hon", "Esq", "Mme", "Mlle"))
_LONGEST_TITLE = 4
_LAST_WORD = re.compile(r"(?<![^\W_])[^\W\d_]+\Z")
_SENTENCE_END = re.compile(r"[.!?…]++[\"'”’“»«)\]]*+(?:\s++|\Z)|[。！？]++[」』”’）]*+\s*+")
_MARKUP = re.compile(
    r"(?:https?|ftp)://[^\s<>\"()]+"
    r"|(?<![\w.])www\.[^\s<>\"()]+"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}"
    r"|<!--(?s:.){0,1000}?-->"
    r"|</?[A-Za-z][\w:-]{0,50}(?:\s[^<>\n]{1,500}=[^<>\n]{1,500})?\s?/?>"  # not the a<b or b>c of a formula
    r"|&(?:#\d{1,7}|#x[\da-fA-F]{1,6}|[A-Za-z]{2,10});"
    r"|\[\[[^\[\]\n]{1,300}\]\]"
    r"|\{\{[^{}]{1,1000}\}\}"
    r"|\]\([^\s()]{1,500}\)"
    r"|`[^`\n]{1,500}`"
    r"|(?<!\w)_[^_\n]{1,300}_(?!\w)"
    r"|\\[A-Za-z]{1,50}"
)
