"""Errors that were put into a text are found, with what mends them; gains are those of the whole text's likelihood."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from helpers import bigrams

from charrnn.evaluation.both_sides import judge
from charrnn.evaluation.scoring import UNSEEN_BITS
from charrnn.evaluation.suspects import Suspect, find, mended, places_for
from charrnn.text.vocabulary import Vocabulary, to_code_points

LETTERS = "abcdefgh"
VOCABULARY = Vocabulary.of(to_code_points(LETTERS))
LIKELY = 0.93  # that the next letter of the alphabet follows, and h by a
TABLE = np.full((8, 8), (1 - LIKELY) / 7) + (LIKELY - (1 - LIKELY) / 7) * np.roll(np.eye(8), 1, axis=1)
AHEAD, BEHIND = bigrams.side(TABLE.tolist()), bigrams.side(TABLE.T.tolist())
CLEAN = LETTERS * 12


def suspects(text: str, count: int = 10) -> list[Suspect]:
    judged = judge(AHEAD, BEHIND, VOCABULARY, text, candidates=places_for(count))
    return find(AHEAD, BEHIND, VOCABULARY, judged, count)


def log_likelihood(text: str) -> float:
    """The geometric mean of both tables over a whole text, but for its first and last letter."""
    pairs = [(LETTERS.index(one), LETTERS.index(other)) for one, other in itertools.pairwise(text)]
    return sum(math.log(TABLE[one, other]) + math.log(TABLE.T[other, one]) for one, other in pairs) / 2


@pytest.mark.parametrize(
    ("wrong", "slip", "written", "correction", "ways"),
    [
        ("abcdxfgh".replace("x", "a"), "substitution", "a", "e", 8),
        ("abcdefggh", "insertion", "g", "", 8),
        ("abcdfgh", "deletion", "", "e", 1),
        ("abcedfgh", "transposition", "ed", "de", 1),
    ],
)
def test_an_error_of_each_kind_is_mended(wrong: str, slip: str, written: str, correction: str, ways: int) -> None:
    text = LETTERS * 6 + wrong + LETTERS * 5
    [found] = suspects(text)
    assert (found.slip, found.written, found.correction) == (slip, written, correction)
    mended_text = text[: found.position] + correction + text[found.position + len(written) :]
    assert mended_text == CLEAN
    gain = (log_likelihood(CLEAN) - log_likelihood(text) - math.log(ways)) / math.log(2)
    assert found.gain == pytest.approx(gain, abs=1e-3)
    assert text[: found.position].endswith(found.before)
    assert text[found.position + len(written) :].startswith(found.after)


def test_several_are_told_the_likeliest_first_and_no_place_twice() -> None:
    text = (
        "abcdefgh\n".replace("\n", "") * 3 + "abcefgh" + LETTERS * 3 + "abcgefgh" + LETTERS * 3 + "abdcefgh" + LETTERS
    )
    found = suspects(text)
    assert len(found) == 3
    assert [suspect.gain for suspect in found] == sorted((suspect.gain for suspect in found), reverse=True)
    assert suspects(text, 1) == found[:1]
    assert suspects(text, 2) == found[:2]


def test_a_text_as_it_should_be_has_none() -> None:
    assert suspects(CLEAN) == []
    judged = judge(AHEAD, BEHIND, VOCABULARY, CLEAN, candidates=3)
    assert all(gain < 0 for _, gain in mended(AHEAD, BEHIND, VOCABULARY, judged, judged.candidates))
    assert judge(AHEAD, BEHIND, VOCABULARY, CLEAN).candidates == ()


def test_errors_at_the_ends_are_found() -> None:
    [found] = suspects("aacdefgh" + LETTERS * 4)
    assert (found.position, found.written, found.correction) == (1, "a", "b")
    [found] = suspects(LETTERS * 4 + "abcdefah")
    assert (found.position, found.written, found.correction) == (38, "a", "g")
    [found] = suspects("ebcdefgh" + LETTERS * 4)
    assert (found.position, found.written) == (0, "e")


def test_a_character_that_was_never_seen_is_the_first() -> None:
    text = LETTERS * 3 + "abcdЖfgh" + LETTERS * 2 + "abcdegfh"
    first, *_ = suspects(text)
    assert (first.written, first.correction, first.line, first.column) == ("Ж", "e", 1, 29)
    assert first.gain > 20


def test_what_is_read_for_a_character_never_seen_may_be_what_was_meant() -> None:
    text = LETTERS * 3 + "abcdéfgh" + LETTERS * 3  # é is read as the nearest, e
    [found] = suspects(text)
    assert (found.slip, found.written, found.correction) == ("substitution", "é", "e")
    # In its place e is as likely as it was read: what is won is the charge, less the ways to err.
    assert found.gain == pytest.approx(UNSEEN_BITS - math.log2(8), abs=1e-3)


def test_places_are_those_of_characters() -> None:
    vocabulary = Vocabulary.of(to_code_points(LETTERS + "\n"))
    table = np.full((9, 9), 0.01)
    order = [vocabulary.encode(letter).item() for letter in LETTERS + "\n"]
    for one, other in itertools.pairwise([*order, order[0]]):
        table[one, other] = 0.92
    text = f"{LETTERS}\n" * 3 + "abcdeXgh\n".replace("X", "b") + f"{LETTERS}\n" * 2
    sides = bigrams.side(table.tolist()), bigrams.side(table.T.tolist())
    [found] = find(*sides, vocabulary, judge(*sides, vocabulary, text, candidates=40), 3)
    assert (found.line, found.column, found.written, found.correction) == (4, 6, "b", "f")
    assert found.to_dict()["position"] == found.position == text.index("bgh")


def test_bytes_are_mended_one_by_one() -> None:
    vocabulary = Vocabulary.every_byte()
    table = np.full((256, 256), 0.07 / 255)
    for one, other in itertools.pairwise(LETTERS + "a"):
        table[ord(one), ord(other)] = 0.93
    table /= table.sum(axis=1, keepdims=True)
    behind = np.full((256, 256), 0.07 / 255)
    for one, other in itertools.pairwise(LETTERS + "a"):
        behind[ord(other), ord(one)] = 0.93
    behind /= behind.sum(axis=1, keepdims=True)
    sides = bigrams.side(table.tolist()), bigrams.side(behind.tolist())
    text = LETTERS * 3 + "abcdhfgh" + LETTERS * 3
    [found] = find(*sides, vocabulary, judge(*sides, vocabulary, text, candidates=40), 3)
    assert (found.written, found.correction) == ("h", "e")
