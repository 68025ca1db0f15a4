"""The recipes of char-rnn and torch-rnn: every setting and the learning rates by hand, and what is typed with them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from helpers.trainings import TEXT, assert_same, finish, stored

from charrnn.config import ModelConfig, ReadConfig, StartConfig, TrainConfig
from charrnn.errors import UsageError
from charrnn.runs.run import Run
from charrnn.text import corpus
from charrnn.training.beginning import Beginning
from charrnn.training.presets import RECIPES, options
from charrnn.training.resume import resume_point, resumed
from charrnn.training.resumption import Resumption
from charrnn.training.trainer import Trainer

NAMES = ("char-rnn", "torch-rnn")
BOTH = {
    "model": "lstm",
    "num_layers": 2,
    "rnn_size": 128,
    "residual": False,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "recurrent_dropout": 0.0,
    "layer_norm": False,
    "tied": False,
    "batch_size": 50,
    "seq_length": 50,
    "shift": None,
    "stateless": False,
    "state_reset": 0.0,
    "rotate": False,
    "learning_rate": 0.002,
    "weight_decay": 0.0,
    "l1": 0.0,
    "l2": 0.0,
    "grad_clip": 5.0,
    "grad_clip_mode": "value",
    "average": 0.0,
    "freeze": (),
    "warmup": 0,
    "decay": "step",
    "patience": 0,
    "val_frac": 0.1,
}
OWN = {
    "char-rnn": {
        "embedding_size": 0,
        "optimizer": "rmsprop",
        "beta2": 0.95,
        "momentum": 0.0,
        "decay_every": 1.0,
        "decay_factor": 0.97,
        "decay_after": 10.0,
    },
    "torch-rnn": {
        "embedding_size": 64,
        "optimizer": "adamw",
        "beta1": 0.9,
        "beta2": 0.999,
        "decay_every": 5.0,
        "decay_factor": 0.5,
        "decay_after": 4.0,
    },
}
PER_EPOCH = 2
LONG = (TEXT * 9)[:6200]  # of which 5,580 characters are trained on: two windows of 50 in each of 50 streams


def begun(preset: str, text: str = LONG, **typed: Any) -> Trainer:
    given = typed | {"preset": preset}
    configs = (kind.pick(given) for kind in (StartConfig, ModelConfig, TrainConfig, ReadConfig))
    trainer, chosen, _ = Beginning.of(*configs, given).begin(corpus.from_text(text), "cpu")
    assert chosen.preset == preset
    return trainer


def settings(training: Trainer) -> dict[str, Any]:
    return asdict(training.model.config) | asdict(training.config)


@pytest.mark.parametrize("preset", NAMES)
def test_every_setting_is_the_recipe_s(preset: str) -> None:
    training = begun(preset)
    expected = BOTH | OWN[preset]
    assert {name: settings(training)[name] for name in expected} == expected
    assert training.streams.per_epoch == PER_EPOCH
    assert training.horizon.iterations == 50 * PER_EPOCH
    assert RECIPES.keys() == set(NAMES)


@pytest.mark.parametrize(
    ("preset", "by_epoch"),
    [
        # char-rnn multiplies for the first time when ten epochs are done, then after every one.
        ("char-rnn", {1: 0.002, 9: 0.002, 10: 0.002, 11: 0.00194, 12: 0.0018818, 50: 0.002 * 0.97**40}),
        # torch-rnn halves when four are done, and nine, and fourteen: where the next one's number is 5, 10, 15.
        ("torch-rnn", {1: 0.002, 4: 0.002, 5: 0.001, 9: 0.001, 10: 0.0005, 14: 0.0005, 15: 0.00025, 50: 0.002 / 1024}),
    ],
)
def test_the_rate_of_an_epoch_by_hand(preset: str, by_epoch: dict[int, float]) -> None:
    schedule = begun(preset).schedule
    first = {epoch: schedule.rate((epoch - 1) * PER_EPOCH + 1) for epoch in by_epoch}
    last = {epoch: schedule.rate(epoch * PER_EPOCH) for epoch in by_epoch}
    assert first == last == pytest.approx(by_epoch)


@pytest.mark.parametrize("preset", NAMES)
@pytest.mark.parametrize(
    ("length", "iterations"),
    [({"iterations": 7}, 7), ({"max_epochs": 3.0}, 3 * PER_EPOCH), ({"time": 3600.0}, None)],
)
def test_a_length_that_is_given_stands(preset: str, length: dict[str, Any], iterations: int | None) -> None:
    training = begun(preset, **length)
    assert training.horizon.iterations == iterations
    assert settings(training)["batch_size"] == 50
    assert settings(training)["learning_rate"] == 0.002


def test_what_was_typed_stands() -> None:
    typed = {
        "rnn_size": 16,
        "batch_size": 5,
        "learning_rate": 0.01,
        "decay": "cosine",
        "layer_norm": True,
        "rotate": True,
    }
    training = begun("char-rnn", dropout=0.25, iterations=3, **typed)
    assert typed.items() <= settings(training).items()
    assert settings(training)["dropout"] == 0.25
    assert settings(training)["optimizer"] == "rmsprop"


@pytest.mark.parametrize("preset", NAMES)
def test_the_options_printed_are_the_recipe(preset: str) -> None:
    training = begun(preset)
    shown = options(training.model.config, training.config).split(" --")
    assert {"batch-size 50", "seq-length 50", "state-reset 0", "no-rotate", "decay step", "weight-decay 0"} <= set(
        shown
    )
    own = {
        "char-rnn": {"embedding-size 0", "optimizer rmsprop", "beta2 0.95", "momentum 0", "decay-factor 0.97"},
        "torch-rnn": {"optimizer adamw", "beta1 0.9", "beta2 0.999", "decay-factor 0.5", "decay-after 4"},
    }
    assert own[preset] <= {*shown, "optimizer adamw"}


@pytest.mark.parametrize("preset", NAMES)
def test_a_recipe_is_resumed_exactly(preset: str, tmp_path: Path) -> None:
    """Across two steps of the rate, which an epoch of two iterations brings soon."""
    typed = {
        "rnn_size": 8,
        "max_epochs": 4.0,
        "decay_after": 1.0,
        "decay_every": 1.0,
        "sample_length": 0,
        "eval_every": 0,
    }
    whole = begun(preset, **typed)
    points = []
    while not whole.complete:
        points.append(resume_point(whole))
        whole.step()
    for point in points:
        again = resumed(stored(tmp_path / "resume.safetensors", point), whole.corpus, device="cpu")
        assert_same(finish(again), whole.model.weights())


def test_a_resumed_run_may_name_its_recipe_and_no_other(tmp_path: Path) -> None:
    run = Run(tmp_path)
    training = begun("char-rnn", learning_rate=0.01)
    stored(run.resume_path, resume_point(training))

    def resumption(**given: Any) -> Resumption:
        return Resumption.of(run, given, lambda _: None)

    with resumption(preset="char-rnn", learning_rate=0.01):
        pass
    for given in ({"preset": "torch-rnn", "learning_rate": 0.01}, {"preset": "char-rnn"}, {"preset": "small"}):
        with pytest.raises(UsageError, match="--preset"):  # the second has another rate
            resumption(**given)
