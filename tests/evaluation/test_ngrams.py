"""The n-gram baseline, against hand-made numbers and a plain implementation with dictionaries."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.evaluation.ngrams import Baseline, kneser_ney
from charrnn.text.vocabulary import Vocabulary, to_code_points

NOVEL = Path(__file__).resolve().parents[2] / "corpora" / "the-tidewater-bank.txt"
NEVER = 1000  # a patience that never ends


class Plain:
    """Modified Kneser-Ney as the textbook has it: dictionaries, one probability at a time, by recursion."""

    def __init__(self, train: list[int], vocabulary_size: int) -> None:
        self.train, self.vocabulary_size = train, vocabulary_size
        self.tables = cache(self._tables)

    def _tables(
        self, order: int, continuations: bool
    ) -> tuple[dict[tuple[int, ...], dict[int, int]], tuple[float, ...]]:
        """Counts by context and character, and the discounts of counts 0, 1, 2 and 3 or more."""
        train = tuple(self.train)
        if continuations:
            longer = {train[at : at + order + 1] for at in range(len(train) - order)}
            counts = Counter(gram[1:] for gram in longer)
        else:
            counts = Counter(train[at : at + order] for at in range(len(train) - order + 1))
        table: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
        for gram, count in counts.items():
            table[gram[:-1]][gram[-1]] = count
        n = Counter(counts.values())
        if all(n[j] for j in (1, 2, 3, 4)):
            y = n[1] / (n[1] + 2 * n[2])
            discounts = [j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3)]
            if all(discount > 0 for discount in discounts):
                return table, (0.0, *discounts)
        return table, (0.0, 0.5, 1.0, 1.5)

    def probability(self, character: int, history: list[int], order: int, continuations: bool = False) -> float:
        """P(character | history) of the model of this order, by raw counts or those of continuations."""
        if order == 0:
            return 1 / self.vocabulary_size
        below = self.probability(character, history, order - 1, continuations=True)
        table, discounts = self.tables(order, continuations)
        following = table.get(tuple(history[len(history) - order + 1 :]), {})
        if not following:
            return below
        taken = sum(discounts[min(count, 3)] for count in following.values())
        count = following.get(character, 0)
        return (count - discounts[min(count, 3)] + taken * below) / sum(following.values())

    def bits(self, held_out: list[int], order: int) -> float:
        text, start = self.train + held_out, len(self.train)
        return sum(-math.log2(self.probability(text[at], text[:at], order)) for at in range(start, len(text))) / len(
            held_out
        )


def array(ids: list[int], dtype: type[np.unsignedinteger] = np.uint8) -> NDArray[np.uint8]:
    return np.array(ids, dtype)


def measure(train: list[int], held_out: list[int], vocabulary_size: int, max_order: int = 12) -> tuple[float, ...]:
    """Bits of every order, none left out."""
    return kneser_ney(array(train), array(held_out), vocabulary_size, max_order=max_order, patience=NEVER).by_order


def test_by_hand() -> None:
    # Too few counts for estimates, so D = 1/2, 1, 3/2. Training 0 0 0 1 0, then a 1 to be predicted.
    # Order 1: counts 4 and 1. P(1) = (1 - 1/2 + (3/2 + 1/2) 1/2) / 5 = 3/10.
    # Below order 2: 0 comes after 0 and 1, 1 after 0. P'(1) = (1 - 1/2 + (1 + 1/2) 1/2) / 3 = 5/12.
    # Order 2: 00 twice, 01 once. P(1|0) = (1 - 1/2 + (1 + 1/2) 5/12) / 3 = 3/8.
    # Order 3: 10 is followed by nothing; below it 00 and 01 each come after 0: (1 - 1/2 + 5/12) / 2 = 11/24.
    # Order 4: 010 is followed by nothing, nor is 10 inside; 00 and 01 count for what comes before them, as above.
    found = measure([0, 0, 0, 1, 0], [1], 2, max_order=4)
    assert found == pytest.approx([-math.log2(p) for p in (3 / 10, 3 / 8, 11 / 24, 11 / 24)])


def test_estimated_discounts_by_hand() -> None:
    # Four characters once, two twice, one 3 times, one 4 times, and one never: n1..n4 = 4, 2, 1, 1, so Y = 4/8.
    # D1 = 1 - 2 Y 2/4 = 1/2, D2 = 2 - 3 Y 1/2 = 5/4, D3+ = 3 - 4 Y 1/1 = 1; they take 4/2 + 2 5/4 + 1 + 1 = 13/2.
    train = [0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 7, 7, 7, 7]
    for character, kept in ((0, 1 - 1 / 2), (4, 2 - 5 / 4), (6, 3 - 1), (7, 4 - 1), (8, 0)):
        assert measure(train, [character], 9, max_order=1) == pytest.approx([-math.log2((kept + 13 / 2 / 9) / 15)])


texts = st.integers(2, 5).flatmap(
    lambda size: st.tuples(
        st.just(size),
        st.lists(st.integers(0, size - 1), min_size=1, max_size=80),
        st.lists(st.integers(0, size - 1), min_size=1, max_size=8),
    )
)


@settings(max_examples=300)
@given(texts)
def test_every_order_is_that_of_the_plain_model(text: tuple[int, list[int], list[int]]) -> None:
    size, train, held_out = text
    plain = Plain(train, size)
    expected = [plain.bits(held_out, order) for order in range(1, min(9, len(train)) + 1)]
    assert measure(train, held_out, size, max_order=9) == pytest.approx(expected)


@settings(max_examples=60)
@given(texts)
def test_probabilities_of_all_characters_sum_to_one_after_any_context(text: tuple[int, list[int], list[int]]) -> None:
    size, train, context = text
    plain = Plain(train, size)
    before = np.array(measure(train, context, size, max_order=6)) * len(context)  # bits of the whole context
    total = np.zeros(len(before))
    for character in range(size):
        bits = np.array(measure(train, [*context, character], size, max_order=6)) * (len(context) + 1)
        total += 2 ** (before - bits)
    assert total == pytest.approx(1)
    for order in range(1, len(before) + 1):
        assert sum(plain.probability(c, train + context, order) for c in range(size)) == pytest.approx(1)


@cache
def novel() -> tuple[NDArray[np.uint8], int]:
    points = to_code_points(NOVEL.read_text(encoding="utf-8"))
    vocabulary = Vocabulary.of(points)
    return vocabulary.encode_points(points), len(vocabulary)  # type: ignore[return-value]


def test_a_real_text_is_that_of_the_plain_model() -> None:
    ids, size = novel()
    train, held_out = ids[:12_000].tolist(), ids[12_000:12_200].tolist()
    plain = Plain(train, size)
    assert all(plain.tables(2, kind)[1] != (0.0, 0.5, 1.0, 1.5) for kind in (False, True))  # estimates are put to use
    expected = [plain.bits(held_out, order) for order in range(1, 9)]
    assert measure(train, held_out, size, max_order=8) == pytest.approx(expected)


def test_the_bundled_novel() -> None:
    ids, size = novel()
    split = int(0.9 * len(ids))
    found = kneser_ney(ids[:split], ids[split:], size)
    shares = np.bincount(ids[:split], minlength=size) / split
    assert found.by_order[0] == pytest.approx(-np.log2(shares[ids[split:]]).mean(), abs=1e-3)
    assert found.order == 7
    assert 1.95 < found.bits < 2.05
    assert (found.trained_on, found.measured_on) == (split, len(ids) - split)
    assert len(found.by_order) == 10  # three that are no better


@given(texts, st.permutations(range(5)), st.sampled_from([np.uint8, np.uint16, np.uint32]))
def test_ids_are_only_names(
    text: tuple[int, list[int], list[int]], order: list[int], dtype: type[np.unsignedinteger]
) -> None:
    size = {np.uint8: 200, np.uint16: 60_000, np.uint32: 200_000}[dtype]  # sorted in 8, 16 and 32 bits
    _, train, held_out = text
    names = [name * (size // 5) + 7 for name in order]
    renamed = [array([names[i] for i in ids], dtype) for ids in (train, held_out)]
    found = kneser_ney(renamed[0], renamed[1], size, patience=NEVER)
    assert found.by_order == pytest.approx(measure(train, held_out, size))


@given(texts, st.integers(1, 8), st.integers(1, 4))
def test_it_stops_when_it_should_and_says_which_was_best(
    text: tuple[int, list[int], list[int]], max_order: int, patience: int
) -> None:
    size, train, held_out = text
    everything = measure(train, held_out, size, max_order=len(train))
    assert len(everything) == len(train)  # a text has no n-grams longer than itself
    found = kneser_ney(array(train), array(held_out), size, max_order=max_order, patience=patience)
    tried = len(found.by_order)
    assert found.by_order == everything[:tried]
    assert found.bits == min(found.by_order) == found.by_order[found.order - 1]
    stops = [k for k in range(1, len(everything) + 1) if k - 1 - everything.index(min(everything[:k])) >= patience]
    assert tried == min([max_order, len(train), *stops])


def test_the_smallest_texts() -> None:
    # One character counted: unigrams (1 - 1/2 + 1/2 1/2) / 1 for it, and what is left for the other.
    assert kneser_ney(array([1]), array([1]), 2) == Baseline(1, -math.log2(3 / 4), (-math.log2(3 / 4),), 1, 1)
    assert kneser_ney(array([1]), array([0]), 2) == Baseline(1, 2.0, (2.0,), 1, 1)


@pytest.mark.parametrize(("train", "held_out", "which"), [([], [0], "training"), ([0], [], "held-out")])
def test_nothing_to_count_or_to_predict(train: list[int], held_out: list[int], which: str) -> None:
    with pytest.raises(CorpusError, match=f"the {which} text is empty"):
        kneser_ney(array(train), array(held_out), 2)
