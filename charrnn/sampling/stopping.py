"""Where a text that is being written ends: after a string, or with the line, sentence or paragraph it is in.

A text that is written from its end ends, as it is written, where it begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, get_args

from charrnn.errors import UsageError
from charrnn.sampling.generate import Character, Ended, Ending
from charrnn.text.graphemes import belongs_to_what_precedes
from charrnn.text.known_forms import KnownForm
from charrnn.text.vocabulary import Vocabulary

Unit = Literal["line", "sentence", "paragraph"]

_TERMINATORS = ".!?…‽。！？｡؟।॥۔։"  # that end a sentence, in the scripts that have any
_CLOSING = "\"'”’»›)]}」』）"  # that may follow one
MAX_OVERRUN = 2000  # characters beyond the length that a unit may go on for


class Characters(Iterator[Character]):
    """A text as it is written, each character made when it is asked for.

    Attributes:
        count: How many there were so far.
        ended_by: Why there are no more; None while there may be.
    """

    def __init__(self, source: Iterable[Character]) -> None:
        """`source` is what makes them; of a generator, what it returns is why it ended."""
        self._source = iter(source)
        self.count = 0
        self.ended_by: Ending | None = None

    def __next__(self) -> Character:
        try:
            character = next(self._source)
        except StopIteration as end:
            self.ended_by = self.ended_by or end.value or getattr(self._source, "ended_by", None) or "length"
            raise
        self.count += 1
        return character


def stop_after(characters: Iterable[Character], strings: Sequence[str], *, backward: bool = False) -> Ended:
    """The characters up to and including the first of some strings.

    Args:
        characters: A text, as it is written; a character's own text may be "", as that of a byte is that completes
            none.
        strings: Any of them ends the text. With none it goes on to its end.
        backward: Whether it is written from its end: the text then begins with the string.

    Returns:
        What is written first of it, each character as it is asked for; and how it ended.

    Raises:
        UsageError: A string is empty; when called.
    """
    if not all(strings):
        raise UsageError("--until: an empty string is everywhere.", "Give it something to look for.")
    longest = max(map(len, strings), default=0)

    def beginning() -> Ended:
        latest = ""
        source = Characters(characters)
        for character in source:
            yield character
            for char in reversed(character.text) if backward else character.text:
                latest = (char + latest)[:longest] if backward else (latest + char)[-longest:]
                if strings and (latest.startswith if backward else latest.endswith)(tuple(strings)):
                    return "until"
        return source.ended_by

    return beginning()


def stop_form(string: str, vocabulary: Vocabulary) -> KnownForm:
    """A stop string in the characters of a model, as far as it has the same in another form.

    Args:
        string: What was typed. A quote at its beginning closes: it ends what was written before it; or opens, where it
            begins a text that is written from its end.
        vocabulary: The model's.

    Returns:
        The string, and what of it is looked for as something else.
    """
    return vocabulary.form_of(string, before="" if vocabulary.backward else "a")


def stop_at_unit_end(characters: Iterable[Character], length: int, unit: str, max_overrun: int = MAX_OVERRUN) -> Ended:
    """`length` characters, and on to the end of the unit that they end in.

    A line ends with its newline; a paragraph before an empty line; a sentence with a full stop or its like and what
    closes it, before white space, or with its paragraph.

    Args:
        characters: A text, as it is written.
        length: How many there are at least, if the text has so many.
        unit: "line", "sentence" or "paragraph".
        max_overrun: How many more at most.

    Returns:
        Its beginning, each character as it is asked for; and how it ended.

    Raises:
        UsageError: There is no such unit; when called.
    """
    _require_unit(unit)

    def beginning() -> Ended:
        previous, ended = "", False  # the character before; whether a sentence has ended, and what closes it may follow
        source = Characters(characters)
        for number, character in enumerate(source):
            following = character.text[:1]
            if number >= length + max_overrun:
                return "length"
            if number >= length and following:
                empty_line = previous == following == "\n"
                if {"line": previous == "\n", "paragraph": empty_line}.get(
                    unit, empty_line or (ended and following.isspace())
                ):
                    return "finish"
            yield character
            for previous in character.text:
                ended = previous in _TERMINATORS or (ended and previous in _CLOSING)
        return source.ended_by

    return beginning()


def stop_at_unit_beginning(
    characters: Iterable[Character], length: int, unit: str, max_overrun: int = MAX_OVERRUN
) -> Ended:
    """The same of a text that is written from its end: on to the beginning of the unit that it begins in.

    A line begins after a newline, a paragraph after an empty line, a sentence after white space that follows a full
    stop or its like and what closes it, or with its paragraph. Nothing is written of what stands before.

    Args:
        characters: A text, as it is written.
        length: How many there are at least, if the text has so many.
        unit: "line", "sentence" or "paragraph".
        max_overrun: How many more at most.

    Returns:
        Its end, each character once it is known to be of the unit; and how it ended.

    Raises:
        UsageError: There is no such unit; when called.
    """
    _require_unit(unit)

    def end() -> Ended:
        held, between = list[Character](), ""  # what may stand before the unit, and its text as people read it
        source = Characters(characters)
        for number, character in enumerate(source):
            if number >= length + max_overrun:
                yield from held
                return "length"
            going_on = True
            for char in reversed(character.text) if number >= length else ():
                if _begins_after(char, between, unit):
                    return "finish"
                before, between = between, _with_what_stands_between(char, between, unit)
                going_on &= between == char + before
            if not going_on:  # what was held is of the unit
                yield from held
                held = []
            if between:
                held.append(character)
            else:
                yield character
        yield from held
        return source.ended_by

    return end()


def begin_with_letter(characters: Iterable[Character]) -> Ended:
    """A text that is written from its end, without marks that would stand on nothing: it is cut before their letter.

    Args:
        characters: A text, as it is written.

    Returns:
        The same, each character once what it belongs to is known to be there; and how it ended.
    """
    held, source = list[Character](), Characters(characters)
    for character in source:
        held.append(character)
        if character.text and not belongs_to_what_precedes(character.text[0]):
            yield from held
            held = []
    if source.ended_by not in ("length", "no-copy"):
        yield from held
    return source.ended_by


def _begins_after(char: str, between: str, unit: str) -> bool:
    """Whether a unit begins after a character and what stands between the two."""
    if unit == "line":
        return char == "\n"
    return char == "\n" == between[:1] or (unit == "sentence" and between != "" and char in _TERMINATORS)


def _with_what_stands_between(char: str, between: str, unit: str) -> str:
    """What may stand between a unit and the one before it, with one more character; "" if that is of the unit itself.

    That is a newline of paragraphs; of sentences white space, and before it what closes the one before.
    """
    if unit == "sentence" and between and char in _CLOSING:
        return char + between
    if char == "\n" or (unit == "sentence" and char.isspace()):
        return char + between if between.isspace() else char
    return ""


def _require_unit(unit: str) -> None:
    """Raises UsageError if there is no such unit."""
    if unit not in get_args(Unit):
        raise UsageError(f"--finish {unit}: there is no such unit.", f"Choose one of {', '.join(get_args(Unit))}.")
