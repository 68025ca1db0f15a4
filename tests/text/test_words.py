from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.text.words import known_words, words_of


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
