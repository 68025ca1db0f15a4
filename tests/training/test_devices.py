"""Where a training computes, and in which precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.trainings import CAPABILITIES, finish, make, pretend_capabilities

from charrnn.errors import UsageError
from charrnn.training.devices import choose_device, choose_precision


def test_devices() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")
    with pytest.raises(UsageError, match="toaster"):
        choose_device("toaster")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="--device auto"):
            choose_device("cuda")


def test_bfloat16_learns_what_float32_does() -> None:
    trained = [make(precision=precision, iterations=60) for precision in ("float32", "bfloat16")]
    losses = []
    for training in trained:
        finish(training)
        assert {value.dtype for value in training.model.weights().values()} == {np.dtype(np.float32)}
        losses.append(training.evaluator.evaluate())
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


@CAPABILITIES
def test_auto_becomes_the_setting(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool] | None, chosen: str
) -> None:
    pretend_capabilities(monkeypatch, capabilities)
    cpu = torch.device("cpu")
    assert choose_precision("auto", cpu) == chosen
    assert make(precision="auto").config.precision == chosen
    assert [choose_precision(name, cpu) for name in ("float32", "bfloat16")] == ["float32", "bfloat16"]
