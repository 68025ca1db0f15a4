"""Optimisers, penalties and averages against their formulas; what goes by the held-out loss; a budget of time."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.trainings import TEXT, finish, kept, make, same

from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import UsageError
from charrnn.network.torch_model import CharModel, entering
from charrnn.training import validation
from charrnn.training.devices import choose_precision
from charrnn.training.events import Evaluated, Progress, Snapshot
from charrnn.training.resume import resume_point, resumed
from charrnn.training.time_budget import TimeBudget
from charrnn.training.trainer import Trainer


def gradients(training: Trainer) -> dict[str, np.ndarray]:
    """Of the next window, by a copy of the model."""
    model = CharModel(training.model.config, len(training.vocabulary))
    model.load_weights(training.model.weights())
    window = training.streams[training.iteration]
    state = entering(training.state, window.continues)
    loss, _ = model.loss(torch.from_numpy(window.inputs), torch.from_numpy(window.targets), state)
    loss.backward()
    return {name: parameter.grad.numpy().astype(np.float64) for name, parameter in model.named_parameters()}  # type: ignore[union-attr]


SETTINGS: dict[str, Any] = {"grad_clip": 0.0, "warmup": 0, "decay": "constant", "weight_decay": 0.3, "iterations": 6}


@pytest.mark.parametrize(
    ("optimizer", "momentum", "penalties"),
    [
        ("sgd", 0.9, {}),
        ("sgd", 0.0, {"l2": 0.02}),
        ("rmsprop", 0.0, {"l1": 0.003}),
        ("rmsprop", 0.8, {"l1": 0.01, "l2": 0.1}),
    ],
)
def test_updates_are_those_of_the_formulas(optimizer: str, momentum: float, penalties: dict[str, float]) -> None:
    rate = 0.01
    training = make(optimizer=optimizer, momentum=momentum, learning_rate=rate, beta2=0.95, **SETTINGS, **penalties)
    weights = {name: value.astype(np.float64) for name, value in training.model.weights().items()}
    square = {name: np.zeros_like(value) for name, value in weights.items()}
    speed = {name: np.zeros_like(value) for name, value in weights.items()}
    for _ in range(4):
        found = gradients(training)
        progress = training.step()
        total = 0.0
        for name, g in found.items():
            w = weights[name]
            if w.ndim >= 2:
                g = g + penalties.get("l2", 0.0) * w + penalties.get("l1", 0.0) * np.sign(w)
            total += float((g**2).sum())
            if w.ndim >= 2:
                w = w * (1 - rate * 0.3)
            if optimizer == "rmsprop":
                square[name] = 0.95 * square[name] + 0.05 * g**2
                g = g / (np.sqrt(square[name]) + 1e-8)
            speed[name] = momentum * speed[name] + g
            weights[name] = w - rate * speed[name]
        assert progress.grad_norm == pytest.approx(math.sqrt(total), rel=1e-4)
        for name, value in training.model.weights().items():
            np.testing.assert_allclose(value, weights[name], rtol=1e-3, atol=2e-5, err_msg=name)
            weights[name] = value.astype(np.float64)


@pytest.mark.parametrize(("mode", "clip"), [("norm", 0.1), ("value", 0.01), ("norm", 1e9), ("value", 1e9)])
def test_clipped_iterations_are_counted(mode: str, clip: float) -> None:
    training = make(grad_clip=clip, grad_clip_mode=mode)
    events = [event for event in training.events() if isinstance(event, Progress)]
    assert [event.clipped for event in events] == [(number + 1) * (clip < 1) for number in range(12)]


def test_the_average_is_what_is_measured_and_kept() -> None:
    training = make(average=0.9, snapshot_at=(12,))
    mean = {name: value.astype(np.float64) for name, value in training.model.weights().items()}
    snapshot = None
    for event in training.events():
        if isinstance(event, Progress):
            continue
        snapshot = event if isinstance(event, Snapshot) else snapshot
    again = make(average=0.9)
    for at in range(1, 13):
        again.step()
        decay = min(0.9, at / (at + 10))
        for name, value in again.model.weights().items():
            mean[name] = decay * mean[name] + (1 - decay) * value
    assert snapshot is not None
    for name, value in snapshot.tensors.items():
        np.testing.assert_allclose(value, mean[name], rtol=1e-4, atol=1e-6)
        if name != "embedding.weight":
            assert not np.array_equal(value, training.model.weights()[name])
    model = CharModel(training.model.config, len(training.vocabulary))
    model.load_weights(snapshot.tensors)
    assert snapshot.header.held_out_loss == validation.held_out_loss(model, training.ids, training.split.held_out)
    same(training.model.weights(), finish(make()))  # averaging changes nothing in the training


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "rmsprop", "learning_rate": 1e-3},
        {"optimizer": "rmsprop", "momentum": 0.0, "l1": 0.01},
        {"optimizer": "sgd", "learning_rate": 0.1},
        {"optimizer": "sgd", "momentum": 0.0, "l2": 0.01},
        {"average": 0.9, "dropout": 0.2},
        {"decay": "plateau", "eval_every": 2, "learning_rate": 0.2},
        {"patience": 2, "eval_every": 2, "learning_rate": 0.2},
        {"precision": "bfloat16", "dropout": 0.2},
        {"precision": "bfloat16", "model": "gru", "shift": 3},
        {"freeze": ("head",), "optimizer": "sgd"},
        {"rotate": True, "batch_size": 9, "seq_length": 40, "iterations": 20},
        {"layer_norm": True, "tied": True, "input_dropout": 0.1, "recurrent_dropout": 0.2},
        {"model": "rnn", "nonlinearity": "relu", "recurrent_dropout": 0.3, "shift": 3, "grad_clip": 0.5},
    ],
    ids=lambda settings: "-".join(map(str, settings)),
)
def test_resumed_anywhere_equals_never_stopped(tmp_path: Path, settings: dict[str, Any]) -> None:
    training = make(**{"eval_every": 3} | settings)
    points = [resume_point(training)]
    points += [resume_point(training) for event in training.events() if isinstance(event, Progress)]
    final_header, final = points[-1]
    for point in points[:-1]:
        again = resumed(kept(tmp_path / "r.safetensors", point), training.corpus, device="cpu")
        finish(again)
        header, tensors = resume_point(again)
        same(tensors, final)
        assert (header.iteration, header.held_out_loss) == (final_header.iteration, final_header.held_out_loss)
        for name in ("best_loss", "stale", "lowered", "stopped", "clipped"):
            assert header.progress[name] == final_header.progress[name], name


def steered(training: Trainer, losses: list[float]) -> list[Any]:
    """Its events, where the held-out losses are given."""
    given = iter(losses)

    def evaluate() -> float:
        if training._held_out_at != training.iteration:
            training.held_out_loss, training._held_out_at = next(given), training.iteration
        assert training.held_out_loss is not None
        return training.held_out_loss

    training.evaluate = evaluate  # type: ignore[method-assign]
    return list(training.events())


def test_a_plateau_lowers_the_rate() -> None:
    training = make(decay="plateau", plateau_patience=2, eval_every=2, learning_rate=0.01, warmup=0)
    events = steered(training, [3.0, 2.0, 2.5, 2.0, 1.9, 2.0])
    rates = [event.learning_rate for event in events if isinstance(event, Progress)]
    assert rates == pytest.approx([0.01] * 8 + [0.005] * 4)


def test_without_improvement_training_ends_and_the_best_is_kept() -> None:
    training = make(patience=2, eval_every=2, iterations=100)
    events = steered(training, [3.0, 2.0, 2.5, 2.0, 1.0])
    assert training.steering.stopped
    assert training.complete
    assert training.iteration == 8
    assert [event.header.iteration for event in events if isinstance(event, Snapshot)] == [2, 4, 8]
    assert [event.iteration for event in events if isinstance(event, Evaluated)] == [2, 4, 6, 8]


def test_what_ended_early_stays_so_unless_it_is_lengthened(tmp_path: Path) -> None:
    training = make(patience=2, eval_every=2, iterations=100)
    steered(training, [3.0, 2.0, 2.5, 2.0])
    point = kept(tmp_path / "r.safetensors", resume_point(training))
    again = resumed(point, training.corpus, device="cpu")
    assert again.complete
    assert list(again.events()) == []
    longer = resumed(point, training.corpus, device="cpu", iterations=10)
    assert not longer.complete
    steering = longer.steering
    assert (steering.best_loss, steering.stale, steering.lowered, steering.stopped) == (2.0, 2, 2, False)
    finish(longer)
    assert longer.iteration == 10


def test_snapshots_do_not_steer() -> None:
    """Watching changes nothing: only every eval_every-th iteration counts, whenever snapshots are kept."""
    settings = {"decay": "plateau", "eval_every": 4, "learning_rate": 0.3, "iterations": 16}
    same(finish(make(**settings)), finish(make(snapshot_every=1, **settings)))


@pytest.mark.parametrize("settings", [{"patience": 1, "eval_every": 0}, {"decay": "plateau", "val_frac": 0.0}])
def test_what_goes_by_the_held_out_text_needs_some(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--eval-every"):
        TrainConfig(**settings)


# -- precision ---------------------------------------------------------------------------------------------------------


def test_bfloat16_learns_what_float32_does() -> None:
    trained = [make(precision=precision, iterations=60) for precision in ("float32", "bfloat16")]
    losses = []
    for training in trained:
        finish(training)
        assert {value.dtype for value in training.model.weights().values()} == {np.dtype(np.float32)}
        losses.append(training.evaluate())
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


each_machine = pytest.mark.parametrize(
    ("capabilities", "chosen"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": False, "avx512_f": True}, "float32"),
        ({}, "float32"),
        (None, "float32"),  # a torch that cannot tell
    ],
    ids=["avx512", "amx", "without", "other", "unknown"],
)


def pretend(monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool] | None) -> None:
    """To have a processor that can do this."""
    if capabilities is None:
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    else:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)


@each_machine
def test_auto_becomes_the_setting(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool] | None, chosen: str
) -> None:
    pretend(monkeypatch, capabilities)
    cpu = torch.device("cpu")
    assert choose_precision("auto", cpu) == chosen
    assert make(precision="auto").config.precision == chosen
    assert [choose_precision(name, cpu) for name in ("float32", "bfloat16")] == ["float32", "bfloat16"]


def test_what_was_chosen_on_one_machine_stands_on_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (there, here, chosen) in enumerate(((True, False, "bfloat16"), (False, True, "float32"))):
        pretend(monkeypatch, {"avx512_bf16": there})
        training = make(precision="auto")
        training.step()
        point = kept(tmp_path / f"{number}.safetensors", resume_point(training))
        pretend(monkeypatch, {"avx512_bf16": here})
        again = resumed(point, training.corpus, device="cpu")
        assert again.config.precision == chosen
        same(finish(again), finish(training))


# -- a budget of time --------------------------------------------------------------------------------------------------


def test_a_budget_of_time_becomes_a_number_of_iterations(tmp_path: Path) -> None:
    training = make(time=3.0, snapshot_at=(50,), eval_every=100)
    assert not training.planned
    planned_at: list[int] = []
    points = []
    for event in training.events():
        if isinstance(event, Progress):
            if event.iteration == 10 or training.budget.plans > len(planned_at):
                points.append(resume_point(training))
            planned_at += [event.iteration] * (training.budget.plans - len(planned_at))
    assert planned_at[0] >= 20
    assert len(planned_at) == 5
    assert training.iteration == training.config.iterations > planned_at[-1]
    first, *_, last = (kept(tmp_path / f"{n}.safetensors", point) for n, point in enumerate(points))
    unplanned = resumed(first, training.corpus, device="cpu")
    assert not unplanned.planned  # it measures again, and the time that has passed counts
    assert unplanned.budget.elapsed >= first.header.progress["elapsed"]
    again = resumed(last, training.corpus, device="cpu")
    assert (again.budget.plans, again.config.iterations) == (5, training.config.iterations)
    same(finish(again), training.model.weights())


class Clock:
    """The time of day, as a test has it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("charrnn.training.time_budget.time", SimpleNamespace(perf_counter=lambda: self.now))


def test_the_plan_fits_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the budget spent at a known pace leaves nine times as many iterations, less what watching takes."""
    clock = Clock(monkeypatch)
    training = make(time=100.0, iterations=1, eval_every=0)
    for _ in range(29):
        training.step()
    clock.now += 10.0
    assert training.budget.plans == 0
    training._watching = (2.0, 0.5)  # seconds for a held-out loss, and for a snapshot beside it
    step = training.step

    def thirtieth() -> Progress:
        progress = step()
        training.budget.seconds = 10.0
        return progress

    training.step = thirtieth  # type: ignore[method-assign]
    next(training.events())
    assert training.planned
    assert training.config.iterations == 30 + round((100 - 10 - 2.5) * 3)  # one snapshot, the last


def test_a_plan_leaves_time_to_watch_and_goes_by_the_latest_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    budget = TimeBudget(spent=4.0)
    config = TrainConfig(time=100.0, eval_every=50, snapshot_at=(20, 100, 300, 5000))
    clock.now += 6.0
    assert budget.elapsed == 10.0
    budget.seconds = 10.0
    first = budget.plan(config, 100, 0.5, 0.25)
    # 90 s are left, of 0.1 s an iteration: up to 905, 150 to 900 are measured, and 300 and 905 kept.
    assert first == dataclasses.replace(config, iterations=100 + round((90 - (16 + 1) * 0.5 - 2 * 0.25) / 0.1))
    assert budget.plans == 1
    clock.now += 30.0
    budget.seconds += 20.0
    # 60 s are left, and the last 100 iterations took 0.2 s each: up to 480, 250 to 450 are measured, 300 and 480 kept.
    second = budget.plan(first, 200, 0.5, 0.25)
    assert second == dataclasses.replace(config, iterations=200 + round((60 - (5 + 1) * 0.5 - 2 * 0.25) / 0.2))
    assert budget.plans == 2
    clock.now += 100.0
    budget.seconds += 90.0
    assert budget.plan(second, 400, 0.5, 0.25).iterations == 401  # the time is up


@pytest.mark.parametrize(
    ("seconds", "due_at"),
    [
        (100.0, (10.0, 30.0, 50.0, 70.0, 85.0)),
        (20.0, (2.0, 6.0, 10.0, 14.0, 17.0)),
        (1000.0, (10.0, 300.0, 500.0, 700.0, 850.0)),
    ],
)
def test_when_a_plan_is_due(monkeypatch: pytest.MonkeyPatch, seconds: float, due_at: tuple[float, ...]) -> None:
    """Five times, by shares of the budget, and after twenty iterations at least."""
    clock, config = Clock(monkeypatch), TrainConfig(time=seconds, eval_every=0, snapshot_at=())
    budget, at = TimeBudget(), 0
    began = clock.now
    for due in due_at:
        clock.now = began + due - 0.5
        assert not budget.plan_is_due(config, at + 20)
        clock.now = began + due
        assert not budget.plan_is_due(config, at + 19)
        assert not budget.plan_is_due(TrainConfig(time=None), at + 20)
        assert budget.plan_is_due(config, at + 20)
        budget.seconds, at = due, at + 20
        config = budget.plan(config, at, 0.0, 0.0)
    clock.now = began + seconds
    assert not budget.plan_is_due(config, at + 1000)


def test_a_training_that_became_faster_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    budget, config = TimeBudget(), TrainConfig(time=100.0, eval_every=0, snapshot_at=())
    clock.now += 10.0
    budget.seconds = 10.0
    config = budget.plan(config, 100, 0.0, 0.0)
    assert config.iterations == 1000
    clock.now += 15.0  # twenty-five seconds, and all is done
    budget.seconds += 15.0
    assert not budget.plan_is_due(config, 999)
    assert budget.plan_is_due(config, 1000)
    assert budget.plan(config, 1000, 0.0, 0.0).iterations == 1000 + 75 * 60


def test_what_was_spent_before_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    one = make(time=100.0)
    assert one.budget.elapsed == 0.0
    assert Trainer(one.corpus, one.model.config, one.config, device="cpu", spent=5.0).budget.elapsed == 5.0


def test_a_budget_goes_on_where_it_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    budget, config = TimeBudget(spent=1.0), TrainConfig(time=100.0).completed()
    clock.now += 11.0
    budget.seconds = 9.0
    budget.plan(config, 30, 0.0, 0.0)
    clock.now += 2.0
    left = budget.progress()
    assert left == {"seconds": 9.0, "elapsed": 14.0, "plans": 1}
    clock.now += 1e6  # nobody trains meanwhile
    again = TimeBudget()
    again.load(left, 40, settled=False)
    assert again.progress() == left
    clock.now += 26.0
    assert not again.plan_is_due(config, 59)  # the pace is that of this machine, from here on
    assert again.plan_is_due(config, 60)
    settled = TimeBudget()
    settled.load(left, 40, settled=True)
    clock.now += 1000.0
    assert not settled.plan_is_due(config, 1000)


def test_a_budget_too_small_still_ends() -> None:
    training = make(time=1e-3)
    finish(training)
    assert training.planned
    assert training.iteration <= 25


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_a_budget_is_above_zero(value: float) -> None:
    with pytest.raises(UsageError, match="--time"):
        TrainConfig(time=value)


def test_config_fields_have_an_option() -> None:
    import inspect

    from charrnn.commands.train import train

    options = set(inspect.signature(train).parameters)
    assert {field.name for field in dataclasses.fields(TrainConfig)} <= options
    assert {field.name for field in dataclasses.fields(ModelConfig)} <= options


@each_machine
def test_epochs_leave_the_chosen_precision_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool] | None, chosen: str
) -> None:
    from typer.testing import CliRunner

    from charrnn.commands import training_run
    from charrnn.commands.main import app

    (tmp_path / "sheep.txt").write_text(TEXT, "utf-8")
    monkeypatch.chdir(tmp_path)
    followed: list[Trainer] = []
    monkeypatch.setattr(training_run, "follow", lambda training, run, preset, **more: followed.append(training))
    pretend(monkeypatch, capabilities)
    options = ["--max-epochs", "0.5", "--rnn-size", "8", "--device", "cpu", "--batch-size", "4", "--seq-length", "16"]
    done = CliRunner().invoke(app, ["train", "sheep.txt", *options, "--threads", "1"])
    assert done.exit_code == 0, done.output
    torch.set_flush_denormal(False)
    assert followed[0].config.precision == chosen
    assert followed[0].config.iterations == round(followed[0].streams.per_epoch * 0.5)
