from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import FrozenInstanceError, asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import (
    AUTO,
    Config,
    ModelConfig,
    Option,
    ReadConfig,
    RunConfig,
    SamplingConfig,
    SourceConfig,
    StartConfig,
    TrainConfig,
    settings_of,
    synonyms,
)
from charrnn.config.effects import without_effect
from charrnn.config.option import MOST
from charrnn.errors import CharrnnError, CheckpointError, UsageError

CONFIGS = (SourceConfig, ReadConfig, ModelConfig, TrainConfig, StartConfig, RunConfig, SamplingConfig)


def test_shapes_of_a_small_lstm_by_hand() -> None:
    config = ModelConfig(model="lstm", num_layers=2, rnn_size=5, embedding_size=3, layer_norm=False)
    assert list(config.shapes(7).items()) == [
        ("embedding.weight", (7, 3)),
        ("layers.0.weight_ih_l0", (20, 3)),
        ("layers.0.weight_hh_l0", (20, 5)),
        ("layers.0.bias_ih_l0", (20,)),
        ("layers.0.bias_hh_l0", (20,)),
        ("layers.1.weight_ih_l0", (20, 5)),
        ("layers.1.weight_hh_l0", (20, 5)),
        ("layers.1.bias_ih_l0", (20,)),
        ("layers.1.bias_hh_l0", (20,)),
        ("head.weight", (7, 5)),
        ("head.bias", (7,)),
    ]


def test_shapes_of_layer_norm_and_a_tied_head_by_hand() -> None:
    config = ModelConfig(model="rnn", num_layers=2, rnn_size=5, embedding_size=3, layer_norm=True, tied=True)
    assert list(config.shapes(7).items())[-7:] == [
        ("layers.1.bias_hh_l0", (5,)),
        ("norms.0.weight", (5,)),
        ("norms.0.bias", (5,)),
        ("norms.1.weight", (5,)),
        ("norms.1.bias", (5,)),
        ("projection.weight", (3, 5)),
        ("head.bias", (7,)),
    ]
    as_wide = ModelConfig(model="rnn", num_layers=2, rnn_size=5, embedding_size=5, layer_norm=False, tied=True)
    assert list(as_wide.shapes(7))[-2:] == ["layers.1.bias_hh_l0", "head.bias"]


def test_shapes_of_both_directions_by_hand() -> None:
    config = ModelConfig(
        model="gru", num_layers=2, rnn_size=5, embedding_size=3, layer_norm=True, tied=True, bidirectional=True
    )
    assert list(config.shapes(7).items()) == [
        ("embedding.weight", (8, 3)),
        ("layers.0.weight_ih_l0", (15, 3)),
        ("layers.0.weight_hh_l0", (15, 5)),
        ("layers.0.bias_ih_l0", (15,)),
        ("layers.0.bias_hh_l0", (15,)),
        ("layers.0.weight_ih_l0_reverse", (15, 3)),
        ("layers.0.weight_hh_l0_reverse", (15, 5)),
        ("layers.0.bias_ih_l0_reverse", (15,)),
        ("layers.0.bias_hh_l0_reverse", (15,)),
        ("layers.1.weight_ih_l0", (15, 10)),
        ("layers.1.weight_hh_l0", (15, 5)),
        ("layers.1.bias_ih_l0", (15,)),
        ("layers.1.bias_hh_l0", (15,)),
        ("layers.1.weight_ih_l0_reverse", (15, 10)),
        ("layers.1.weight_hh_l0_reverse", (15, 5)),
        ("layers.1.bias_ih_l0_reverse", (15,)),
        ("layers.1.bias_hh_l0_reverse", (15,)),
        ("norms.0.weight", (10,)),
        ("norms.0.bias", (10,)),
        ("norms.1.weight", (10,)),
        ("norms.1.bias", (10,)),
        ("projection.weight", (3, 10)),
        ("head.bias", (7,)),
    ]


def test_one_hot_has_no_embedding_and_reads_the_vocabulary() -> None:
    shapes = ModelConfig(model="gru", num_layers=1, rnn_size=5, embedding_size=0).shapes(7)
    assert "embedding.weight" not in shapes
    assert shapes["layers.0.weight_ih_l0"] == (15, 7)


@pytest.mark.parametrize(
    "values",
    [
        {"model": "transformer"},
        {"num_layers": 0},
        {"rnn_size": 0},
        {"embedding_size": -1},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"dropout": math.nan},
        {"input_dropout": 1.0},
        {"input_dropout": -0.1},
        {"recurrent_dropout": 1.0},
        {"recurrent_dropout": math.nan},
        {"nonlinearity": "sigmoid"},
        {"nonlinearity": "relu"},  # of an lstm
    ],
)
def test_impossible_models_are_usage_errors_that_name_the_option(values: dict[str, Any]) -> None:
    (name,) = values
    with pytest.raises(UsageError, match="--" + name.replace("_", "-")):
        ModelConfig(**values)


def test_settings_that_contradict_each_other_say_what_to_do() -> None:
    assert ModelConfig(model="rnn", nonlinearity="relu").gates == 1
    with pytest.raises(UsageError, match=r"--nonlinearity relu: .* Add --model rnn"):
        ModelConfig(model="gru", nonlinearity="relu")
    with pytest.raises(UsageError, match=r"--tied: .*--embedding-size 0"):
        ModelConfig(tied=True, embedding_size=0)


@pytest.mark.parametrize(
    "values",
    [
        {"iterations": 0},
        {"batch_size": 0},
        {"seq_length": 0},
        {"shift": 0},
        {"shift": 65},
        {"learning_rate": 0.0},
        {"learning_rate": -1.0},
        {"learning_rate": math.nan},
        {"learning_rate": math.inf},
        {"warmup": -1},
        {"decay": "sudden"},
        {"final_rate": 1.1},
        {"final_rate": math.nan},
        {"beta1": 1.0},
        {"beta2": -0.1},
        {"weight_decay": -0.1},
        {"weight_decay": math.nan},
        {"grad_clip": -1.0},
        {"grad_clip": math.inf},
        {"grad_clip_mode": "both"},
        {"val_frac": 1.0},
        {"val_frac": -0.1},
        {"eval_every": -1},
        {"snapshot_at": (-1, 5)},
        {"snapshot_every": -1},
        {"seed": -1},
        {"sample_length": -1},
    ],
)
def test_impossible_trainings_are_usage_errors_that_name_the_option(values: dict[str, Any]) -> None:
    (name,) = values
    with pytest.raises(UsageError, match="--" + name.replace("_", "-")):
        TrainConfig(**values)


@pytest.mark.parametrize("temperature", [-0.1, math.nan, math.inf])
def test_impossible_sample_temperature(temperature: float) -> None:
    with pytest.raises(UsageError, match="--sample-temperature"):
        TrainConfig(sample_temperature=temperature)


def test_shift_is_at_most_the_window() -> None:
    assert TrainConfig(seq_length=64, shift=64).effective_shift == 64
    assert TrainConfig(seq_length=64, shift=1).effective_shift == 1
    assert TrainConfig(seq_length=64).effective_shift == 64


def test_exit_codes_follow_the_kind_of_mistake() -> None:
    assert (UsageError.exit_code, CheckpointError.exit_code) == (2, 1)
    assert issubclass(UsageError, CharrnnError)


def test_snapshots_of_the_demo() -> None:
    demo = (0, 3, 10, 30, 100, 300, 500, 700, 1200, 2000)
    assert TrainConfig(iterations=2000).completed().snapshot_iterations() == demo
    assert TrainConfig(iterations=600).completed().snapshot_iterations() == (0, 3, 10, 30, 100, 300, 500, 600)
    assert TrainConfig(iterations=50).completed().snapshot_iterations() == (0, 3, 10, 30, 50)
    assert TrainConfig(iterations=1).completed().snapshot_iterations() == (0, 1)


def test_the_untrained_network_is_kept_where_it_is_listed_and_nowhere_else() -> None:
    assert TrainConfig.pick({"iterations": 9, "snapshot_at": "0,5"}).snapshot_iterations() == (0, 5, 9)
    assert TrainConfig.pick({"iterations": 9, "snapshot_at": "0"}).snapshot_iterations() == (0, 9)
    for without in ({"snapshot_at": (5,)}, {"snapshot_at": ("...",)}, {"snapshot_at": (), "snapshot_every": 1}):
        config = TrainConfig(iterations=9, **without)
        assert not config.snapshot_due(0)
        assert min(config.snapshot_iterations()) > 0


def test_default_snapshots_go_on_to_the_end_at_growing_gaps() -> None:
    kept = TrainConfig(iterations=160_000).completed().snapshot_iterations()
    assert kept[:10] == (0, 3, 10, 30, 100, 300, 500, 700, 1200, 2000)
    assert kept[10:] == (3000, 5000, 7000, 10_000, 15_000, 20_000, 30_000, 50_000, 70_000, 100_000, 150_000, 160_000)
    assert TrainConfig(iterations=6000).completed().snapshot_iterations()[9:] == (2000, 3000, 5000, 6000)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("40,...", (40, 50, 70, 100)),
        ("40,…", (40, 50, 70, 100)),
        ("...", (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)),
        ("60,20,...", (20, 60, 70, 100)),
        ("60,20", (20, 60, 100)),
        ("0,60,...", (0, 60, 70, 100)),
    ],
)
def test_a_list_of_snapshots_can_go_on(typed: str, kept: tuple[int, ...]) -> None:
    config = TrainConfig.pick({"iterations": 100, "snapshot_at": typed})
    assert config.snapshot_iterations() == kept
    assert [at for at in range(101) if config.snapshot_due(at)] == list(kept)
    assert TrainConfig.from_dict(json.loads(json.dumps(asdict(config.completed())))) == config.completed()


@pytest.mark.parametrize("keep", ["last:0", "last", "last:-1", "newest", "best,all", ",", "last:5;best"])
def test_what_keeps_nothing_known_is_refused(keep: str) -> None:
    with pytest.raises(UsageError, match=r"--keep .*: all, or some of last:N, best and milestones"):
        TrainConfig.pick({"keep": keep})


def test_what_is_kept_is_a_list() -> None:
    assert TrainConfig.pick({"keep": "last:5, best,milestones"}).keep == ("last:5", "best", "milestones")
    assert TrainConfig.pick({"keep": "all"}).keep == TrainConfig().keep == ()
    assert TrainConfig.pick({"keep": ["best"]}).keep == ("best",)


def test_snapshots_of_a_list_and_multiples_are_sorted_and_kept_once() -> None:
    config = TrainConfig(iterations=35, snapshot_at=(20, 3, 99), snapshot_every=10)
    assert config.snapshot_iterations() == (3, 10, 20, 30, 35)


@given(st.integers(1, 400), st.lists(st.integers(0, 500), max_size=6), st.integers(0, 120))
def test_snapshot_iterations_are_those_asked_for(iterations: int, at: list[int], every: int) -> None:
    kept = TrainConfig(iterations=iterations, snapshot_at=tuple(at), snapshot_every=every).snapshot_iterations()
    multiples = range(every, iterations + 1, every) if every else ()
    expected = [i for i in range(iterations + 1) if i in at or i == iterations or i in multiples]
    assert list(kept) == expected


def test_configs_survive_json() -> None:
    model = ModelConfig(model="gru", num_layers=3, residual=False, dropout=0.25).completed()
    assert ModelConfig.from_dict(json.loads(json.dumps(asdict(model)))) == model
    switched = ModelConfig(model="rnn", nonlinearity="relu", layer_norm=True, tied=True, recurrent_dropout=0.5)
    switched = switched.completed()
    assert ModelConfig.from_dict(json.loads(json.dumps(asdict(switched)))) == switched
    train = TrainConfig(snapshot_at=(5, 9), shift=3, sample_prime="A ", decay="linear").completed()
    back = TrainConfig.from_dict(json.loads(json.dumps(asdict(train))))
    assert back == train
    assert back.snapshot_at == (5, 9)


def test_unknown_settings_are_named() -> None:
    with pytest.raises(CheckpointError, match="flux, warp"):
        ModelConfig.from_dict({"warp": 1, "model": "lstm", "flux": 2})


def test_what_a_preset_would_have_chosen_is_missing_in_a_file() -> None:
    with pytest.raises(CheckpointError, match="settings are missing"):
        ModelConfig.from_dict({"model": "lstm"})


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (ModelConfig, {"rnn_size": 4.5}),
        (ModelConfig, {"rnn_size": True}),
        (ModelConfig, {"residual": 1}),
        (ModelConfig, {"model": 3}),
        (TrainConfig, {"learning_rate": "fast"}),
        (TrainConfig, {"snapshot_at": 100}),
        (TrainConfig, {"seed": None}),
        (ModelConfig, {"model": None}),
        (ReadConfig, {"separator": None, "lowercase": "no"}),
    ],
)
def test_a_value_of_another_type_is_refused(config: type[Config], values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="not of type"):
        config(**values)


@pytest.mark.parametrize("config", CONFIGS)
def test_every_setting_says_what_it_is(config: type[Config]) -> None:
    """With its range, and with a default that help can show: of every kind there is."""
    for setting in settings_of(config):
        assert setting.option.help.endswith("."), setting.name
        assert setting.option.panel, setting.name
        if setting.default is not None:
            setting.check(setting.default)
        if setting.option.usual is not None:
            assert setting.default is AUTO
            assert setting.option.default, setting.name
            setting.check(setting.option.usual)


def test_no_help_text_is_written_twice() -> None:
    texts = [setting.option.help for config in CONFIGS for setting in settings_of(config)]
    assert len(texts) == len(set(texts)) > 60


def test_bounds_in_words_are_those_that_are_checked() -> None:
    assert Option("", low=1).bounds() == "at least 1"
    assert Option("", low=0, below=1).bounds() == "from 0 up to, not including, 1"
    assert Option("", low=0, high=1).bounds() == "from 0 to 1"
    assert Option("", above=0).bounds() == "above 0"
    assert Option("", above=0, high=1).bounds() == "above 0 and up to 1"
    assert Option("").bounds() == ""
    allowed = {
        Option("", low=0, below=1): ([0, 0.5], [-1e-9, 1, math.nan]),
        Option("", above=0, high=1): ([1e-9, 1], [0, 1.1, math.inf]),
        Option("", low=1): ([1, 1e9], [0.9, math.nan]),
    }
    for option, (inside, outside) in allowed.items():
        assert all(map(option.allows, inside))
        assert not any(map(option.allows, outside))


ABSURD: tuple[Any, ...] = (10**18, 10**23, 2**63, 2**64, 10**5000, 1e300, 1e308, math.inf, math.nan, -1, -(10**5000))


def test_no_number_is_without_an_upper_bound() -> None:
    parts = {part for config in CONFIGS for part in config.__mro__[:-2]} | set(Config.__subclasses__())
    parts |= {part for config in Config.__subclasses__() for part in config.__subclasses__()}
    configs = [config for config in parts if config.__module__.startswith("charrnn.config.")]
    numbers = [setting for config in configs for setting in settings_of(config) if setting.type in (int, float)]
    assert {"top_p", "count", "no_copy", "novelty_length", "rnn_size", "time"} <= {each.name for each in numbers}
    for setting in numbers:
        assert setting.option.most <= (1e38 if setting.name == "learning_rate" else 2**64 - 1)
        for absurd in (absurd for absurd in ABSURD if not 0 <= absurd <= setting.option.most):
            with pytest.raises(UsageError, match=setting.flag) as raised:
                setting.check(absurd)
            assert len(str(raised.value)) < 200
        setting.check(int(setting.option.most) if setting.option.below is None else setting.option.low)
    assert Option("", low=1).most == MOST
    with pytest.raises(UsageError, match=re.escape("--iterations 1000000000000000000: at most 1,000,000,000,000.")):
        TrainConfig(iterations=10**18)
    with pytest.raises(UsageError, match="--num-layers 1000000: from 1 to 256"):
        ModelConfig(num_layers=10**6)
    with pytest.raises(UsageError, match="--seed 18446744073709551616: from 0 to 18,446,744,073,709,551,615"):
        TrainConfig(seed=2**64)


def test_numbers_in_lists_have_bounds_too() -> None:
    for absurd in ABSURD:
        with pytest.raises(UsageError, match="--snapshot-at"):
            TrainConfig(snapshot_at=(3, absurd))
    with pytest.raises(UsageError, match="--temperatures nan: not a finite number"):
        SamplingConfig(temperatures=(0.5, math.nan))
    with pytest.raises(UsageError, match=r"--keep last:9{4}"):
        TrainConfig(keep=("last:" + "9" * 5000,))


def test_a_long_value_is_cut_in_an_error() -> None:
    with pytest.raises(UsageError, match=r"--model x{60}\.\.\. \(100,000 characters\): choose one of lstm, gru, rnn"):
        ModelConfig.pick({"model": "x" * 10**5})
    with pytest.raises(UsageError, match=r"--rnn-size 9{60}\.\.\. \(100,000 characters\): a whole number is needed"):
        ModelConfig.pick({"rnn_size": "9" * 10**5})


def test_a_value_in_an_error_is_one_line() -> None:
    with pytest.raises(UsageError, match="--seed ␊␛: not of type int"):
        TrainConfig(seed="\n\x1b")  # type: ignore[arg-type]


def test_configs_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        ModelConfig().rnn_size = 3  # type: ignore[misc]


def test_strings_from_python_are_read_as_typed() -> None:
    values = {"time": "3m", "snapshot_at": "100,200", "iterations": "1e3", "decay": "Cosine", "freeze": ["embedding"]}
    training = TrainConfig.pick(values)
    assert (training.time, training.snapshot_at, training.iterations) == (180.0, (100, 200), 1000)
    assert (training.decay, training.freeze) == ("cosine", ("embedding",))
    assert ModelConfig.pick({"model": "GRU"}).model == "gru"
    assert ReadConfig.pick({"separator": r"\n"}).separator == r"\n"
    with pytest.raises(UsageError, match="--time soon: a time such as"):
        TrainConfig.pick({"time": "soon"})
    with pytest.raises(UsageError, match="--rnn-size wide: a whole number is needed"):
        ModelConfig.pick({"rnn_size": "wide"})
    with pytest.raises(UsageError, match="not of type bool"):
        ModelConfig.pick({"residual": "yes"})


def test_names_of_other_programs_are_named_in_python() -> None:
    settings = {"learning_rate", "rnn_size", "max_epochs", "final_rate"}
    assert synonyms.python_advice("lr", settings) == "Did you mean learning_rate?"
    assert synonyms.python_advice("hidden_size", settings) == "Did you mean rnn_size?"
    assert synonyms.python_advice("learning_rat", settings) == "Did you mean learning_rate?"
    assert "final_rate" in synonyms.python_advice("min_lr", settings)
    assert synonyms.python_advice("xyzzy", settings) == ""


def test_a_whole_number_does_for_any_other() -> None:
    """Also where torch would not take it: it wants both of Adam's decays to be of one type."""
    assert type(TrainConfig(beta1=0).beta1) is float
    assert (
        type(TrainConfig.from_dict(dataclasses.asdict(TrainConfig(beta1=0).completed()) | {"beta1": 0}).beta1) is float
    )


def test_settings_of_one_direction_or_of_both_change_nothing_in_the_other() -> None:
    both, one = ModelConfig(bidirectional=True), ModelConfig()
    training = TrainConfig(mask_share=0.5, state_reset=0.1)
    typed = {"mask_share", "state_reset", "ngrams"}
    assert without_effect(typed, training, one) == ["--mask-share changes nothing without --bidirectional"]
    assert without_effect(typed, training, both) == [
        "--state-reset changes nothing with --bidirectional",
        "--ngrams changes nothing with --bidirectional",
    ]
    assert without_effect({"ngrams"}, TrainConfig(ngrams=False), both) == []
    assert without_effect(typed, training) == []
