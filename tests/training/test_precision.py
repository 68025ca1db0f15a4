"""What a training multiplies in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from helpers.trainings import CAPABILITIES, finish, make, pretend_capabilities, stored

from charrnn.config import Precision
from charrnn.errors import UsageError
from charrnn.training import precision
from charrnn.training.resume import change_of_machine, resume_point, resumed

CPU = torch.device("cpu")


@CAPABILITIES
def test_auto_becomes_the_setting(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool] | None, chosen: str
) -> None:
    pretend_capabilities(monkeypatch, capabilities)
    assert make(precision="auto").config.precision == chosen
    assert [make(precision=name).config.precision for name in ("float32", "bfloat16")] == ["float32", "bfloat16"]


def test_of_two_the_one_that_a_trial_finds_faster() -> None:
    training = make(batch_size=2)
    candidates: tuple[Precision, ...] = ("bfloat16", "float32")
    assert precision.faster(training.model.config, training.config, CPU, candidates) in candidates
    assert precision.faster(training.model.config, training.config, CPU, candidates[1:]) == "float32"


def test_a_network_larger_than_any_memory_is_refused_before_its_trial() -> None:
    training = make(batch_size=2)
    absurd = replace(training.model.config, rnn_size=65_536, num_layers=100)
    with pytest.raises(UsageError, match="of memory or more"):
        precision.faster(absurd, training.config, CPU, ("float32",))


def test_float16_where_torch_has_it_and_else_a_line() -> None:
    """Whether it has is the processor's; a training that comes from a GPU goes on with what there is."""
    elsewhere = torch.device("mps")
    assert precision.multiplies("float32", elsewhere, "lstm")
    assert not precision.multiplies("float16", elsewhere, "lstm")  # which was never tried
    assert torch.backends.mps.is_available() or not precision.multiplies("bfloat16", elsewhere, "lstm")
    assert precision.multiplies("bfloat16", CPU, "lstm")
    if precision.multiplies("float16", CPU, "lstm"):
        finish(make(precision="float16", iterations=2))
    else:
        with pytest.raises(UsageError, match="--precision float16: the processor cannot train in it"):
            make(precision="float16")


def test_a_training_in_float16_moves_to_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = make(model="gru", precision="float16", iterations=20)
    for _ in range(5):
        training.step()
    header, tensors = resume_point(training)
    header = replace(header, made_with={**header.made_with, "device": "cuda"})
    assert header.progress["loss_scale"] == {"scale": 65536.0, "good": 5}
    real = precision.multiplies
    monkeypatch.setattr(
        "charrnn.training.resume.multiplies", lambda name, *rest: name != "float16" and real(name, *rest)
    )
    again = resumed(stored(tmp_path / "resume.safetensors", (header, tensors)), training.corpus, device="cpu")
    now = again.config.precision
    assert now in ("float32", "bfloat16")
    note = change_of_machine(again, header)
    assert note == (
        f"with device cpu instead of cuda, precision {now} instead of float16 the weights will not be the same to the "
        "last bit"
    )
    finish(again)
    assert "loss_scale" not in resume_point(again)[0].progress
    json.dumps(cast("Any", resume_point(again)[0].progress), allow_nan=False)
