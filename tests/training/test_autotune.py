"""What a trial tells of a machine: what watching a training takes on it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from helpers.trainings import TEXT, assert_same, make

from charrnn.config import ModelConfig, TrainConfig
from charrnn.text import corpus
from charrnn.training import autotune
from charrnn.training.evaluator import Evaluator
from charrnn.training.validation import characters_read


class Clock:
    """Counts what is done with a training, a second for each character that is read or written."""

    def __init__(self) -> None:
        self.now = 0.0

    def of(self, monkeypatch: pytest.MonkeyPatch, evaluator: Evaluator) -> None:
        """Go by this one."""

        def nats(spans: Any, *, warmup: int) -> float:
            self.now += characters_read(spans, warmup=warmup)
            return 1.0

        monkeypatch.setattr(evaluator, "nats", nats)
        monkeypatch.setattr(autotune, "WorkClock", self.begun)

    def begun(self) -> Any:
        """What tells the time since now."""
        began = self.now
        return lambda: self.now - began


@pytest.mark.parametrize("copies", [1, 50])
def test_what_watching_takes_is_told_by_a_part(copies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    training, clock = make(TEXT * copies, val_frac=0.5, sample_length=250), Clock()
    clock.of(monkeypatch, training.evaluator)
    monkeypatch.setattr(autotune, "WRITING_SECONDS", 0.0)
    write = training.evaluator.sample_writer.text

    def text(weights: Any, length: int) -> str:
        clock.now += length
        return write(weights, length)

    monkeypatch.setattr(training.evaluator.sample_writer, "text", text)
    before = training.model.weights()
    cost = autotune.watching_cost(training)
    assert cost.evaluation == pytest.approx(characters_read(training.split.held_out))
    assert cost.snapshot == pytest.approx(250)
    assert clock.now < 2 * autotune._TRIAL_CHARACTERS
    assert_same(training.model.weights(), before)


def test_writing_takes_time_for_each_parameter() -> None:
    training = make(val_frac=0.0, sample_length=0)
    cost = autotune.watching_cost(training)
    assert cost.evaluation == 0.0
    assert cost.snapshot >= training.parameters * autotune.WRITING_SECONDS


def test_a_trial_that_left_no_numbers_is_no_error_here() -> None:
    training = make()
    weights = training.model.weights()
    weights["head.weight"][:] = math.nan
    training.model.load_weights(weights)
    assert autotune.watching_cost(training).snapshot > 0


def test_a_budget_of_time_is_watched_as_the_machine_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "_TRIAL_SECONDS", 0.01)
    settings = TrainConfig(batch_size=4, seq_length=8, time=600.0)
    network = ModelConfig(rnn_size=8, embedding_size=4, num_layers=1)
    choice = autotune.resolve(corpus.from_text(TEXT), "auto", network, settings, "cpu")
    assert choice.training.snapshot_at[:2] == (0, 3)
    assert len(choice.training.snapshot_at) == 9
