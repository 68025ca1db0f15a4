"""Numbers that are none, injected where a training has numbers: none is kept, it stops or goes back, and says why."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.command_line import CommandLine
from helpers.trainings import TEXT, assert_same, finish, make, stored
from torch import Tensor

from charrnn.errors import DivergedError
from charrnn.evaluation import verdict
from charrnn.formatting import nats
from charrnn.runs import checkpoint, history
from charrnn.runs.creation import create_run
from charrnn.runs.run import Run
from charrnn.training.checkpointing import record
from charrnn.training.divergence import EVERY, MOST
from charrnn.training.events import Event, Progress, RolledBack
from charrnn.training.resume import resume_point, resumed
from charrnn.training.trainer import Trainer

AT = 24  # after this iteration the number is injected
SETTINGS: dict[str, Any] = {"iterations": 40, "snapshot_every": 10, "eval_every": 10, "snapshot_at": (0,)}
SETTINGS |= {"dropout": 0.2, "average": 0.9}


def spoil(tensor: Tensor, bad: float) -> None:
    """One of a tensor's numbers, in place."""
    with torch.no_grad():
        tensor.view(-1)[-1] = bad


def hook_loss(training: Trainer, bad: float) -> None:
    """Of training alone; the forward pass of the next iteration, once."""

    def spoilt(module: torch.nn.Module, _: object, logits: Tensor) -> Tensor:
        if training.model.training:
            handle.remove()
            return logits * bad
        return logits

    handle = training.model.head.register_forward_hook(spoilt)


def hook_gradient(training: Trainer, bad: float) -> None:
    def spoilt(gradient: Tensor) -> Tensor:
        handle.remove()
        return gradient * bad

    handle = training.model.head.bias.register_hook(spoilt)


def until_gone_back(training: Trainer, mend: Callable[[], object]) -> None:
    """What was injected is mended when the training goes back."""

    def go_back(state: Mapping[str, Any]) -> None:
        mend()
        Trainer.go_back(training, state)

    training.go_back = go_back  # type: ignore[method-assign]


def hook_held_out(training: Trainer, bad: float) -> None:
    """Of the model that is evaluated."""
    hook = training.evaluated_model.head.register_forward_hook(lambda _, __, logits: logits * bad)
    until_gone_back(training, hook.remove)


def spoil_moments(training: Trainer, bad: float) -> None:
    """Of the second moment an infinite one makes every later update of its weight zero, which no loss shows."""
    rule = training.optimizer._rules[0]
    (number,) = (n for n, parameter in enumerate(rule.parameters) if parameter is training.model.head.bias)
    spoil(rule.carried[number]["exp_avg_sq"], bad)


def spoil_counts(training: Trainer, bad: float) -> None:
    assert training.evaluator.counts
    probabilities, _ = training.evaluator.counts._predicted
    kept = probabilities.copy()
    probabilities[:] = bad
    until_gone_back(training, lambda: np.copyto(probabilities, kept))


@dataclass(frozen=True)
class Injection:
    """Where a number is spoilt after iteration AT, when that is found, and what is said."""

    inject: Callable[[Trainer, float], None]
    found_at: int
    cause: str


INJECTIONS = {
    "loss": Injection(hook_loss, AT + 1, r"the loss is nan; nothing was updated with it\."),
    "gradient": Injection(hook_gradient, AT + 1, r"the gradient's norm is (nan|inf); nothing was updated with it\."),
    "weights": Injection(
        lambda training, bad: spoil(training.model.head.weight, bad), AT + 1, "the loss is nan; weights were not finite"
    ),
    "state": Injection(
        lambda training, bad: spoil(training.state[-1][0], bad), AT + 1, "is nan; recurrent states were not"
    ),
    "moments": Injection(
        lambda training, _: spoil_moments(training, math.inf),
        30,
        "it left moments of the optimizer that are not finite",
    ),
    "average": Injection(
        lambda training, bad: spoil(training.evaluated_model.head.weight, bad), 30, "the held-out loss is nan|averaged"
    ),
    "held-out loss": Injection(hook_held_out, 30, r"after it the held-out loss is nan\."),
    "counts": Injection(spoil_counts, 30, r"after it the held-out loss with counts is (nan|-inf)\."),
}
each = pytest.mark.parametrize("injection", INJECTIONS.values(), ids=INJECTIONS)


def follow(training: Trainer, run: Run, inject: Callable[[Trainer], None] | None = None) -> list[Event]:
    """Train into a run, and inject once after iteration AT."""
    events = []
    for event in record(training, run):
        events.append(event)
        if inject and isinstance(event, Progress) and event.iteration == AT:
            inject(training)
            inject = None
    return events


def checkpoints_of(run: Run) -> dict[str, checkpoint.Checkpoint]:
    """A run's checkpoints, of which every number is finite."""
    found = {path.name: checkpoint.load(path) for path in sorted(run.path.glob("*.safetensors"))}
    for name, kept in found.items():
        assert all(np.isfinite(tensor).all() for tensor in kept.tensors.values()), name
    return found


def rows_of(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.metrics_path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@each
def test_what_is_not_finite_is_not_kept_and_stops_the_training(
    tmp_path: Path, injection: Injection, bad: float
) -> None:
    run, training = create_run(tmp_path, "run", "text"), make(**SETTINGS)
    before: dict[str, bytes] = {}

    def inject(training: Trainer) -> None:
        before.update({path.name: path.read_bytes() for path in run.path.glob("*.safetensors")})
        injection.inject(training, bad)

    with (
        np.errstate(invalid="ignore"),
        pytest.raises(DivergedError, match=rf"^iteration {injection.found_at}: .*({injection.cause})") as error,
    ):
        follow(training, run, inject)
    assert error.value.iteration == injection.found_at
    assert "--on-divergence rollback" in error.value.advice
    assert {path.name: path.read_bytes() for path in run.path.glob("*.safetensors")} == before
    kept = checkpoints_of(run)
    assert list(kept) == [f"iteration-{at:06d}.safetensors" for at in (0, 10, 20)] + ["resume.safetensors"]
    assert kept["resume.safetensors"].header.iteration == 20
    assert Run(run.path).best.header.iteration == 20
    last = rows_of(run)[-1]
    assert (last["event"], last["iteration"]) == ("diverged", injection.found_at)
    assert last["reason"] == error.value.what
    assert all(None not in row.values() for row in rows_of(run) if row["iteration"])


@each
def test_rolled_back_it_goes_on_at_half_the_rate(tmp_path: Path, injection: Injection) -> None:
    """With no state that is later than the beginning, as if it had begun at that rate."""
    run, training = create_run(tmp_path, "run", "text"), make(**SETTINGS, on_divergence="rollback", learning_rate=0.02)
    with np.errstate(invalid="ignore"):
        events = follow(training, run, lambda training: injection.inject(training, math.nan))
    [rolled_back] = [event for event in events if isinstance(event, RolledBack)]
    assert (rolled_back.iteration, rolled_back.diverged_at) == (0, injection.found_at)
    assert rolled_back.learning_rate_factor == 0.5
    expected = make(**SETTINGS, learning_rate=0.01)
    finish(expected)
    assert_same(training.learning_state()["model"], expected.model.weights())
    assert_same(training.evaluated_model.weights(), expected.evaluated_model.weights())
    losses = {event.iteration: event.loss for event in events if isinstance(event, Progress)}
    assert all(map(math.isfinite, losses.values()))
    assert [kept.header.iteration for kept in checkpoints_of(run).values()] == [0, 10, 20, 30, 40, 40]
    [row] = [row for row in rows_of(run) if row["event"] == "rolled back"]
    assert row == {
        "event": "rolled back",
        "iteration": 0,
        "diverged_at": injection.found_at,
        "reason": rolled_back.reason,
        "learning_rate_factor": 0.5,
    }
    for kind in ("progress", "evaluated"):
        iterations = [row["iteration"] for row in rows_of(run) if row["event"] == kind]
        assert iterations == [0] * (kind == "evaluated") + [10, 20, 30, 40]
    curves = history.read(Run(run.path))
    assert curves.diverged is None
    assert [(back.diverged_at, back.iteration) for back in curves.rollbacks] == [(injection.found_at, 0)]
    judged = verdict.of_run(Run(run.path))
    assert judged is not None
    sentence = f"at iteration {injection.found_at}, and was rolled back to iteration 0, on at 0.5 of the learning rate."
    assert f"It diverged once, {sentence}" in judged.sentences


def diverging_at(training: Trainer, iteration: int, *, while_rate_above: float = 0.0) -> Trainer:
    """The loss of an iteration is NaN, whenever it is made, while the peak of the learning rate is above something."""

    def spoilt(module: torch.nn.Module, _: object, logits: Tensor) -> Tensor:
        bad = training.iteration + 1 == iteration and training.schedule.peak > while_rate_above
        return logits * math.nan if bad and training.model.training else logits

    training.model.head.register_forward_hook(spoilt)
    return training


def test_what_diverges_again_and_again_stops(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run", "text")
    training = diverging_at(make(**SETTINGS, on_divergence="rollback"), 17)
    events = list[Event]()
    with pytest.raises(DivergedError, match=rf"iteration 17: .* to iteration 0 {MOST} times, in vain\."):
        events.extend(record(training, run))
    factors = [row["learning_rate_factor"] for row in rows_of(run) if row["event"] == "rolled back"]
    assert factors == [0.5**number for number in range(1, MOST + 1)]
    assert rows_of(run)[-1]["event"] == "diverged"
    assert checkpoints_of(run)["resume.safetensors"].header.iteration == 10


LONG: dict[str, Any] = {"iterations": EVERY + 60, "dropout": 0.2, "average": 0.9, "decay": "plateau", "eval_every": 20}
LONG |= {"learning_rate": 0.02, "on_divergence": "rollback"}


def test_it_goes_back_to_the_latest_of_the_set_iterations(tmp_path: Path) -> None:
    """As a training that was at that iteration, of half the rate and with the same dropout masks."""
    training = diverging_at(make(**LONG), EVERY + 37, while_rate_above=0.01)
    events = list(record(training, create_run(tmp_path, "run", "text")))
    backs = [event for event in events if isinstance(event, RolledBack)]
    assert [(back.iteration, back.diverged_at) for back in backs] == [(EVERY, EVERY + 37)]
    expected = make(**LONG)
    for event in expected.events():
        if isinstance(event, Progress) and event.iteration == EVERY:
            expected.schedule.rollbacks = 1
    after, wanted = training.state_dict(), expected.state_dict()
    for part in ("model", "average", "state"):
        assert_same(after[part], wanted[part])
    for part in ("early_stopping", "schedule", "horizon", "unlogged", "iteration", "characters", "train_loss"):
        assert after[part] == wanted[part]


def test_resumed_anywhere_it_goes_back_to_the_same_state(tmp_path: Path) -> None:
    """Before and after it diverged, whatever was kept in the memory of the process that has ended."""
    training, points = diverging_at(make(**LONG), EVERY + 37, while_rate_above=0.01), {}
    for event in training.events():
        if isinstance(event, RolledBack) or (isinstance(event, Progress) and event.iteration % 23 == 0):
            points[len(points)] = resume_point(training)
    assert len(points) == 8
    _, final = resume_point(training)
    for point in points.values():
        again = resumed(stored(tmp_path / "resume.safetensors", point), training.corpus, device="cpu")
        finish(diverging_at(again, EVERY + 37, while_rate_above=0.01))
        assert_same(resume_point(again)[1], final)
        assert again.schedule.rollbacks == 1


def test_a_state_from_within_an_explosion_is_not_gone_back_to() -> None:
    training = make(on_divergence="rollback")
    assert training.rollback
    training.rollback.observe()
    for iteration, bits, good in ((100, 3.0, True), (200, 3.9, True), (300, 5.0, False), (400, 4.8, True)):
        training.iteration, training.train_loss = iteration, nats(bits)
        training.rollback.observe()
        assert (training.rollback.state_dict()["iteration"] == iteration) is good


def test_the_first_state_is_compared_with_a_model_that_knows_nothing() -> None:
    training = make(on_divergence="rollback")
    assert training.rollback
    training.rollback.observe()
    training.iteration, training.train_loss = 100, math.log(2.1 * len(training.vocabulary))
    training.rollback.observe()
    assert training.rollback.state_dict()["iteration"] == 0


def test_one_that_stopped_goes_on_with_a_rollback(tmp_path: Path) -> None:
    """Resumed as it was it diverges again; told to roll back it goes back to what it was resumed at."""
    training = diverging_at(make(**SETTINGS, learning_rate=0.02), 27, while_rate_above=0.01)
    run = create_run(tmp_path, "run", "text")
    with pytest.raises(DivergedError):
        list(record(training, run))
    kept = checkpoint.load(run.resume_path)
    again = diverging_at(resumed(kept, training.corpus, device="cpu"), 27, while_rate_above=0.01)
    with pytest.raises(DivergedError, match="iteration 27"):
        finish(again)
    watching = {"on_divergence": "rollback"}
    again = resumed(kept, training.corpus, device="cpu", watching=watching)
    events = list(diverging_at(again, 27, while_rate_above=0.01).events())
    assert [event.iteration for event in events if isinstance(event, RolledBack)] == [20]
    assert again.complete
    back = resumed(stored(tmp_path / "r", resume_point(again)), training.corpus, device="cpu", iterations=60)
    assert back.schedule.peak == 0.01


def test_bfloat16_whose_weights_overflow_goes_back(tmp_path: Path) -> None:
    training = make(**SETTINGS, precision="bfloat16", on_divergence="rollback")
    run = create_run(tmp_path, "run", "text")
    events = follow(training, run, lambda training: spoil(training.model.head.weight, 3e38))
    assert len([event for event in events if isinstance(event, RolledBack)]) == 1
    checkpoints_of(run)


def test_an_update_that_overflows_is_found_before_it_is_kept(tmp_path: Path) -> None:
    """A finite gradient times a rate beyond all bounds; each rollback halves it, and it never fits.

    RMSprop's first update is the rate times 1 / sqrt(1 - beta2).
    """
    settings = SETTINGS | {
        "learning_rate": 1e38,
        "warmup": 0,
        "snapshot_every": 1,
        "optimizer": "rmsprop",
        "beta2": 0.999,
    }
    training = make(**settings, on_divergence="rollback")
    run = create_run(tmp_path, "run", "text")
    with pytest.raises(DivergedError, match=rf"iteration 1: .*{MOST} times, in vain"):
        list(record(training, run))
    assert list(checkpoints_of(run)) == ["iteration-000000.safetensors", "resume.safetensors"]


@pytest.mark.parametrize("asked", ["saved", "closed", "stopped"])
@pytest.mark.parametrize("mode", ["stop", "rollback"])
def test_a_spoilt_state_is_found_when_it_is_saved_between_snapshots(tmp_path: Path, asked: str, mode: str) -> None:
    """Moments are no part of a snapshot, and no loss shows them."""
    training, run = make(iterations=40, snapshot_at=(), on_divergence=mode), create_run(tmp_path, "run", "text")
    events, seen = (
        record(
            training,
            run,
            stop=lambda: asked == "stopped" and training.iteration == AT,
            save=lambda: asked == "saved" and training.iteration == AT,
        ),
        list[Event](),
    )

    def follow() -> None:
        for event in events:
            seen.append(event)
            if isinstance(event, Progress) and event.iteration == AT - 1 and training.schedule.rollbacks == 0:
                spoil_moments(training, math.inf)
                if asked == "closed":
                    events.close()

    if mode == "stop":
        with pytest.raises(DivergedError, match="it left moments of the optimizer"):
            follow()
    else:
        follow()
        assert training.iteration == {"saved": 40, "closed": 0, "stopped": 0}[asked]
        assert [row["diverged_at"] for row in rows_of(run) if row["event"] == "rolled back"] == [
            AT - (asked == "closed")
        ]
        assert sum(isinstance(event, RolledBack) for event in seen) == (asked != "closed")
    checkpoints_of(run)


def test_a_time_budget_goes_on_though_the_training_goes_back() -> None:
    """By a clock that goes on when it is looked at."""
    took = []
    for diverging in (False, True):
        looks = itertools.count()
        training = make(time=6.0, on_divergence="rollback", trainer={"clock": lambda looks=looks: next(looks) / 100})
        if diverging:
            diverging_at(training, EVERY + 30, while_rate_above=training.config.learning_rate / 2)
        seconds = [event.seconds for event in training.events() if isinstance(event, Progress)]
        assert seconds == sorted(seconds)
        assert training.schedule.rollbacks == diverging
        took.append(training.budget.elapsed)
    assert took[1] == pytest.approx(took[0], rel=0.02)


COMMAND = (
    "--device", "cpu", "--threads", "1", "--checkpoint-dir", "runs", "--rnn-size", "8", "--batch-size", "4",
    "--seq-length", "16", "--iterations", "60", "--sample-length", "0", "--snapshot-at", "5,20", "--eval-every", "10",
)  # fmt: skip
BLOWN = ("--model", "rnn", "--nonlinearity", "relu", "--no-layer-norm", "--optimizer", "sgd", "--grad-clip", "0")


def test_the_command_stops_or_rolls_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(TEXT, "utf-8")
    line = CommandLine(monkeypatch, capfdbinary)
    stopped = line("train", "text.txt", "--name", "one", *COMMAND, *BLOWN, "--learning-rate", "30")
    assert stopped.returncode == 1
    said = stopped.stderr.decode().splitlines()[-1]
    assert said.startswith("charrnn: iteration ")
    assert "--on-divergence rollback" in said
    assert b"Traceback" not in stopped.stderr
    run = Run(Path("runs/one"))
    checkpoints_of(run)
    told = " ".join(line.train("--resume", "one", "--on-divergence", "rollback", "--checkpoint-dir", "runs").split())
    assert "diverged at iteration" in told
    assert "rolled back to iteration" in told
    assert checkpoints_of(run)["resume.safetensors"].header.iteration == 60
