from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.text import corpus
from charrnn.text.split import Span
from charrnn.text.words import known_words, training_words, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The cat, THE dog!", ["the", "cat", "the", "dog"]),
        ("don't 'quoted' l’été", ["don't", "quoted", "l’été"]),
        ("abc123 snake_case 42", ["abc", "snake", "case"]),
        ("Пьер и Наташа", ["пьер", "и", "наташа"]),
        ("... 12 —", []),
        ("", []),
    ],
)
def test_words_by_hand(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("sample", "share"),
    [
        ("The cat zzz sat.", 3 / 4),
        ("the cat zz", 1.0),  # zz may be cut
        ("the zz ca", 1 / 2),
        ("the zz cat\n", 2 / 3),
        ("the cat'", 1.0),  # cat' may have become cat's
        ("zz, qq.", 0.0),
        ("cat", None),
        ("12 34", None),
        ("", None),
    ],
)
def test_known_share_by_hand(sample: str, share: float | None) -> None:
    assert known_words(sample, ["the", "cat", "sat"]) == share
    assert known_words(sample, frozenset(["the", "cat", "sat"])) == share


@settings(deadline=None)
@given(st.text())
def test_a_text_knows_its_own_words(text: str) -> None:
    assert known_words(text, words_of(text)) in (1.0, None)
    assert known_words(text, []) in (0.0, None)


def test_training_words_are_those_of_the_spans() -> None:
    source = corpus.from_text("Anna came. Boris went; Clara stayed")
    spans = [Span(0, 10), Span(23, 35)]
    assert training_words(source, spans) == {"anna", "came", "clara", "stayed"}
    assert training_words(source, [*spans, Span(5, 5)], limit=None, piece=None) == {"anna", "came", "clara", "stayed"}


def test_training_words_are_read_in_pieces_up_to_a_limit() -> None:
    source = corpus.from_text("aa bb cc dd ee ff gg")
    whole = [Span(0, 20)]
    assert training_words(source, whole, piece=6) == {"aa", "bb", "cc", "dd", "ee", "ff", "gg"}
    assert training_words(source, whole, piece=4) == {"aa", "b", "cc", "dd", "ee", "f", "gg"}  # cut at the borders
    assert training_words(source, whole, limit=7, piece=6) == {"aa", "bb", "cc", "dd"}  # to the end of a piece
    assert training_words(source, [Span(0, 6), Span(6, 12), Span(12, 20)], limit=9, piece=6) == {"aa", "bb", "cc", "dd"}
    assert training_words(source, [Span(0, 6), Span(6, 12)], limit=6, piece=6) == {"aa", "bb"}
