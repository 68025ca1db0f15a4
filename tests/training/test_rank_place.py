from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.errors import UsageError
from charrnn.training.rank_place import Place

TORCHRUN = {
    "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4", "MASTER_ADDR": "node0",
    "MASTER_PORT": "29500", "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_MAX_RESTARTS": "3",
}  # fmt: skip


def test_a_process_by_itself_is_the_only_rank() -> None:
    for environment in ({}, {"RANK": "3"}, {"WORLD_SIZE": "4", "RANK": "1"}, TORCHRUN | {"MASTER_ADDR": ""}):
        place = Place.of(environment)
        assert (place.rank, place.size, place.alone, place.first, place.restarted) == (0, 1, True, True, False)


def test_torchrun_tells_a_place() -> None:
    place = Place.of(TORCHRUN)
    assert place == Place(5, 8, 1, 4, "node0", 29500, served=True, restarted=True)
    assert not place.alone
    assert not place.first
    by_hand = {name: TORCHRUN[name] for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")}
    assert Place.of(by_hand) == Place(5, 8, 5, 8, "node0", 29500)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"RANK": "8"}, "RANK 8: with WORLD_SIZE 8 the last is 7."),
        ({"RANK": "-1"}, "RANK=-1: is no number from 0 on."),
        ({"MASTER_PORT": "http"}, "MASTER_PORT=http: is no number from 0 on."),
    ],
)
def test_an_environment_that_cannot_be_is_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        Place.of(TORCHRUN | changes)


@given(st.integers(1, 40), st.integers(1, 12))
def test_streams_are_divided_evenly_or_what_would_do_is_said(batch_size: int, size: int) -> None:
    places = [Place(rank=rank, size=size) for rank in range(size)]
    if batch_size % size == 0:
        rows = [row for place in places for row in range(batch_size)[place.rows(batch_size)]]
        assert rows == list(range(batch_size))
        return
    with pytest.raises(UsageError) as refused:
        places[0].rows(batch_size)
    sizes, batches = refused.value.advice.split(" of them, or take --batch-size ")
    assert all(batch_size % int(said) == 0 for said in re.findall(r"\d+", sizes))
    assert all(int(said) % size == 0 for said in re.findall(r"\d+", batches))


def test_the_sizes_that_would_do_are_all_named() -> None:
    with pytest.raises(UsageError, match="Start 1, 2, 3, 4, 6, 12 of them, or take --batch-size 10 or 15"):
        Place(size=5).rows(12)
