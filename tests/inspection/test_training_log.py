"""The gradients of a training's log: a hand-made one."""

from __future__ import annotations

import pytest

from charrnn.config import ClipMode
from charrnn.inspection.training_log import TrainingGradients, plots, remark, training_gradients
from charrnn.runs.history import Curves

CURVES = Curves(
    name="novel-1",
    train=(),
    held_out=(),
    loss=(),
    learning_rate=(),
    grad_norm=((10, 10.0), (20, 4.0), (30, 20.0), (40, 1.0)),
    peak_norm=((10, 50.0), (20, 6.0), (30, 20.0), (40, 2.0)),
    clipped=((10, 9.0), (20, 11.0), (30, 16.0), (40, 16.0)),
    characters=0,
    seconds=None,
    rows=4,
)


def _log(bound: float = 5.0, mode: ClipMode = "norm") -> TrainingGradients:
    log = training_gradients(CURVES, bound, mode)
    assert log is not None
    return log


def test_what_clipping_did() -> None:
    log = _log()
    assert log.clipped == ((10, 0.9), (20, 0.2), (30, 0.5), (40, 0.0))
    assert log.removed == ((10, 0.5), (20, 0.0), (30, 0.75), (40, 0.0))
    assert log.removed_where_clipped == 0.625
    assert log.removed_at_most == pytest.approx(0.9)
    assert (log.clipped_share, log.last_clipped) == (0.4, 30)
    assert "changed 40.0% of the gradients, none after iteration 30" in remark(log)
    assert "it took away 62% of the norm on average, of those in the log and 90% of the largest." in remark(log)
    assert [plot.name for plot in plots([log])] == [
        "Norm of the gradient in training: novel-1",
        "What clipping did: novel-1",
    ]
    assert [line.name for line in plots([log, log])[0].lines] == ["novel-1", "novel-1"]
    assert plots([]) == ()
    assert log.to_dict()["removed"][2] == [30, 0.75]


def test_what_the_log_cannot_say_is_said() -> None:
    log = _log(mode="value")
    assert (log.removed, log.removed_at_most) == ((), None)
    assert "not in the log" in remark(log)
    assert "no gradient was clipped" in remark(_log(bound=0.0))


def test_a_run_without_a_log() -> None:
    empty = Curves(
        name="novel-1", train=(), held_out=(), loss=(), learning_rate=(), grad_norm=(), peak_norm=(), clipped=(),
        characters=0, seconds=None, rows=0,
    )  # fmt: skip
    assert training_gradients(empty, 5.0, "norm") is None
