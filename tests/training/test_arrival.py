"""How ranks meet, as threads of one store; as processes: tests/torture/test_ranks.py."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from torch.distributed import HashStore

from charrnn.errors import RankError
from charrnn.training import arrival
from charrnn.training.rank_place import Place

SIZE = 3


def test_each_start_is_a_meeting_of_its_own() -> None:
    """Though the store has what those before have left there."""
    store, names = HashStore(), []
    with ThreadPoolExecutor(SIZE) as pool:
        for _ in range(5):
            meetings = list(pool.map(lambda rank: arrival._meet(store, Place(rank, SIZE), 60.0), range(SIZE)))
            assert len({meeting.name for meeting in meetings}) == 1
            assert meetings[0].hosts == [socket.gethostname()] * SIZE
            names.append(meetings[0].name)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("before", [0, 1])
def test_a_first_rank_that_does_not_arrive_is_named_by_another(before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first start, and where all had met in one before."""
    monkeypatch.setattr(arrival, "_GRACE", 0.0)
    store = HashStore()
    with ThreadPoolExecutor(SIZE) as pool:
        for _ in range(before):
            list(pool.map(lambda rank: arrival._meet(store, Place(rank, SIZE), 60.0), range(SIZE)))
    with pytest.raises(RankError) as given_up:
        arrival._meet(store, Place(1, SIZE), 0.0)
    said = f"rank 0 of 3: has not arrived in 0 s; the others are on {socket.gethostname()}."
    assert given_up.value.what == said
