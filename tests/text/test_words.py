from __future__ import annotations

import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.text.words import is_unspaced, known_words, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The cat, THE dog!", ["the", "cat", "the", "dog"]),
        ("don't 'quoted' l’été", ["don't", "quoted", "l'été"]),
        ("abc123 4th snake_case 42", ["abc123", "4th", "snake", "case"]),
        ("Пьер и Наташа", ["пьер", "и", "наташа"]),
        ("हिन्दी में लिखना", ["हिन्दी", "में", "लिखना"]),  # vowel signs and viramas are marks
        ("தமிழ் மொழி", ["தமிழ்", "மொழி"]),
        ("e\u0301te\u0301 cafe\u0301s", ["été", "cafés"]),  # typed as letter and accent
        ("שָׁלוֹם עֲלֵיכֶם", ["שָׁלוֹם", "עֲלֵיכֶם"]),
        ("می\u200cخواهم so\u00adfort", ["میخواهم", "sofort"]),  # what shows nothing is nothing
        ("col·lecció צה״ל", ["col·lecció", "צה״ל"]),
        ("\u0301 \u0301x", ["x"]),  # a mark alone is no word
        ("... 12 —", []),
        ("", []),
    ],
)
def test_words_by_hand(text: str, words: list[str]) -> None:
    assert words_of(text) == [unicodedata.normalize("NFC", word) for word in words]


@pytest.mark.parametrize(
    ("sample", "share"),
    [
        ("The cat zzz sat.", 3 / 4),
        ("the cat zz", 1.0),  # zz may be cut
        ("the zz ca", 1 / 2),
        ("the zz cat\n", 2 / 3),
        ("the cat'", 1.0),  # cat' may have become cat's
        ("zz, qq.", 0.0),
        ("the x q a I s.", 1.0),  # a letter alone says nothing
        ("a\nb\nc\nd\n", None),
        ("cat", None),
        ("12 34", None),
        ("", None),
    ],
)
def test_known_share_by_hand(sample: str, share: float | None) -> None:
    assert known_words(sample, ["the", "cat", "sat", "a", "x"]) == share
    assert known_words(sample, frozenset(["the", "cat", "sat", "a", "x"])) == share


@given(st.text())
def test_a_text_knows_its_own_words(text: str) -> None:
    assert known_words(text, words_of(text)) in (1.0, None)
    assert known_words(text, []) in (0.0, None)


@given(st.text(st.characters(categories=["L", "M", "Zs", "P"])))
def test_a_word_is_the_same_however_it_was_typed(text: str) -> None:
    decomposed = unicodedata.normalize("NFD", text)
    assert words_of(decomposed) == words_of(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_few_known_words(seed: int) -> None:
    """Every letter alone, and a hundred short words: what a text of any length has."""
    rng = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    known = {*letters, *rng.sample([a + b for a in letters for b in letters], 60), "the", "and", "was"}
    noise = "".join(rng.choices(letters + "      \n,.", k=4000))
    assert (known_words(noise, known) or 0.0) < 0.06


@pytest.mark.parametrize(
    ("text", "unspaced"),
    [
        ("春眠不觉晓，处处闻啼鸟。", True),
        ("これはテストです。", True),
        ("ภาษาไทยไม่เว้นวรรค", True),
        ("ພາສາລາວ", True),
        ("ភាសាខ្មែរ", True),
        ("မြန်မာဘာသာ", True),
        ("བོད་སྐད་", True),
        ("한국어는 띄어 쓴다", False),
        ("हिन्दी", False),
        ("a word of 中文 in English", False),
        ("12 — …", False),
    ],
)
def test_scripts_without_spaces(text: str, unspaced: bool) -> None:
    assert is_unspaced(text) is unspaced
