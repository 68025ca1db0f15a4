"""Fillings of a gap: by networks set by hand and full enumeration what they weigh, and how much the draws are worth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from helpers import bigrams, engines
from helpers.tiny import add_counts, save
from numpy.typing import NDArray

from charrnn.errors import UsageError, VocabularyError
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.sampling import fill as fill_module
from charrnn.sampling.chain import log_softmax, make_chain
from charrnn.sampling.fill import Fillings, FillRequest, Gap, effective_sample_size, fill
from charrnn.sampling.side import Side
from charrnn.text.vocabulary import Vocabulary, to_code_points

AB = Vocabulary.of(to_code_points("ab"))
AHEAD = [[0.7, 0.3], [0.4, 0.6]]  # AHEAD[i][j]: how likely j follows i
BEHIND = [[0.2, 0.8], [0.5, 0.5]]  # how likely j stands before i
GAP = Gap("ba", "ab")


def request(lengths: Sequence[int], draws: int = 4000, judged: int = 8, seed: int = 1, **chain: Any) -> FillRequest:
    return FillRequest(lengths=lengths, process=make_chain(**chain), draws=draws, judged=judged, seed=seed)


def filled(lengths: Sequence[int], gap: Gap = GAP, **settings: Any) -> Fillings:
    return fill(bigrams.side(AHEAD), bigrams.side(BEHIND), AB, gap, request(lengths, **settings))


def target(filling: str, lengths: int, left: str = "ba", right: str = "ab", judged: int = 8) -> float:
    """g by the definition: 1/N sqrt(P_f(x R' | L) P_b(x L' | R)), from the tables."""
    ahead = [left[-1], *filling, *right[:judged]]
    behind = [right[0], *filling[::-1], *left[::-1][:judged]]

    def product(text: list[str], table: list[list[float]]) -> float:
        return math.prod(table["ab".index(one)]["ab".index(other)] for one, other in itertools.pairwise(text))

    return math.sqrt(product(ahead, AHEAD) * product(behind, BEHIND)) / lengths


def every(lengths: Sequence[int]) -> dict[str, float]:
    """g of all fillings there are."""
    return {
        "".join(letters): target("".join(letters), len(lengths))
        for length in lengths
        for letters in itertools.product("ab", repeat=length)
    }


@pytest.mark.parametrize("lengths", [[2], [1, 2, 3], [2, 4]])
def test_it_samples_what_enumeration_says(lengths: list[int]) -> None:
    found, expected = filled(lengths), every(lengths)
    z = sum(expected.values())
    assert {filling.text for filling in found.fillings} == set(expected)
    for filling in found.fillings:
        assert filling.log_target == pytest.approx(math.log(expected[filling.text]), abs=1e-5)
        assert filling.weight == pytest.approx(expected[filling.text] / z, abs=0.03)
        assert filling.probability == pytest.approx(expected[filling.text] / z, rel=0.05)
    # The mean weight is Z in expectation: the weights are g / (q r), neither more nor less.
    assert np.exp(found.log_weights).mean() == pytest.approx(z, rel=0.05)
    assert sum(filling.weight for filling in found.fillings) == pytest.approx(1)
    assert sum(filling.drawn for filling in found.fillings) == found.draws == 4000
    targets = [filling.log_target for filling in found.fillings]
    assert targets == sorted(targets, reverse=True)


def test_the_expectation_of_the_weights_is_exact_over_all_paths_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """By enumeration: over all paths and stops, as likely as they are, E[w f] is the sum of g f."""
    lengths = [1, 2, 3]
    every_draw = [*itertools.product("ab", "ab", "ab", range(3))]
    columns = iter(zip(*every_draw, strict=True))

    def each_in_turn(log_probs: NDArray[Any], rngs: Any) -> NDArray[np.intp]:
        return np.array(["ab".index(one) if isinstance(one, str) else one for one in next(columns)])

    monkeypatch.setattr(fill_module, "sample_ids", each_in_turn)
    found = filled(lengths, draws=len(every_draw))
    expected, total = every(lengths), dict.fromkeys(every(lengths), 0.0)
    for (*path, stop), log_weight in zip(every_draw, found.log_weights.tolist(), strict=True):
        q = [AHEAD["ab".index(one)]["ab".index(other)] for one, other in itertools.pairwise(["a", *path])]
        follows = [AHEAD["ab".index(letter)][0] for letter in path]  # that a, which the right side begins with
        total["".join(path[: stop + 1])] += math.prod(q) * follows[stop] / sum(follows) * math.exp(log_weight)
    assert total == pytest.approx(expected, rel=1e-5)


def test_a_weight_of_one_length_is_by_hand() -> None:
    """Before the gap a, after it a: the geometric mean of both tables, by how likely each letter was drawn."""
    found = filled([1], Gap("a", "a"), draws=50)
    # x = b: P_f = .3 * .4, P_b = P(b before a) P(a before b) = .8 * .5, q = .3; x = a: .7 * .7, .2 * .2, q = .7.
    expected = {"b": math.sqrt(0.3 * 0.4 * 0.8 * 0.5) / 0.3, "a": math.sqrt(0.7 * 0.7 * 0.2 * 0.2) / 0.7}
    drawn = {filling.text: filling.drawn for filling in found.fillings}
    assert sorted(np.exp(found.log_weights).round(4)) == sorted(
        round(expected[text], 4) for text, count in drawn.items() for _ in range(count)
    )


def test_what_is_ruled_out_is_not_drawn_and_the_weights_are_by_what_was_left() -> None:
    found = filled([1], Gap("a", "a"), draws=20, top_k=1)
    assert [(filling.text, filling.drawn) for filling in found.fillings] == [("a", 20)]
    assert np.exp(found.log_weights) == pytest.approx(np.full(20, math.sqrt(0.7 * 0.7 * 0.2 * 0.2)), rel=1e-5)
    assert found.effective_sample_size == pytest.approx(20)
    tempered = filled([2], draws=4000, temperature=0.5)
    expected = every([2])
    for filling in tempered.fillings:
        assert filling.weight == pytest.approx(expected[filling.text] / sum(expected.values()), abs=0.03)


def test_only_so_many_characters_are_judged() -> None:
    found = filled([2], judged=1)
    for filling in found.fillings:
        assert math.exp(filling.log_target) == pytest.approx(target(filling.text, 1, judged=1), rel=1e-5)


def test_nothing_before_or_after_it() -> None:
    """The default prime is read, the commonest letter, and not judged."""
    for gap in (Gap("", "ab"), Gap("ba", ""), Gap("", "")):
        found = filled([1, 2], gap, draws=200)
        assert len(found.fillings) == 6
    alone = {filling.text: filling for filling in found.fillings}["b"]
    assert (alone.log_forward, alone.log_backward) == pytest.approx((math.log(0.3), math.log(0.8)))


def test_the_same_seed_draws_the_same() -> None:
    one, other = filled([1, 2, 3], draws=30, seed=7), filled([1, 2, 3], draws=30, seed=7)
    assert one.fillings == other.fillings
    assert not np.array_equal(one.log_weights, filled([1, 2, 3], draws=30, seed=8).log_weights)


def sequence_log_prob(side: Side, before: list[int], ids: Sequence[int]) -> float:
    """One character after the other, each by what a state says after all before it."""
    total = 0.0
    for index in ids:
        state = side.engine.read(before)
        log_probs: NDArray[Any] = log_softmax(state.logits)
        if side.mixture:
            log_probs = side.mixture.log_probs(log_probs, side.mixture.nodes(state.recent))
        total += log_probs.item(index)
        before = [*before, index]
    return total


@pytest.mark.parametrize("counts", [False, True])
def test_both_models_judge_what_one_state_after_the_other_says(counts: bool, tmp_path: Any) -> None:
    text = "Well, Prince, so Genoa and Lucca\n"
    sides, vocabulary = [], Vocabulary.of(to_code_points(text))
    for seed in range(2):
        path = save(tmp_path / f"{seed}.safetensors", seed=seed, vocabulary=vocabulary)
        kept = checkpoint.load(add_counts(path, text[:: 1 - 2 * seed]) if counts else path)
        sides.append(Side(Engine(kept.header.model, kept.weights), kept.mixture))
    found = fill(*sides, vocabulary, Gap("Well, ", " Genoa"), request([1, 2, 5], draws=20, judged=3))
    left, right = vocabulary.encode("Well, ").tolist(), vocabulary.encode(" Genoa").tolist()
    for filling in found.fillings:
        ids = [*filling.ids]
        ahead = sequence_log_prob(sides[0], left, [*ids, *right[:3]])
        behind = sequence_log_prob(sides[1], right[::-1], [*ids[::-1], *left[::-1][:3]])
        assert (filling.log_forward, filling.log_backward) == pytest.approx((ahead, behind), abs=1e-4)


def test_a_document_ends_with_the_text_and_no_boundary_is_written() -> None:
    vocabulary = Vocabulary(AB.code_points, boundary="\n\n")
    even = bigrams.side([[1 / 3] * 3] * 3)
    found = fill(even, even, vocabulary, Gap("a", ""), request([1, 2], draws=300))
    assert {filling.text for filling in found.fillings} == {"a", "b", "aa", "ab", "ba", "bb"}
    one = {filling.text: filling for filling in found.fillings}["ab"]
    # Forward: two letters and the boundary behind them; backward: two letters, the a before them, the boundary.
    assert (one.log_forward, one.log_backward) == pytest.approx((3 * math.log(1 / 3), 4 * math.log(1 / 3)))


def test_the_unknown_symbol_is_not_written() -> None:
    vocabulary = Vocabulary(AB.code_points, unknown=True)
    even = bigrams.side([[1 / 3] * 3] * 3)
    found = fill(even, even, vocabulary, GAP, request([1], draws=100))
    assert {filling.text for filling in found.fillings} == {"a", "b"}


@pytest.mark.parametrize(
    ("weights", "expected"), [([1, 1, 1, 1], 4), ([1, 0, 0], 1), ([3, 1], 1.6), ([0.5, 0.25, 0.25], 8 / 3)]
)
def test_effective_sample_size(weights: list[float], expected: float) -> None:
    with np.errstate(divide="ignore"):
        assert effective_sample_size(np.log(weights) - 500) == pytest.approx(expected)


def test_judging_takes_sequences_of_any_length_and_number() -> None:
    side = Side(engines.make())
    state = side.engine.read([1, 2])
    rng = np.random.default_rng(0)
    sequences = [rng.integers(engines.V, size=size).tolist() for size in [0, 3, 1, 5] * 80]
    states = [state, side.engine.read([3])]
    sums = side.judge([states[number % 3 == 1] for number in range(320)], sequences)
    assert (sums[0], len(sums)) == (0, 320)
    for number in (1, 2, 3, 319):
        before = [3] if number % 3 == 1 else [1, 2]
        assert sums[number] == pytest.approx(sequence_log_prob(side, before, sequences[number]), abs=1e-4)
    assert len(side.judge([], [])) == 0


def test_a_gap_is_where_the_mark_is() -> None:
    assert Gap.of("The door [...] and") == Gap("The door ", " and")
    assert Gap.of("[...]") == Gap("", "")
    assert Gap.of("a___b", "___") == Gap("a", "b")
    for text, mark, said in (("a", "[...]", "has no"), ("[...] [...] [...]", "[...]", "3 times"), ("a", "", "empty")):
        with pytest.raises(UsageError, match=said):
            Gap.of(text, mark)


def test_more_draws_than_there_is_memory_for_are_refused() -> None:
    with pytest.raises(UsageError, match="--draws 1,000,000,000"):
        filled([1000], draws=10**9)


def test_a_character_that_was_never_seen_is_named() -> None:
    with pytest.raises(VocabularyError, match="'c'"):
        filled([1], Gap("c", "a"))


@engines.each_kind
def test_texts_that_are_read_side_by_side_leave_the_states_of_each_alone(kind: dict[str, Any]) -> None:
    side = Side(engines.make(**kind))
    texts = [engines.ids(7, seed) for seed in range(3)]
    for state, text in zip(side.read_each(np.array(texts).T), texts, strict=True):
        alone = side.engine.read(text)
        np.testing.assert_allclose(state.layers, alone.layers, atol=1e-6)
        np.testing.assert_allclose(state.logits, alone.logits, atol=1e-6)
        assert state.recent == alone.recent
