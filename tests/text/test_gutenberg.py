from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.text import gutenberg

HEADER = """The Project Gutenberg EBook of The Tidewater Bank

This eBook is for the use of anyone anywhere at no cost.

Title: The Tidewater Bank

"""
LICENCE = """
Updated editions will replace the previous one.

*** START: FULL LICENSE ***
THE FULL PROJECT GUTENBERG LICENSE
"""
BOOK = """THE TIDEWATER BANK

Chapter I

  The tide was out, and with it everyone who could row.
* * *
*** It was not the end of the story. ***
"""
STARTS = [
    "*** START OF THE PROJECT GUTENBERG EBOOK THE TIDEWATER BANK ***",
    "*** START OF THIS PROJECT GUTENBERG EBOOK THE TIDEWATER BANK ***",
    "***START OF THE PROJECT GUTENBERG EBOOK THE TIDEWATER BANK***",
    "*** START OF THE PROJECT GUTENBERG EBOOK, THE TIDEWATER BANK ***   ",
    "  *** Start of the Project Gutenberg Etext of The Tidewater Bank ***",
    "*** START OF THE COPYRIGHTED PROJECT GUTENBERG EBOOK THE TIDEWATER BANK ***",
    "*** START OF THE PROJECT GUTENBERG EBOOK THE TIDEWATER BANK",
    "*** START OF THIS PROJECT GUTENBERG EBOOK THE TIDEWATER BANK: BEING A\nTRUE ACCOUNT ***",
    "***START OF THE PROJECT GUTENBERG EBOOK THE TIDEWATER BANK:\nBEING A TRUE ACCOUNT OF ALL THAT\nHAPPENED THERE***",
    f"*** START OF THIS PROJECT GUTENBERG EBOOK {'VERY ' * 1000}LONG ***",
    "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
    "*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*",
]
CREDITS = [
    "",
    "Produced by two volunteers\n\n",
    "\n\n\nProduced by two volunteers, and\n(who checked it) by a third\n\n\n\n",
    "E-text prepared by two volunteers\n\n\nTranscribed from the first edition\n\n",
    "This eBook was produced by two volunteers.\n\n",
    "Produced by ".ljust(2000, "x") + "\nand others\n\n",
]
ENDS = [
    "*** END OF THE PROJECT GUTENBERG EBOOK THE TIDEWATER BANK ***\n" + LICENCE,
    "***END OF THIS PROJECT GUTENBERG EBOOK THE TIDEWATER BANK***\n" + LICENCE,
    "End of the Project Gutenberg EBook of The Tidewater Bank\n\n*** END OF THIS PROJECT GUTENBERG EBOOK ***\n"
    + LICENCE,
    "End of Project Gutenberg's The Tidewater Bank, by\nNobody in Particular\n\n\n\n*** END OF THE PROJECT GUTENBERG\n",
    "End of The Project Gutenberg Etext of The Tidewater Bank\n\n\n",
    "End of this Project Gutenberg Etext",
    "",
]
BOOKS = [BOOK, BOOK + "\n\n\n", "X" * 4001 + "\n" + BOOK]


def file(start: str = STARTS[0], credit: str = "", book: str = BOOK, end: str = ENDS[0], newline: str = "\n") -> str:
    return "".join([HEADER, start, "\n\n\n", credit, book, end]).replace("\n", newline)


def stripped(*pieces: str) -> str:
    return "".join(gutenberg.strip(pieces))


def stripped_any_way(text: str, places: list[int]) -> str:
    """What is left of `text` in one piece, which must be left of it in these pieces and in single characters too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gutenberg, "HEAD", 250)  # which comes as one piece
        whole = stripped(text)
        assert stripped(*cut(text, places)) == whole
        assert stripped(*text) == whole
    return whole


def cut(text: str, places: list[int]) -> list[str]:
    """`text` in pieces, some of them empty."""
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(
    "parts",
    [*({"start": start} for start in STARTS), *({"credit": one} for one in CREDITS), *({"end": end} for end in ENDS)],
    ids=str,
)
def test_the_book_is_left(parts: dict[str, str], newline: str) -> None:
    text = file(**parts, newline=newline)
    assert gutenberg.has_boilerplate(text)
    assert stripped(text) == BOOK.replace("\n", newline)


@settings(max_examples=150)
@given(
    *map(st.sampled_from, (STARTS, CREDITS, BOOKS, ENDS, ["\n", "\r\n", "\r"])),
    st.lists(st.integers(0, 20_000), max_size=30),
)
def test_wherever_the_pieces_end(start: str, credit: str, book: str, end: str, newline: str, places: list[int]) -> None:
    text = file(start, credit, book, end, newline)
    assert stripped_any_way(text, places) == book.replace("\n", newline)


# Fragments of all that the stripper knows, in any order: most of it nonsense, none of it cut differently in pieces.
RUBBLE = [*STARTS, *CREDITS[1:], BOOK, *ENDS[:-1], "word", " ", "***", "\n", "\r", "\r\n", "y" * 1999, "z"]
rubble = st.lists(st.sampled_from(RUBBLE), max_size=25).map("".join)


@settings(max_examples=150)
@given(rubble, st.lists(st.integers(0, 20_000), max_size=12))
def test_wherever_the_pieces_of_rubble_end(text: str, places: list[int]) -> None:
    assert stripped_any_way(text, places) in text


@given(st.text(), st.lists(st.integers(0, 200)))
def test_other_texts_pass_unchanged(text: str, places: list[int]) -> None:
    assert stripped_any_way(text, places) == text


@pytest.mark.parametrize(
    "text",
    [
        BOOK + ENDS[0],
        BOOK + ENDS[2],
        "He said *** START OF THIS PROJECT GUTENBERG EBOOK *** and sat down.\n" + BOOK,
        "*** START OF THE SHOW ***\n" + BOOK,
        "Produced by nobody\n\n" + BOOK,
    ],
)
def test_without_a_start_marker_nothing_is_left_out(text: str) -> None:
    assert not gutenberg.has_boilerplate(text)
    assert stripped(text) == text


def test_a_start_marker_is_looked_for_only_at_the_beginning() -> None:
    marker = STARTS[0].split(" EBOOK")[0]
    room = gutenberg.HEAD - len(marker) - 1
    near, far = ("x" * room + "\n" + STARTS[0] + "\n" + BOOK, "x" * (room + 1) + "\n" + STARTS[0] + "\n" + BOOK)
    assert stripped(near) == stripped(*near) == BOOK
    assert stripped(far) == stripped(*far) == far


def test_the_first_start_marker_counts() -> None:
    """Files of 2003 keep the small print at their end, behind the END marker."""
    late = ENDS[0] + STARTS[10] + "\nThe end.\n"
    assert stripped(HEADER + STARTS[0] + "\n\n" + BOOK + late) == BOOK


def test_a_footer_within_the_book_stays() -> None:
    """Collected works were joined from files that each had one."""
    inner = "Volume I\n\nEnd of the Project Gutenberg EBook of Volume I\n\n\nVolume II\n"
    assert stripped(STARTS[0] + "\n" + inner + ENDS[2]) == inner
    long = "End of Project Gutenberg's Volume I\n" + "so it\n" * 3 + "goes on\n"
    assert stripped(STARTS[0] + "\n" + long) == long
    twice = "End of Project Gutenberg's Volume I\n\nEnd of Project Gutenberg's Volume II\n\n"
    assert stripped(STARTS[0] + "\n" + twice) == "End of Project Gutenberg's Volume I\n\n"


def test_a_long_opening_paragraph_is_no_credit() -> None:
    opening = "Produced by chance,\n" + "the story\n" * 20 + "\n"
    assert stripped(STARTS[0] + "\n\n" + opening + BOOK) == opening + BOOK


def test_a_marker_within_a_line_is_none() -> None:
    line = "x" * 2000 + ENDS[0].split("\n")[0] + "\n"
    assert stripped(STARTS[0] + "\n" + line) == line


def test_an_unclosed_start_marker_takes_no_line_of_the_book() -> None:
    book = "One line,\n\nand one that ends in stars ***\n"
    assert stripped(STARTS[6] + "\n" + book) == book


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [
        (STARTS[0] + "\n", "word " * 200 + "\n"),
        (STARTS[0] + "\n", "word " * 200),
        (STARTS[0] + "\nThe book.\nEnd of Project Gutenberg's book\n", "\n" * 1000),
        (STARTS[0] + "\nProduced by\n", "nobody\n" * 100),
        ("", "word " * 200),
    ],
    ids=["lines", "one line", "false footer", "false credit", "no marker"],
)
def test_what_comes_out_is_never_far_behind_what_goes_in(begins: str, goes_on: str) -> None:
    went_in = 0

    def endless() -> Iterator[str]:
        nonlocal went_in
        for piece in chain([begins], repeat(goes_on)):
            went_in += len(piece)
            assert went_in < 100 * gutenberg.HEAD
            yield piece

    came_out = 0
    for piece in gutenberg.strip(endless()):
        came_out += len(piece)
        assert went_in - came_out < 2 * gutenberg.HEAD
        if came_out > 10 * gutenberg.HEAD:
            return
