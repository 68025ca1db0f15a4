"""Shares of counts beside a network: hand-made numbers, a search by brute force, and text that chose no share."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.errors import CheckpointError
from charrnn.ngrams import mixing
from charrnn.ngrams.counting import count
from charrnn.ngrams.mixing import Mixing, Mixture, cross_fitted, fitted_shares, mixed_nats


def test_a_mixture_by_hand() -> None:
    network, counted = -np.log([0.5, 0.1, 0.25]), np.array([0.1, 0.9, 0.25])
    mixed = mixed_nats(network, counted, np.array([0.5, 0.25, 0.75]))
    assert np.exp(-mixed) == pytest.approx([0.3, 0.3, 0.25])
    assert mixed_nats(network, counted, np.zeros(3)) == pytest.approx(network)
    assert np.exp(-mixed_nats(network, counted, np.ones(3))) == pytest.approx(counted)


def test_shares_are_those_that_a_search_finds() -> None:
    rng = np.random.default_rng(1)
    lengths = rng.integers(0, 3, 3000)
    counted = rng.random(3000) ** np.array([1.0, 1.5, 0.9])[lengths]
    network = -np.log(rng.random(3000))
    shares = fitted_shares(network, counted, lengths, 3)
    grid = np.linspace(0.001, 0.999, 999)
    for length in range(3):
        here = lengths == length
        losses = [mixed_nats(network[here], counted[here], np.full(here.sum(), share)).sum() for share in grid]
        assert shares[length] == pytest.approx(grid[int(np.argmin(losses))], abs=0.02)


def test_a_length_that_does_not_occur_keeps_the_first_share() -> None:
    shares = fitted_shares(np.ones(10), np.full(10, 0.5), np.zeros(10, dtype=np.intp), 3)
    assert shares[1:] == pytest.approx([0.3, 0.3])


def test_what_is_reported_is_measured_with_shares_of_the_other_half() -> None:
    """Where counting is right in one half and the network in the other, the text itself would choose one half."""
    right, wrong = 0.9, 0.001
    network = -np.log(np.repeat([right, wrong], 500))
    counted = np.repeat([wrong, right], 500)
    _, loss = cross_fitted(network, counted, np.zeros(1000, dtype=np.intp), 1)
    share = fitted_shares(network[500:], counted[500:], np.zeros(500, dtype=np.intp), 1)[0]
    other = fitted_shares(network[:500], counted[:500], np.zeros(500, dtype=np.intp), 1)[0]
    first = -math.log((1 - share) * right + share * wrong)
    second = -math.log((1 - other) * wrong + other * right)
    assert loss == pytest.approx((first + second) / 2)
    assert loss > 1  # by the shares of the whole it would be 0.8


@given(st.lists(st.integers(0, 3), min_size=1, max_size=50), st.lists(st.integers(0, 3), max_size=12), st.data())
@settings(max_examples=100)
def test_a_mixture_sums_to_one_and_agrees_with_the_losses_of_a_whole_text(
    ids: list[int], text: list[int], data: st.DataObject
) -> None:
    model = count(np.array(ids), 4, order=3)
    shares = tuple(data.draw(st.floats(0, 1)) for _ in range(model.order))
    mixture = Mixture(model, shares)
    rng = np.random.default_rng(len(text))
    nodes, network, mixed = [0], [], []
    for character in [*text, 0]:
        log_probs = np.log(rng.dirichlet(np.ones(4)))
        both = mixture.log_probs(log_probs, nodes)
        assert np.exp(both).sum() == pytest.approx(1)
        network.append(-log_probs[character])
        mixed.append(-both[character])
        nodes = mixture.nodes_after(nodes, character)
    counted, lengths = model.predict(np.array([*text, 0]))
    assert mixture.nats(np.array(network), counted, lengths) == pytest.approx(mixed)


@pytest.mark.parametrize(
    "damage",
    [{"shares": []}, {"shares": [1.5]}, {"shares": ["a"]}, {"shares": None}, {"held_out_loss": "x"}, {"improves": 1}],
)
def test_damaged_facts_are_refused(damage: dict[str, object]) -> None:
    whole = {"shares": [0.3, 0.2], "held_out_loss": 1.2, "improves": True}
    assert Mixing.from_dict(whole).shares == (0.3, 0.2)
    with pytest.raises(CheckpointError):
        Mixing.from_dict(whole | damage)


def test_shares_must_fit_the_counts() -> None:
    model = count(np.array([0, 1, 0, 1]), 2, order=3)
    with pytest.raises(CheckpointError, match="do not fit"):
        Mixture(model, (0.5,))


def test_a_long_text_chooses_by_places_all_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    network, counted, lengths = -np.log(rng.random(4000)), rng.random(4000), rng.integers(0, 3, 4000)
    whole = fitted_shares(network, counted, lengths, 3)
    monkeypatch.setattr(mixing, "_ENOUGH", 1000)
    some = fitted_shares(network, counted, lengths, 3)
    assert some == pytest.approx(fitted_shares(network[::4], counted[::4], lengths[::4], 3))
    assert some == pytest.approx(whole, abs=0.1)
    assert some.tolist() != whole.tolist()
