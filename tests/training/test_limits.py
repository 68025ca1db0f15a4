"""What breaks first, by circumstances in which one thing does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from charrnn.training.cards import CARDS
from charrnn.training.cost_model import Devices, IterationCost
from charrnn.training.limits import Circumstances, limits

WELL = Circumstances(
    devices=Devices(nodes=1, per_node=8, card=CARDS["h100"]),
    rows=64,
    threads=1,
    iteration=IterationCost(backward=0.9, update=0.05, all_reduce=0.05),
    waiting=0.1,
    gradients=13_300_000,
    iterations=1000,
    epoch=500,
    evaluation_seconds=10.0,
    snapshot_seconds=10.0,
    start_seconds=10.0,
    memory=10**9,
    memory_there=8 * 10**10,
    disk=10**9,
    disk_free=10**12,
)


def test_nothing_is_said_where_all_is_well_or_cannot_be_told() -> None:
    assert limits(WELL) == ()
    assert limits(replace(WELL, memory=None, memory_there=None, disk_free=None)) == ()


@pytest.mark.parametrize(
    ("changes", "name", "share", "said"),
    [
        ({"memory": 10**11}, "memory", 1.25, "takes 100 GB of memory and has 80.0 GB"),
        ({"disk": 4 * 10**12}, "disk", 4.0, "4.0 TB are written and 1.0 TB are free"),
        (
            {"iteration": IterationCost(backward=0.45, update=0.05, all_reduce=0.5)},
            "gradients",
            0.4854,
            "13.3 MB of gr",
        ),
        (
            {"iteration": IterationCost(backward=0.5, update=0.5, all_reduce=0.0)},
            "update",
            0.4854,
            "49% of the time is",
        ),
        ({"evaluation_seconds": 1000.0}, "evaluation", 1000 / 2020, "reading the held-out text"),
        ({"snapshot_seconds": 1000.0}, "snapshots", 1000 / 2020, "--sample-length"),
        ({"start_seconds": 1000.0}, "start", 1000 / 2020, "reading the text and starting"),
        ({"waiting": 0.8, "rows": 1}, "rows", 0.8 * 900 / 1030, "with 1 stream a device"),
        (
            {"epoch": 10**6},
            "epoch",
            0.999,
            "0.001 of the text is read: all of it once takes 1,000,000 iterations, 11 d",
        ),
    ],
)
def test_what_breaks(changes: dict[str, object], name: str, share: float, said: str) -> None:
    found = limits(replace(WELL, **changes))  # type: ignore[arg-type]
    assert [limit.name for limit in found] == [name]
    assert found[0].share == pytest.approx(share, rel=1e-3)
    assert said in found[0].what


def test_few_rows_of_a_cpu_and_the_worst_first() -> None:
    at = replace(WELL, devices=Devices(nodes=4, per_node=1), rows=4, threads=2, waiting=0.0, evaluation_seconds=5000.0)
    assert [limit.name for limit in limits(at)] == ["evaluation", "rows"]
    assert limits(at)[1].what.startswith("4 streams a device, 2 threads: ")
    assert [limit.name for limit in limits(replace(at, rows=8))] == ["evaluation"]
    assert limits(replace(at, memory=10**12))[0].name == "memory"
