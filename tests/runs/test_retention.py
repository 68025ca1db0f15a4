"""Which snapshots `--keep` leaves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import TrainConfig
from charrnn.runs.retention import surplus

LOSSES = {10: 3.0, 20: 2.0, 30: 2.0, 40: 2.5, 50: None, 60: 2.6}


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ((), {10, 20, 30, 40, 50, 60}),
        (("last:1",), {60}),
        (("last:3",), {40, 50, 60}),
        (("last:99",), {10, 20, 30, 40, 50, 60}),
        (("best",), {20}),
        (("milestones",), {30, 60}),
        (("last:2", "best", "milestones"), {20, 30, 50, 60}),
    ],
)
def test_by_hand(keep: tuple[str, ...], kept: set[int]) -> None:
    training = TrainConfig(iterations=60, snapshot_at=(30, 70), snapshot_every=10, keep=keep)
    assert LOSSES.keys() - surplus(LOSSES, training) == kept


def test_milestones_go_on_as_the_list_does() -> None:
    training = TrainConfig(iterations=90, snapshot_at=(20, "..."), keep=("milestones",))
    assert surplus(LOSSES, training) == {10, 40, 60}


def test_without_held_out_losses_the_last_is_the_best() -> None:
    assert surplus(dict.fromkeys((1, 2, 3)), TrainConfig(keep=("best",), snapshot_at=())) == {1, 2}


@given(st.dictionaries(st.integers(1, 200), st.none() | st.floats(0, 9)), st.integers(1, 9), st.booleans())
def test_never_all_of_them_and_again_is_nothing_more(losses: dict[int, Any], last: int, best: bool) -> None:
    training = TrainConfig(snapshot_at=(), keep=(f"last:{last}", *(["best"] * best)))
    gone = surplus(losses, training)
    left = {at: loss for at, loss in losses.items() if at not in gone}
    assert surplus(left, training) == set()
    assert len(left) >= min(last, len(losses))
