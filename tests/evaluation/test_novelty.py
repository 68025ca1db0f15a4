"""What of a text is found in another: against a search of every run by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.config import ReadConfig
from charrnn.errors import UsageError
from charrnn.evaluation import novelty
from charrnn.evaluation.novelty import Overlap, find
from charrnn.text import corpus, known_texts

TALE = "It was the best of times, it was the worst of times."


def by_hand(text: str, source: str, least: int) -> tuple[tuple[int, int], ...]:
    """The stretches, by looking up every run as a string."""
    covered = set[int]()
    for start in range(len(text) - least + 1):
        if text[start : start + least] in source:
            covered.update(range(start, start + least))
    edges = [place for place in range(len(text) + 1) if (place in covered) != (place - 1 in covered)]
    return tuple(pair for number, pair in enumerate(pairwise(edges)) if number % 2 == 0)


def test_stretches_of_a_text_made_by_hand() -> None:
    text = "Now it was the worst of all, the best of times, Now"
    [found] = find([text], corpus.from_text(TALE), least=10)
    assert [text[start:stop] for start, stop in found.stretches] == [" it was the worst of ", " the best of times, "]
    assert found.share == 41 / len(text)
    assert find([text], corpus.from_text(TALE), least=22) == [Overlap((), len(text))]


@settings(max_examples=200)
@given(st.text("ab", max_size=60), st.lists(st.text("abc", max_size=40), max_size=3), st.integers(1, 12))
def test_agrees_with_a_search_by_hand(source: str, texts: list[str], least: int) -> None:
    text = f"ab{source}"
    expected = [Overlap(by_hand(one, text, least), len(one)) for one in texts]
    assert find(texts, corpus.from_text(text), least=least) == expected


@pytest.mark.parametrize("least", [1, 7, 30])
def test_a_long_text_is_searched_in_pieces_without_a_seam(least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelty, "_PIECE", 64)
    rng = np.random.default_rng(1)
    text = "".join(map(chr, rng.integers(97, 123, 1000).tolist()))
    source = corpus.from_text(text)
    for start in range(0, 1000 - least, 13):
        sample = "Z" + text[start : start + least] + "Z"
        assert find([sample], source, least=least)[0].stretches == by_hand(sample, text, least)


def test_only_the_parts_that_are_named_count() -> None:
    source = corpus.from_text(TALE)
    assert find(["the best of"], source, [(0, 26)], least=8)[0].share == 1
    assert find(["the worst of"], source, [(0, 26)], least=8)[0].share == 0
    assert find(["the worst of"], source, [(0, 26), (26, len(TALE))], least=8)[0].share == 1


def test_of_bytes_only_whole_characters_count() -> None:
    source = corpus.from_text("naïve é café", config=ReadConfig(bytes=True))
    text = "Xaïve è caféX"
    [found] = find([text], source, least=3)  # è shares its first byte with é
    assert [text[start:stop] for start, stop in found.stretches] == ["aïve ", " café"]
    assert found.characters == len(text)
    broken = "caf\udcc3"  # a byte that is no character
    assert find([broken], source, least=3)[0].stretches == ((0, 4),)


def test_characters_that_the_text_never_had_are_nowhere() -> None:
    source = corpus.from_text("aaaabbbb")
    assert find(["ααααβaaa", "", "😀"], source, least=3) == [Overlap(((5, 8),), 8), Overlap((), 0), Overlap((), 1)]
    rare = corpus.from_text("aaaaxbbbb", config=ReadConfig(min_count=2))
    assert find(["ax", "xb"], rare, least=2) == [Overlap((), 2), Overlap((), 2)]


def test_a_length_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="--novelty-length 0"):
        find(["a"], corpus.from_text(TALE), least=0)


def test_real_prose_against_itself_and_the_rest() -> None:
    """A passage of the training part is found whole, one of the held-out part hardly."""
    source = corpus.read(known_texts.bundled())
    text, parts = source.text, source.split(0.1).training
    passages = [text[100_000:101_000], text[-20_000:-19_000]]
    own, other = find(passages, source, parts)
    assert own.stretches == ((0, 1000),)
    assert other.stretches == by_hand(passages[1], text[: parts[0][1]], novelty.LEAST)
    assert other.share < 0.2
