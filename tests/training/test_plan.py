"""A plan by hand: how many iterations a time has, why settings are as they are, and what is typed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import ModelConfig, StartConfig, TrainConfig
from charrnn.training.plan import _command
from charrnn.training.presets import Machine, Speed, TextSize, resolve
from charrnn.training.reasons import Circumstances, reasons
from charrnn.training.time_budget import iterations_within, watching_seconds
from charrnn.training.watching import Cost


def test_seconds_of_watching_by_hand() -> None:
    config = TrainConfig(iterations=1, snapshot_at=(5, 10), eval_every=10)
    # Up to 25: evaluations at 10 and 20, and those of the snapshots at 5 and 25; snapshots at 5, 10 and 25.
    assert watching_seconds(config, 0, 25, (1.0, 0.25)) == 4 * 1.0 + 3 * 0.25
    assert watching_seconds(config, 10, 25, (1.0, 0.25)) == 2 * 1.0 + 1 * 0.25
    assert watching_seconds(TrainConfig(snapshot_at=(), eval_every=0), 0, 7, (1.0, 0.25)) == 1.25


@given(
    every=st.integers(0, 12), regular=st.integers(0, 12), after=st.integers(0, 40), more=st.integers(1, 60),
    at=st.lists(st.integers(0, 70), max_size=4),
)  # fmt: skip
def test_watching_is_counted_as_if_every_iteration_were_listed(
    every: int, regular: int, after: int, more: int, at: list[int]
) -> None:
    total = after + more
    config = TrainConfig(iterations=total, eval_every=every, snapshot_every=regular, snapshot_at=tuple(at))
    snapshots = [number for number in range(after + 1, total + 1) if config.snapshot_due(number)]
    evaluated = [n for n in range(after + 1, total + 1) if n in snapshots or (every and n % every == 0)]
    assert watching_seconds(config, after, total, (100.0, 1.0)) == 100.0 * len(evaluated) + len(snapshots)


def test_watching_that_is_never_done_is_counted_at_once() -> None:
    config = TrainConfig(eval_every=3, snapshot_every=2, snapshot_at=())
    assert watching_seconds(config, 0, 6 * 10**11, (1.0, 1.0)) == 4 * 10**11 + 3 * 10**11


def test_iterations_within_a_time_by_hand() -> None:
    config = TrainConfig(iterations=1, snapshot_at=(), eval_every=10)
    # 30 iterations of half a second, three evaluations of one, the last of them a snapshot's too, which takes one more.
    assert iterations_within(19.0, config, 0, 0.5, (1.0, 1.0)) == 30
    assert iterations_within(19.0, config, 100, 0.5, (1.0, 1.0)) == 130
    assert iterations_within(0.0, config, 100, 0.5, (1.0, 1.0)) == 101


def why(
    preset: str = "auto",
    *,
    text: int = 10**8,
    speed: float = 60_000.0,
    given: tuple[str, ...] = (),
    from_checkpoint: bool = False,
    accelerated: bool = False,
    bfloat16: bool = True,
    **settings: Any,
) -> dict[str, str]:
    size = TextSize(training=text, held_out=1000, vocabulary=65)
    machine = Machine(accelerated, lambda model, training: Speed(speed, Cost(evaluation=0.5, snapshot=0.1)))
    choice = resolve(preset, ModelConfig.pick(settings), TrainConfig.pick(settings), size, machine)
    at = Circumstances(
        given=given,
        named=preset,
        from_checkpoint=from_checkpoint,
        accelerated=accelerated,
        bfloat16=bfloat16,
        epoch=1234,
    )
    return {reason.setting: reason.why for reason in reasons(choice.model, choice.training, choice, at)}


@pytest.mark.parametrize(
    ("circumstances", "reason"),
    [
        ({"iterations": 9}, "the usual one for a number of iterations on a CPU"),
        ({"iterations": 9, "accelerated": True}, "the usual one for a number of iterations on a GPU"),
        ({"iterations": 9, "accelerated": True, "text": 10**6}, "the largest with at most 2 parameters for each"),
        ({"iterations": 9, "text": 10**5}, "the smallest, though it has more than 2 parameters for each character of"),
        ({"time": 600.0}, "the largest with at least 3 characters read for each parameter in the time, and at most 2 "),
        ({"time": 1.0}, "the smallest, though it has fewer than 3 characters read for each parameter in the time"),
        ({"time": 1.0, "text": 10**5}, "the smallest, though it has more than 2 parameters for each character of the "),
        ({"preset": "medium", "iterations": 9}, "as given (--preset medium)"),
        ({"preset": "char-rnn", "iterations": 9, "rnn_size": 128}, "the recipe of char-rnn"),
        ({"rnn_size": 7, "given": ("rnn_size",), "iterations": 9}, "as given"),
        ({"rnn_size": 7, "from_checkpoint": True, "iterations": 9}, "the checkpoint's"),
    ],
)
def test_why_the_network_is_so_large(circumstances: dict[str, Any], reason: str) -> None:
    assert why(**circumstances)["rnn_size"].startswith(reason)


def test_why_the_other_settings_are_so() -> None:
    found = why(iterations=9, text=10**5)
    assert found["batch_size"] == "as usual"
    assert found["dropout"] == found["rotate"] == "the text is read 0.2 times, about"  # 9 x 32 x 64 of 100,000
    assert found["weight_decay"] == "such that weights remember an epoch, of 1,234 iterations, within bounds"
    assert found["precision"] == "the processor has bfloat16 in hardware"
    assert why(time=60.0)["batch_size"] == "with a time budget more streams learn more in it"
    assert why(iterations=9, text=1000)["batch_size"] == "so that each has some windows of a short text"
    assert why(iterations=9, bfloat16=False)["precision"] == "the processor has no bfloat16 in hardware"
    assert why(iterations=9, accelerated=True)["precision"].startswith("the faster of float16 and bfloat16")
    assert why(iterations=9, given=("precision", "dropout"))["precision"] == "as given"


@pytest.mark.parametrize(
    ("texts", "given", "begins"),
    [
        ([], {"preset": "quick"}, "charrnn train --iterations 6000 --model"),
        (["a b.txt", "-"], {"time": 90.0, "threads": 2}, "charrnn train 'a b.txt' - --time 90s --threads 2 --model"),
        (["-x.txt"], {"max_epochs": 2.5, "seed": 3}, "charrnn train ./-x.txt --max-epochs 2.5 --seed 3 --model"),
        (["x"], {"separator": "\n\t", "rnn_size": 9}, r"charrnn train x --iterations 6000 --separator '\n\t' --model"),
    ],
)
def test_the_command(texts: list[str], given: dict[str, Any], begins: str) -> None:
    model, training = ModelConfig.pick(given).completed(), TrainConfig.pick(given).completed()
    assert _command(texts, given, StartConfig.pick(given), model, training).startswith(begins)
