"""A text judged from both sides: by tables and enumeration, and as one state after the other says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import bigrams
from helpers.tiny import add_counts, save
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.evaluation import both_sides
from charrnn.evaluation.both_sides import judge
from charrnn.evaluation.scoring import UNSEEN_BITS
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.sampling.chain import log_softmax
from charrnn.sampling.side import Side
from charrnn.text.vocabulary import Vocabulary, to_code_points

AB = Vocabulary.of(to_code_points("ab"))
AHEAD = np.array([[0.7, 0.3], [0.4, 0.6]])  # AHEAD[i, j]: how likely j follows i
BEHIND = np.array([[0.2, 0.8], [0.5, 0.5]])  # how likely j stands before i
TEXT = "abbabaabb"


def judged(text: str = TEXT, **settings: Any) -> both_sides.BothSides:
    return judge(bigrams.side(AHEAD.tolist()), bigrams.side(BEHIND.tolist()), AB, text, **settings)


def by_hand(text: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """P_f, P_b (n, 2) and P (2,): where a side has nothing, it says what is common."""
    ids = ["ab".index(letter) for letter in text]
    ahead, behind = AHEAD[ids[:-1]], BEHIND[ids[1:]]
    common = np.concatenate([ahead, behind]).mean(axis=0)
    return np.vstack([common, ahead]), np.vstack([behind, common]), common


def test_probabilities_are_those_of_both_tables() -> None:
    ahead, behind, common = by_hand(TEXT)
    products = ahead * behind / common
    both = products / products.sum(axis=1, keepdims=True)
    places = np.arange(len(TEXT)), ["ab".index(letter) for letter in TEXT]
    found = judged()
    assert found.score.text == TEXT
    assert found.score.bits == pytest.approx(-np.log2(both[places]), abs=1e-5)
    alone = -np.log2(ahead[places])[1:], -np.log2(behind[places])[:-1]
    assert np.isnan([found.one_side[0][0], found.one_side[1][-1]]).all()
    assert found.one_side[0][1:] == pytest.approx(alone[0], abs=1e-5)
    assert found.one_side[1][:-1] == pytest.approx(alone[1], abs=1e-5)


def test_with_two_letters_the_gains_are_by_hand() -> None:
    """In the text a?b with one letter between: nothing but the tables of its neighbours."""
    text = "abb"
    ahead, behind, common = by_hand(text)
    log = {"f": np.log(ahead), "b": np.log(behind), "c": np.log(common)}
    own = log["f"][1, 1] + log["b"][1, 1] - log["c"][1]
    substituted = log["f"][1, 0] + log["b"][1, 0] - log["c"][0] - own - math.log(2)
    removed = (log["f"][1, 1] - log["c"][1] + log["b"][1, 0] - log["c"][0]) / 2 - own - math.log(2)
    tie = (log["f"][1, 1] - log["c"][1]) / 2 + (log["b"][0, 0] - log["c"][0]) / 2
    inserted = (log["f"][1] + log["b"][0] - log["c"]).max() - tie
    assert judged(text).gains[1] == pytest.approx(max(substituted, removed, inserted), abs=1e-5)


def test_a_long_text_is_judged_in_parts_that_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join("ab"[bit] for bit in np.random.default_rng(0).integers(2, size=9000))
    whole = judged(text, candidates=7)
    monkeypatch.setattr(both_sides, "_LEAST", 4000)
    monkeypatch.setattr(both_sides, "_MOST", 1)
    shares: list[float] = []
    parts = judged(text, candidates=7, progress=shares.append)
    assert len(shares) == 3
    assert sum(shares) == pytest.approx(1)
    # How common letters are is told by the first part alone.
    assert parts.score.bits == pytest.approx(whole.score.bits, abs=0.05)
    assert parts.one_side[0] == pytest.approx(whole.one_side[0], abs=1e-6, nan_ok=True)
    assert parts.one_side[1] == pytest.approx(whole.one_side[1], abs=1e-6, nan_ok=True)
    assert len(parts.candidates) == 7
    assert [candidate.gain for candidate in parts.candidates] == sorted(parts.gains)[:-8:-1]


@pytest.mark.parametrize("counts", [False, True])
def test_it_is_what_states_say_one_after_the_other(counts: bool, tmp_path: Path) -> None:
    text = "so Genoa and Lucca"
    sides = []
    for seed in range(2):
        path = save(tmp_path / f"{seed}.safetensors", seed=seed)
        kept = checkpoint.load(add_counts(path, text[:: 1 - 2 * seed]) if counts else path)
        sides.append(Side(Engine(kept.header.model, kept.weights), kept.mixture))
        vocabulary = kept.header.vocabulary
    ids: list[int] = vocabulary.encode(text).tolist()

    def expected(side: Side, read: list[int]) -> NDArray[Any]:
        rows = []
        for at in range(1, len(read)):
            state = side.engine.read(read[:at])
            row = log_softmax(state.logits)
            rows.append(side.mixture.log_probs(row, side.mixture.nodes(state.recent)) if side.mixture else row)
        return np.array(rows)

    ahead, behind = expected(sides[0], ids), expected(sides[1], ids[::-1])[::-1]
    common = np.log(np.concatenate([np.exp(ahead), np.exp(behind)]).mean(axis=0))
    products = np.vstack([common, ahead]) + np.vstack([behind, common]) - common
    bits = -log_softmax(products)[np.arange(len(ids)), ids] / math.log(2)
    assert judge(*sides, vocabulary, text).score.bits == pytest.approx(bits, abs=1e-3)


def test_characters_that_were_never_seen_are_charged_as_everywhere() -> None:
    found = judged("abЖba")
    assert found.score.bits[2] == pytest.approx(UNSEEN_BITS)
    assert found.score.unseen.tolist() == [False, False, True, False, False]
    assert int(found.gains.argmax()) == 2


def test_the_bytes_of_a_character_are_its() -> None:
    vocabulary = Vocabulary.every_byte()
    even = bigrams.side(np.full((256, 256), 1 / 256).tolist())
    found = judge(even, even, vocabulary, "né€")
    assert found.score.bits == pytest.approx([8, 16, 24], abs=1e-4)
    assert found.starts.tolist() == [0, 1, 3]
    assert found.one_side[0] == pytest.approx([np.nan, 16, 24], abs=1e-4, nan_ok=True)


def test_the_boundaries_of_documents_are_read() -> None:
    vocabulary = Vocabulary(AB.code_points, boundary="\n\n")
    table = [[0.5, 0.3, 0.2], [0.3, 0.3, 0.4], [0.9, 0.05, 0.05]]
    found = judge(bigrams.side(table), bigrams.side(table), vocabulary, "ab")
    assert found.one_side[0] == pytest.approx([-math.log2(0.9), -math.log2(0.3)], abs=1e-5)
    assert found.one_side[1] == pytest.approx([-math.log2(0.3), -math.log2(0.05)], abs=1e-5)


def test_rare_characters_cost_their_symbol_too_and_no_edit_writes_a_symbol() -> None:
    vocabulary = Vocabulary(AB.code_points, unknown=True, boundary="\n\n")
    table = np.full((4, 4), 0.05) + 0.8 * np.eye(4)
    found = judge(bigrams.side(table.tolist()), bigrams.side(table.tolist()), vocabulary, "abZba", candidates=5)
    assert found.score.rare_symbol
    assert found.score.bits[2] > UNSEEN_BITS
    edits = [edit for candidate in found.candidates for edit in candidate.edits]
    assert {index for edit in edits if edit.slip != "transposition" for index in edit.ids} == {0, 1}


def test_one_character_is_no_text() -> None:
    with pytest.raises(CorpusError, match="at least two"):
        judged("a")
