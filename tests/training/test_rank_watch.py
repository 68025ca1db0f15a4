"""Ranks that look after each other, as objects of one store; as processes: tests/torture/test_ranks.py."""

from __future__ import annotations

import time

from torch.distributed import HashStore

from charrnn.training.rank_place import Place
from charrnn.training.rank_watch import START, Watch

HOSTS = ["a", "b"]


def both() -> list[Watch]:
    store = HashStore()
    for rank in range(2):
        store.set(f"beat/{rank}", START)
    return [Watch(store, Place(rank, 2, served=True), HOSTS, 60.0) for rank in range(2)]


def test_one_that_counts_no_longer_is_found_when_a_collective_fails() -> None:
    first, second = both()
    second.iteration = 12
    deadline = time.monotonic() + 30
    while first._beats.get(1, b"").split()[-1:] != [b"12"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    second.close()
    second.close()
    assert str(first.lost()) == "rank 1 (b): is gone at about iteration 12, or was ended."
    assert first.failed
    assert not first.heard
    first.close()


def test_what_another_has_said_is_the_cause_and_is_not_said_again() -> None:
    first, second = both()
    assert first.tell_first("the disk is full.") == "the disk is full."
    assert first.tell_first("it is fuller.") == "the disk is full."
    assert str(second.lost()) == "the disk is full."
    assert second.heard
    for watch in (first, second):
        watch.close()
        assert watch.told(f"left/{watch.place.rank}")
