from __future__ import annotations

import random
from typing import get_args

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn.config import Unseen
from charrnn.errors import CorpusError, VocabularyError
from charrnn.text.known_forms import KnownForm
from charrnn.text.vocabulary import Vocabulary, describe, to_code_points, to_text

ODD = (
    "🐍𝔸𐍈\U0010ffff",  # astral
    "e\u0301 o\u0308\u0323",  # combining
    "👩\u200d👩\u200d👧 क\u094d\u200dष",  # zero width joiners
    "שלום \u202eabc\u202c مرحبا\u0640",  # right to left
    "\x00\x1b[31m\r\n\t\x7f\u2028\ufeff",  # controls
)


def of(text: str) -> Vocabulary:
    return Vocabulary.of(to_code_points(text))


def test_ids_by_hand() -> None:
    vocabulary = of("banana\n")
    assert vocabulary.characters == ("\n", "a", "b", "n")
    assert vocabulary.encode("ban\n").tolist() == [2, 1, 3, 0]
    assert vocabulary.decode(np.array([2, 1, 3, 3])) == "bann"
    assert vocabulary.characters[vocabulary.most_frequent] == "a"
    assert len(vocabulary) == 4


@pytest.mark.parametrize("text", ODD)
def test_round_trip_of_odd_text(text: str) -> None:
    vocabulary = of(text)
    assert len(vocabulary.encode(text)) == len(text)
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert list(vocabulary.characters) == sorted(set(text))


@given(st.text(min_size=1).filter(lambda text: len(set(text)) >= 2))
def test_round_trip_of_any_text(text: str) -> None:
    vocabulary = of(text)
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert int(ids.max()) == len(vocabulary) - 1
    assert text.count(vocabulary.characters[vocabulary.most_frequent]) == max(text.count(c) for c in set(text))
    assert vocabulary.default_prime == ("\n" if "\n" in text else vocabulary.characters[vocabulary.most_frequent])


@given(st.text(st.characters(exclude_categories=())))
@example("a\ud800\udfffb")  # surrogates too: a text in memory may hold them
def test_code_points_are_those_of_python(text: str) -> None:
    points = to_code_points(text)
    assert points.tolist() == [ord(c) for c in text]
    assert points.dtype == np.uint32
    assert to_text(points) == text


@given(st.text(min_size=2).filter(lambda text: len(set(text)) >= 2), st.randoms())
def test_order_depends_on_the_set_of_characters_alone(text: str, shuffle: random.Random) -> None:
    characters = list(text)
    shuffle.shuffle(characters)
    assert of("".join(characters)) == of(text)
    assert of("".join(characters)).characters == of(text).characters


def test_vocabularies_differ_when_a_character_does() -> None:
    assert of("abc") != of("abd")
    assert of("abc") != of("abcd")
    assert of("abc") != "abc"


@pytest.mark.parametrize(
    ("size", "dtype"),
    [(2, np.uint8), (255, np.uint8), (256, np.uint8), (257, np.uint16), (65536, np.uint16), (65537, np.uint32)],
)
def test_smallest_dtype_that_holds_every_id(size: int, dtype: type) -> None:
    points = np.arange(size, dtype=np.uint32) + 0x20000
    vocabulary = Vocabulary.of(points)
    ids = vocabulary.encode_points(points)
    assert ids.dtype == dtype
    assert ids.tolist() == list(range(size))  # the last id has not wrapped around


def test_text_of_one_character_or_none_teaches_nothing() -> None:
    with pytest.raises(CorpusError, match=r"only the character 'a' \(U\+0061\)"):
        of("aaaa")
    with pytest.raises(CorpusError, match="no characters"):
        of("")


@pytest.mark.parametrize("points", [[], [5, 3], [3, 3], [3, 0x110000]])
def test_damaged_vocabulary_is_refused(points: list[int]) -> None:
    with pytest.raises(VocabularyError, match="damaged"):
        Vocabulary(np.array(points, dtype=np.uint32))


def test_unseen_characters_are_named_with_what_to_type_instead() -> None:
    vocabulary = of("abe-'\" X\n")
    with pytest.raises(VocabularyError) as caught:
        vocabulary.encode("abé“ü🐍\x1bB")
    message = str(caught.value)
    assert "'é' (U+00E9), nearest 'e'" in message
    assert "'“' (U+201C), nearest '\"'" in message
    assert "'B' (U+0042), nearest 'b'" in message
    assert "'ü' (U+00FC)" in message
    assert "'🐍' (U+1F40D)" in message  # beyond every character known: no index error
    assert "(U+001B)" in message
    assert "\x1b" not in message
    assert "'a'" not in message


def test_many_unseen_characters_are_counted() -> None:
    with pytest.raises(VocabularyError, match="and 18 more"):
        of("01").encode("abcdefghijklmnopqrstuvwxyz")


@given(st.text(min_size=1), st.text(min_size=2).filter(lambda text: len(set(text)) >= 2))
def test_encoding_fails_just_when_a_character_is_unseen(text: str, known: str) -> None:
    vocabulary = of(known)
    if set(text) <= set(known):
        assert vocabulary.decode(vocabulary.encode(text)) == text
    else:
        with pytest.raises(VocabularyError) as caught:
            vocabulary.encode(text)
        assert describe(min(set(text) - set(known))) in str(caught.value)


@pytest.mark.parametrize(
    ("character", "nearest"),
    [
        ("é", "e"),
        ("É", "e"),
        ("’", "'"),
        ("—", "-"),
        ("\u00a0", " "),
        ("A", "a"),
        ("x", "X"),
        ("ß", None),
        ("🐍", None),
    ],
)
def test_nearest(character: str, nearest: str | None) -> None:
    assert of("ae'- X").nearest(character) == nearest


def test_replace_and_drop() -> None:
    vocabulary = of("caf e'")
    assert vocabulary.form_of("Café ’🐍", "replace").text == "cafe '"
    assert vocabulary.form_of("Café ’🐍", "drop").text == "af "


@given(st.text(), st.text(min_size=2).filter(lambda text: len(set(text)) >= 2))
def test_replaced_and_dropped_text_can_always_be_encoded(text: str, known: str) -> None:
    vocabulary = of(known)
    for unseen in get_args(Unseen):
        form = vocabulary.form_of(text, unseen)
        if unseen != "error":
            assert vocabulary.decode(vocabulary.encode(form.text)) == form.text
        if set(text) <= set(known):
            assert form == KnownForm(text)
        assert form.sizes().sum() == len(form.text)
        assert [c for c in text if c in known and c not in form.text] == []


@given(st.characters(exclude_categories=()))
def test_descriptions_are_printable(character: str) -> None:
    assert describe(character).isprintable()
    byte = "\udc80" <= character <= "\udcff"
    assert (f"0x{ord(character) - 0xDC00:02X}" if byte else f"U+{ord(character):04X}") in describe(character)
