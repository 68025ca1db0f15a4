"""Where a training computes, and in which precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.trainings import finish, make

from charrnn.errors import UsageError
from charrnn.training.devices import choose_device


def test_devices() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")
    assert not torch.backends.cudnn.allow_tf32  # float32 is to be float32
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
