"""Checkpoints made to harm: each is refused in one line, soon and for little memory, or is harmless."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import crafting, trainings
from numpy.typing import NDArray

from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint
from charrnn.text import corpus
from charrnn.training.resume import resume_point, resumed

SEED = 20261129
OPTIMIZERS = ({"optimizer": "muon"}, {"optimizer": "adamw"}, {"optimizer": "rmsprop"}, {"optimizer": "sgd"})


def resume_file(path: Path, **settings: Any) -> Checkpoint:
    """A resume file after two iterations."""
    training = trainings.make(eval_every=2, snapshot_at=(2,), average=0.9, **settings)
    training.step()
    training.step()
    return trainings.stored(path, resume_point(training))


# -- tensors ---------------------------------------------------------------------------------------------------------


def misfits(name: str, tensor: NDArray[Any]) -> Iterator[NDArray[Any] | None]:
    """What may be in a tensor's place: nothing, another shape or type, or what is no number there."""
    yield None
    yield tensor.astype("f8")
    for shape in {(3,), (), (1, *tensor.shape), (2 * tensor.size,)} - {tensor.shape}:
        yield np.zeros(shape, tensor.dtype)
    if tensor.dtype == np.float32:
        yield np.full_like(tensor, np.nan)
        yield np.full_like(tensor, -np.inf)
    if name.endswith(("/step", "/exp_avg_sq", "/square_avg")):
        yield np.asarray(tensor - 9)


@pytest.mark.parametrize("settings", OPTIMIZERS, ids=lambda settings: settings["optimizer"])
def test_every_tensor_of_a_resume_file_is_checked_before_use(
    tmp_path: Path, settings: dict[str, Any], rounds: Callable[[int, int], int]
) -> None:
    whole = resume_file(tmp_path / "whole.safetensors", **settings)
    text, path = corpus.from_text(trainings.TEXT), tmp_path / "crafted.safetensors"
    header = crafting.header_of(tmp_path / "whole.safetensors")
    resumed(whole, text, device="cpu").step()
    crafted = [(name, misfit) for name, tensor in whole.tensors.items() for misfit in misfits(name, tensor)]
    crafted += [("optimizer/99/exp_avg", np.zeros(16, np.float32)), ("state/0/2", whole.tensors["state/0/0"])]
    for name, misfit in random.Random(SEED).sample(crafted, min(len(crafted), rounds(12, 1000))):
        tensors = {other: value for other, value in whole.tensors.items() if other != name}
        crafting.write(path, header, tensors if misfit is None else tensors | {name: misfit})
        said = crafting.outcome(lambda: resumed(checkpoint.load(path), text, device="cpu"))
        assert f"{path}: " in said, (name, misfit)
        assert f"tensor {name} " in said.replace(f"{name}, ", f"{name} "), (name, misfit)


def test_a_crafted_resume_file_ends_no_process(tmp_path: Path) -> None:
    """Moments that are shorter than the weights: torch's fused AdamW would write behind them."""
    book = tmp_path / "book.txt"
    book.write_text(trainings.TEXT * 3, "utf-8")
    source = corpus.read(book)
    training = trainings.Trainer(
        source, trainings.MODEL_CONFIG, trainings.TrainConfig(iterations=9, optimizer="adamw"), device="cpu"
    )
    training.step()
    run = tmp_path / "run"
    run.mkdir()
    (run / "metrics.jsonl").touch()
    path = run / "resume.safetensors"
    whole = trainings.stored(path, resume_point(training))
    one = whole.tensors["head.bias"]
    short = {name: one if name.endswith("exp_avg") else tensor for name, tensor in whole.tensors.items()}
    crafting.write(path, crafting.header_of(path), short)
    done = subprocess.run(
        [sys.executable, "-m", "charrnn", "train", "--resume", str(run), "--device", "cpu", "--threads", "1"],
        capture_output=True,
        timeout=120,
        check=False,
    )
    said = done.stderr.decode()
    assert done.returncode == 1, said
    assert "exp_avg" in said
    assert "Traceback" not in said
