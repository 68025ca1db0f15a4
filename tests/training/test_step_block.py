"""Iterations that are read together come to what they do one by one: bit for bit, wherever a number is not finite."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.trainings import assert_same, finish, make
from torch.utils._python_dispatch import TorchDispatchMode

from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import DivergedError
from charrnn.network.device_copy import to_device
from charrnn.network.dropout_masks import DropoutMasks
from charrnn.network.torch_model import CharModel, entering
from charrnn.runs import checkpoint
from charrnn.runs.creation import create_run
from charrnn.training import step_block
from charrnn.training.checkpointing import record
from charrnn.training.events import Event, Progress, RolledBack
from charrnn.training.gate import Gate
from charrnn.training.optimizer import Optimizer
from charrnn.training.resume import resume_point, resumed
from charrnn.training.trainer import Trainer

LATE = {"read_every": 7}  # no divisor of anything that somebody looks at
SETTINGS: dict[str, Any] = {"iterations": 40, "snapshot_every": 15, "eval_every": 10, "snapshot_at": (0, 3)}
SETTINGS |= {"dropout": 0.2, "average": 0.9, "decay": "plateau", "weight_decay": 0.1, "grad_clip": 0.5}


def late(**settings: Any) -> Trainer:
    """The same as `make`, read in blocks."""
    return make(trainer=LATE, **settings)


def without_seconds(events: list[Event]) -> list[dict[str, Any]]:
    """Events as data, but for what a clock says."""
    rows: list[dict[str, Any]] = []
    for event in events:
        values = {name: getattr(event, name, None) for name in Progress.__dataclass_fields__ if name != "seconds"}
        rows.append({"kind": type(event), "held_out_loss": getattr(event, "held_out_loss", None)} | values)
    return rows


def assert_same_training(training: Trainer, expected: Trainer) -> None:
    (header, tensors), (expected_header, expected_tensors) = resume_point(training), resume_point(expected)
    assert_same(tensors, expected_tensors)
    for name in ("iteration", "characters", "train_loss"):
        assert getattr(header, name) == getattr(expected_header, name)
    numbers = [{**each.progress, "seconds": 0, "elapsed": 0} for each in (header, expected_header)]
    assert numbers[0] == numbers[1]


def spoil_loss(training: Trainer, iteration: int, bad: float = math.nan, *, while_rate_above: float = 0.0) -> Trainer:
    """The loss of an iteration is no number, however far the host has read."""
    windows, backward = training.streams, training.data_parallel.backward

    def spoilt(window: Any, *others: Any, **more: Any) -> Any:
        made = backward(window, *others, **more)
        wanted = windows[iteration - 1]
        if training.schedule.peak > while_rate_above and (window.inputs == wanted.inputs).all():
            made.loss.mul_(bad)
        return made

    training.data_parallel.backward = spoilt  # type: ignore[method-assign]
    return training


def spoil_gradient(training: Trainer, iteration: int) -> Trainer:
    step, calls = training.optimizer.step, iter(range(1, 1000))

    def spoilt(gradients: Any, *others: Any) -> Any:
        if next(calls) == iteration:
            gradients[0].view(-1)[0] = math.inf
        return step(gradients, *others)

    training.optimizer.step = spoilt  # type: ignore[method-assign]
    return training


@pytest.mark.parametrize("optimizer", ["muon", "adamw", "sgd"])
@pytest.mark.parametrize(
    ("mode", "clip", "precision"), [("norm", 0.5, "float32"), ("value", 0.02, "float32"), ("norm", 0.5, "bfloat16")]
)
def test_blocks_come_to_the_same(optimizer: str, mode: str, clip: float, precision: str) -> None:
    settings = SETTINGS | {"optimizer": optimizer, "grad_clip_mode": mode, "grad_clip": clip, "precision": precision}
    expected, training = make(**settings), late(**settings)
    assert without_seconds(list(training.events())) == without_seconds(list(expected.events()))
    assert_same_training(training, expected)
    assert training.optimizer.clipped > 0


def test_a_block_ends_wherever_somebody_looks() -> None:
    training, ends = late(**SETTINGS), list[int]()
    while not training.complete:
        ends.append(training.iteration + step_block.length(training))
        list(training.steps(step_block.length(training)))
        assert training.iteration == ends[-1]
    assert ends == [3, 10, 15, 20, 27, 30, 37, 40]


def test_on_a_cpu_every_iteration_is_read() -> None:
    assert make().read_every == 1
    training = make()
    training.device = torch.device("cuda")
    assert step_block.read_every(training) == 10
    training = make(optimizer="rmsprop")
    training.device = torch.device("cuda")
    assert step_block.read_every(training) == 1


@pytest.mark.parametrize(
    ("spoil", "at"), [*((spoil_loss, at) for at in (1, 21, 24, 27, 40)), (spoil_gradient, 21), (spoil_gradient, 26)]
)
def test_what_is_not_finite_is_found_as_if_it_had_been_read_at_once(spoil: Any, at: int) -> None:
    optimizer = ("muon", "adamw", "sgd")[at % 3]
    errors, trainings = list[DivergedError](), list[Trainer]()
    for training in (make(**SETTINGS, optimizer=optimizer), late(**SETTINGS, optimizer=optimizer)):
        with pytest.raises(DivergedError) as error:
            list(spoil(training, at).events())
        trainings.append(training)
        errors.append(error.value)
    expected, read_late = trainings
    assert (errors[0].what, errors[0].advice, errors[0].iteration) == (
        errors[1].what,
        errors[1].advice,
        errors[1].iteration,
    )
    assert read_late.iteration == at - 1
    if at > 1:
        assert_same_training(read_late, expected)


@pytest.mark.parametrize("at", [24])
def test_it_goes_back_and_on_alike(tmp_path: Path, at: int) -> None:
    settings = SETTINGS | {"on_divergence": "rollback", "learning_rate": 0.02, "decay": "cosine"}
    trainings = make(**settings), late(**settings)
    rows = list[list[dict[str, Any]]]()
    for number, training in enumerate(trainings):
        spoil_loss(training, at, while_rate_above=0.01)
        events = list(record(training, create_run(tmp_path, f"run-{number}", "text")))
        assert sum(isinstance(event, RolledBack) for event in events) == 1
        rows.append(without_seconds(events))
    assert rows[0] == rows[1]
    assert_same_training(trainings[1], trainings[0])


@pytest.mark.parametrize("at", [5, 15])
def test_stopped_within_a_block_it_is_saved_at_its_end_and_goes_on(tmp_path: Path, at: int) -> None:
    run, training = create_run(tmp_path, "run", "text"), late(**SETTINGS)
    seen = list[int]()
    for event in record(training, run, stop=lambda: bool(seen and seen[-1] >= at)):
        if isinstance(event, Progress):
            seen.append(event.iteration)
    kept = checkpoint.load(run.resume_path)
    assert kept.header.iteration == training.iteration == seen[-1] >= at
    assert seen == list(range(1, training.iteration + 1))
    again = resumed(kept, training.corpus, device="cpu")
    again.read_every = 4
    expected = make(**SETTINGS)
    assert_same(finish(again), finish(expected))
    assert_same_training(again, expected)


@pytest.mark.parametrize("at", [1, 12, 26])
def test_dropped_within_a_block_nothing_that_was_due_is_left_out(tmp_path: Path, at: int) -> None:
    run, training = create_run(tmp_path, "run", "text"), late(**SETTINGS)
    events = record(training, run)
    for event in events:
        if isinstance(event, Progress) and event.iteration == at:
            break
    events.close()
    assert checkpoint.load(run.resume_path).header.iteration == training.iteration >= at
    whole = create_run(tmp_path, "whole", "text")
    expected = make(**SETTINGS)
    for event in (rest := record(expected, whole)):
        if isinstance(event, Progress) and event.iteration == training.iteration:
            break
    rest.close()
    assert [path.name for path in sorted(run.path.glob("*.safetensors"))] == [
        path.name for path in sorted(whole.path.glob("*.safetensors"))
    ]
    assert_same_training(training, expected)


class NoAnswer(TorchDispatchMode):
    """Raises where the host asks a device for a number, which a CPU answers unnoticed."""

    ASKING = ("aten._local_scalar_dense", "aten.item", "aten.nonzero", "aten.is_nonzero", "aten.equal", "aten.unique")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if str(func).startswith(self.ASKING):
            raise AssertionError(f"the host waits for {func}")
        return func(*args, **(kwargs or {}))


def update_some(training: Trainer, gate: Gate) -> None:
    with NoAnswer():
        for iteration in range(training.iteration + 1, training.iteration + 6):
            step_block._make(training, iteration, gate)


@pytest.mark.parametrize("optimizer", ["muon", "adamw", "sgd"])
@pytest.mark.parametrize("mode", ["norm", "value"])
@pytest.mark.parametrize("model", ["lstm", "gru", "rnn"])
def test_nothing_is_asked_of_the_device_within_a_block(optimizer: str, mode: str, model: str) -> None:
    settings: dict[str, Any] = {"optimizer": optimizer, "grad_clip_mode": mode, "model": model, "state_reset": 0.5}
    settings |= {"dropout": 0.2, "recurrent_dropout": 0.1, "average": 0.9, "l1": 0.1, "layer_norm": True}
    torch.set_num_threads(1)  # as on a GPU: dispatch modes are a thread's own
    training = make(**settings)
    update_some(training, Gate(training.device))
    with pytest.raises(AssertionError, match="the host waits"):
        update_some(training, Gate())


@pytest.mark.parametrize("model", ["lstm", "gru", "rnn"])
def test_nothing_is_asked_on_the_way_through_another_device(model: Any) -> None:
    """One that has shapes and no numbers, so that asking for any is an error. AdamW is left out: it is torch's."""
    nowhere = torch.device("meta")
    settings: dict[str, Any] = {"recurrent_dropout": 0.1, "dropout": 0.1, "rnn_size": 16, "embedding_size": 8}
    network = CharModel(ModelConfig(model=model, **settings).completed(), 20).to(nowhere)
    optimizer = Optimizer(network, TrainConfig(l2=0.1, optimizer="muon", precision="float32").completed(), nowhere)
    optimizer._rules = optimizer._rules[1:]
    gate, state = Gate(nowhere), entering(network.zero_state(3), np.array([True, False, True]))
    ids = to_device(np.zeros((3, 8), dtype=np.int64), nowhere)
    loss, carried = network.loss(ids, ids, state, masks=DropoutMasks(1, 2, 0))
    gate.observe(loss)
    update = optimizer.step(torch.autograd.grad(loss, optimizer.parameters), 0.01, gate)
    assert all(part.is_meta for layer in gate.state(carried, state) for part in layer)
    with pytest.raises(RuntimeError, match="meta"):
        update.norm.item()


def test_a_state_of_another_precision_is_let_through_as_it_is() -> None:
    gate = Gate(torch.device("cpu"))
    new, old = ((torch.ones(2, dtype=torch.bfloat16),),), ((torch.zeros(2),),)
    assert gate.state(new, old)[0][0].dtype == torch.bfloat16
    gate.observe(torch.tensor(math.inf))
    assert gate.state(new, old)[0][0].tolist() == [0, 0]
