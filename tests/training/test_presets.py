"""The choice of a network by text, budget and machine, and the options it is printed as."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from charrnn.commands.app import app
from charrnn.config import ModelConfig, TrainConfig, settings_of
from charrnn.errors import UsageError
from charrnn.training.presets import PRESETS, Choice, Machine, Speed, TextSize, options, rate_for, resolve
from charrnn.training.watching import Cost

SIZES = list(PRESETS)
# What does nothing beside the settings it comes with, and is not printed: it has not to be as it was.
_IDLE = {"momentum", "beta1", "beta2", "final_rate", "plateau_patience", "plateau_factor", "grad_clip_mode"}
_IDLE |= {"nonlinearity", "state_reset", "decay_every", "decay_factor", "decay_after"}


def settings(choice: Choice) -> dict[str, Any]:
    return asdict(choice.model) | asdict(choice.training)


def pick(
    name: str = "auto",
    *,
    text: int = 1_000_000,
    held_out: int = 100_000,
    speed: float | None = None,
    accelerated: bool = False,
    vocabulary: int = 65,
    rotatable: bool = True,
    watching: Cost | None = None,
    fixed: tuple[str, ...] = (),
    **typed: Any,
) -> Choice:
    def measured(model: ModelConfig, training: TrainConfig) -> Speed:
        assert speed is not None, "measured without need"
        return Speed(speed, watching or Cost(evaluation=held_out / (2.5 * speed), snapshot=0.0))

    size = TextSize(training=text, held_out=held_out, vocabulary=vocabulary, rotatable=rotatable)
    machine = Machine(accelerated, measured)
    return resolve(name, ModelConfig.pick(typed), TrainConfig.pick(typed), size, machine, fixed)


def test_nothing_is_left_to_choose() -> None:
    for choice in (pick(iterations=9), pick(time=9.0, speed=9e4), pick(time=9.0, speed=9e4, held_out=0)):
        assert choice.model == choice.model.completed()
        assert choice.training == choice.training.completed()


def test_what_is_shuffled_is_not_rotated() -> None:
    assert settings(pick(iterations=2000, text=10**4))["rotate"]
    assert not settings(pick(iterations=2000, text=10**4, rotatable=False))["rotate"]


def test_the_sizes_are_in_order() -> None:
    widths = list(PRESETS.values())
    assert widths == sorted(set(widths))


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("budget", [{"iterations": 2000}, {"time": 100.0}])
def test_a_named_preset_is_taken(name: str, budget: dict[str, Any]) -> None:
    chosen = pick(name, speed=50_000.0, **budget)
    assert chosen.preset == name
    assert settings(chosen)["rnn_size"] == PRESETS[name]
    streams = 64 if "time" in budget else 32
    rate = rate_for(PRESETS[name], streams)
    assert settings(chosen)["batch_size"] == streams
    assert settings(chosen)["learning_rate"] == rate


@pytest.mark.parametrize("budget", [{"iterations": 2000}, {"time": 100.0}])
def test_what_was_typed_stands(budget: dict[str, Any]) -> None:
    typed = {"rnn_size": 33, "learning_rate": 0.5, "dropout": 0.0, "snapshot_at": (7,), "eval_every": 3}
    chosen = pick(text=1000, speed=50_000.0, **budget, **typed)
    assert typed.items() <= settings(chosen).items()


def test_an_unknown_name() -> None:
    names = "auto, quick, small, medium, large, xlarge, xxlarge, char-rnn, torch-rnn"
    with pytest.raises(UsageError, match=f"--preset huge: choose one of {names}"):
        pick("huge")


def test_more_time_never_picks_a_smaller_one() -> None:
    picked = [pick(time=float(2**n), speed=60_000.0, text=10**8).preset for n in range(20)]
    assert picked[0] == "quick"
    assert picked[-1] == "large"
    assert all(SIZES.index(a) <= SIZES.index(b) for a, b in pairwise(picked))
    faster = [pick(time=float(2**n), speed=600_000.0, text=10**8).preset for n in range(20)]
    assert all(SIZES.index(a) <= SIZES.index(b) for a, b in zip(picked, faster, strict=True))


def test_a_short_text_never_gets_a_large_one() -> None:
    picked = [pick(time=1e6, speed=1e6, text=text).preset for text in (10**4, 2 * 10**5, 6 * 10**5, 10**6, 10**7)]
    assert picked == ["quick", "quick", "small", "medium", "large"]


def test_what_speaks_against_a_size_by_hand() -> None:
    """The parameters of one layer: 4 gates of (64 + width + 2) for each unit, embedding and head."""
    typed = {"num_layers": 1, "embedding_size": 64, "layer_norm": False}
    sizes = [65 * 64 + 4 * width * (64 + width + 2) + 65 * width + 65 for width in PRESETS.values()]
    timed = pick(time=100.0, speed=10_000.0, text=200_000, **typed)
    assert [candidate.parameters for candidate in timed.candidates] == sizes == [214_849, 350_593, 720_385, 1_221_249]
    work = 100 * 10_000 * 350_593  # a character costs as much as there are parameters
    assert [candidate.characters_read for candidate in timed.candidates] == [round(work / size) for size in sizes]
    assert [candidate.too_large_for for candidate in timed.candidates] == [
        (),  # 1,631,811 characters are 7.6 for each parameter
        ("time",),  # 1,000,000 are 2.85
        ("text", "time"),  # more than two parameters for each of 200,000 characters
        ("text", "time"),
    ]
    assert timed.preset == "quick"
    counted = pick(iterations=1000, text=200_000, **typed)
    assert [candidate.too_large_for for candidate in counted.candidates] == [
        (),
        (),
        ("text", "usual"),
        ("text", "usual"),
    ]
    assert {candidate.characters_read for candidate in counted.candidates} == {1000 * 32 * 64}
    assert [candidate.preset for candidate in pick("char-rnn", iterations=9).candidates] == ["char-rnn"]


def test_a_number_of_iterations_goes_by_the_machine() -> None:
    assert pick(iterations=2000).preset == "small"
    assert pick(iterations=2000, accelerated=True, text=10**7).preset == "large"


def test_a_gpu_has_larger_ones_to_choose_from() -> None:
    """With time enough; a CPU does not, unless they are named."""
    long: dict[str, Any] = {"time": 1e5, "speed": 5e6, "text": 10**10}
    assert pick(**long).preset == "large"
    assert pick(**long | {"time": 1.0}, accelerated=True).preset == "medium"
    chosen = settings(pick(**long, accelerated=True))
    assert (chosen["num_layers"], chosen["rnn_size"], chosen["embedding_size"]) == (3, 2048, 128)
    assert pick(**long | {"text": 4_000_000}, accelerated=True).preset == "large"  # it has too few characters for more
    presets = [candidate.preset for candidate in pick(**long, accelerated=True).candidates]
    assert presets == ["quick", "small", "medium", "large", "xlarge", "xxlarge"]
    named = settings(pick("xlarge", iterations=9))
    assert (named["num_layers"], named["rnn_size"], named["embedding_size"]) == (2, 1024, 128)
    assert named["optimizer"] == "adamw"


def test_a_size_for_gpus_leaves_what_was_said() -> None:
    """Be it the default: then its name is among what is fixed."""
    said = settings(pick("xxlarge", iterations=9, num_layers=2, fixed=("num_layers",)))
    assert (said["num_layers"], said["rnn_size"], said["embedding_size"]) == (2, 2048, 128)
    other = settings(pick("xxlarge", iterations=9, rnn_size=700, fixed=("rnn_size",)))
    assert (other["num_layers"], other["rnn_size"], other["embedding_size"]) == (3, 700, 128)


def test_rates_beyond_what_was_measured_go_by_the_inverse_of_the_width() -> None:
    assert [rate_for(width, 32) for width in (512, 1024, 2048)] == [0.0085, 0.0043, 0.0021]


@pytest.mark.parametrize("name", ["dropout", "input_dropout", "recurrent_dropout", "weight_decay", "rotate"])
def test_a_text_read_often_is_held_off(name: str) -> None:
    found = [settings(pick(iterations=2000, text=text))[name] for text in (10**8, 10**6, 10**5, 10**4, 100)]
    assert found == sorted(found)
    assert found[0] < found[-1] <= (1 if name == "rotate" else 0.5)
    timed = [settings(pick("small", time=600.0, speed=speed, text=10**6))[name] for speed in (1e3, 1e4, 1e5, 1e6)]
    assert timed == sorted(timed)
    assert settings(pick(iterations=2000, text=100, **{name: False if name == "rotate" else 0.0}))[name] == 0.0


def test_wide_networks_are_trained_by_adamw_and_held_off_sooner() -> None:
    """Which optimizer learns more in the same time, and where no recurrent dropout was found to be better."""
    by_width = {width: settings(pick(iterations=2000, rnn_size=width)) for width in (64, 192, 256, 257, 384, 512)}
    assert {width: chosen["optimizer"] for width, chosen in by_width.items()} == {
        **dict.fromkeys((64, 192, 256), "muon"),
        **dict.fromkeys((257, 384, 512), "adamw"),
    }
    epochs = {width: pick(iterations=2000, rnn_size=width).epochs for width in by_width}
    assert all(3 < read <= 8 for read in epochs.values())
    assert {width: chosen["recurrent_dropout"] for width, chosen in by_width.items()} == {
        **dict.fromkeys((64, 192, 256), 0.0),
        **dict.fromkeys((257, 384, 512), 0.1),
    }
    assert settings(pick(iterations=2000, rnn_size=512, optimizer="muon"))["optimizer"] == "muon"


def test_weights_remember_an_epoch() -> None:
    chosen = pick(iterations=5000, batch_size=10, seq_length=50, text=100_000, learning_rate=0.02)
    assert settings(chosen)["weight_decay"] == 0.25  # 200 iterations, each of which leaves 1 - 0.02 * 0.25 = 199 / 200


@pytest.mark.parametrize(("text", "streams"), [(10**6, 32), (8192, 32), (8191, 31), (600, 2), (511, 1), (3, 1)])
def test_a_short_text_is_read_in_fewer_streams(text: int, streams: int) -> None:
    assert settings(pick(iterations=10, text=text))["batch_size"] == streams
    assert settings(pick(iterations=10, text=text, batch_size=50))["batch_size"] == 50


def test_no_text_at_all_is_left_to_those_who_cut_it() -> None:
    assert pick(iterations=10, text=0).epochs > 100


def test_the_rate_is_that_of_the_width() -> None:
    rates = [
        settings(pick(iterations=9, rnn_size=width))["learning_rate"] for width in (8, 192, 256, 257, 384, 512, 2000)
    ]
    assert rates == sorted(rates, reverse=True)
    assert [rate_for(width, 32) for width in PRESETS.values()] == [0.014, 0.014, 0.011, 0.0085]
    assert rate_for(256, 64) == 0.02  # by the square root of the streams


def test_epochs_by_hand() -> None:
    assert pick(iterations=1000, batch_size=10, seq_length=50, text=250_000).epochs == 2
    assert pick(iterations=1000, batch_size=10, seq_length=50, shift=25, text=250_000).epochs == 1
    assert pick("small", time=50.0, speed=10_000.0, text=250_000).epochs == pytest.approx(2, rel=1e-4)


@given(
    seconds=st.floats(1, 1e5),
    speed=st.floats(10, 1e7),
    evaluation=st.just(0.0) | st.floats(1e-4, 1e3),
    snapshot=st.floats(1e-4, 1e3),
    text=st.integers(1, 10**9),
    held_out=st.sampled_from([0, 100_000]),
    patience=st.sampled_from([0, 3]),
)
def test_watching_takes_a_small_share_of_the_time_at_most(
    seconds: float, speed: float, evaluation: float, snapshot: float, text: int, held_out: int, patience: int
) -> None:
    """A twentieth in evaluations, and a fiftieth in what else a snapshot takes; the last of all is always made."""
    cost = Cost(evaluation=evaluation if held_out else 0.0, snapshot=snapshot)
    chosen = pick(time=seconds, speed=speed, held_out=held_out, text=text, watching=cost, patience=patience)
    config = chosen.training
    sizes = {its.preset: its.parameters for its in chosen.candidates}
    cost = cost.times(sizes[chosen.preset] / sizes["small"])
    iterations = chosen.epochs * text / (config.batch_size * config.seq_length)
    kept = len([at for at in config.snapshot_at if isinstance(at, int) and at < iterations])
    assert kept <= 9
    assert kept == len(config.snapshot_at)  # none that will never come
    assert kept == 0 or (kept + 1) * (cost.evaluation + cost.snapshot) <= 0.07 * seconds
    if held_out and not patience:
        measured = int(iterations // config.eval_every) if config.eval_every else 0
        assert measured == 0 or (kept + 1 + measured) * cost.evaluation <= 0.05 * seconds


def test_a_long_budget_has_ten_snapshots_from_the_untrained_network_to_the_end() -> None:
    for seconds in (120.0, 1e4):
        chosen = settings(pick(time=seconds, speed=60_000.0))
        assert len(chosen["snapshot_at"]) in (8, 9)  # and the last
        assert chosen["snapshot_at"][:2] == (0, 3)
    assert chosen["eval_every"] >= 1000


def test_a_slow_snapshot_or_evaluation_means_fewer_and_none_without_its_measurement() -> None:
    def count(**cost: float) -> int:
        return len(settings(pick(time=60.0, speed=60_000.0, watching=Cost(**cost)))["snapshot_at"])

    assert count(evaluation=0.1, snapshot=0.05) == 9
    assert count(evaluation=0.8, snapshot=0.2) == 3  # and the last: 7 % of 60 s are 4.2
    assert count(evaluation=0.1, snapshot=1.5) == 1
    assert count(evaluation=4.0, snapshot=0.1) == 0
    assert settings(pick(time=60.0, speed=60_000.0, held_out=0))["snapshot_at"][0] == 0
    assert settings(pick(time=60.0, speed=60_000.0, snapshot_at=(7,)))["snapshot_at"] == (7,)


@pytest.mark.parametrize(
    ("model", "config"),
    [
        (ModelConfig(), TrainConfig()),
        (ModelConfig(model="gru", residual=False, layer_norm=False, dropout=0.25), TrainConfig(shift=16, rotate=True)),
        (
            ModelConfig(model="rnn", nonlinearity="relu", tied=True, recurrent_dropout=0.125),
            TrainConfig(optimizer="sgd", momentum=0.5, decay="plateau", eval_every=50, snapshot_at=(3, 9), patience=2),
        ),
        (ModelConfig(), TrainConfig(optimizer="muon", beta1=0.7, momentum=0.95)),
        (ModelConfig(), TrainConfig(optimizer="adamw", momentum=0.95)),
        (ModelConfig(), TrainConfig(decay="step", decay_every=1.0, decay_factor=0.97, decay_after=10.0)),
        (ModelConfig(), TrainConfig(decay="step", decay_every=2.5)),
        (ModelConfig(embedding_size=0), TrainConfig(grad_clip=0.0, weight_decay=0.0, warmup=0, final_rate=0.0)),
        (ModelConfig(), TrainConfig(decay="constant", stateless=True, snapshot_at=(), average=0.99, l1=1e-7, l2=1e-6)),
    ],
)
def test_the_options_printed_can_be_typed(model: ModelConfig, config: TrainConfig) -> None:
    model, config = model.completed(), config.completed()
    command = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    context = command.make_context("train", shlex.split(options(model, config)))
    for chosen in (model, config):
        for setting in settings_of(type(chosen)):
            if context.get_parameter_source(setting.name).name == "COMMANDLINE":
                read = setting.of_any(context.params[setting.name])
                assert read == getattr(chosen, setting.name), setting.name
            elif setting.name not in ("time", "freeze"):
                assert getattr(chosen, setting.name) == setting.default or setting.name in _IDLE, setting.name
