"""The Python API: train and follow, load and use."""

from __future__ import annotations

import json
import math
import pydoc
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charrnn
from charrnn.config import ModelConfig, ReadConfig, TrainConfig, settings_of
from charrnn.errors import CharrnnError, CorpusError, RunError, UsageError, VocabularyError
from charrnn.network.torch_model import CharModel
from charrnn.runs import checkpoint
from charrnn.runs.run import Run
from charrnn.text import corpus
from charrnn.training import validation
from charrnn.training.events import Evaluated, Progress, Snapshot

TEXT = "".join(f"{n} ships came in; « {n * n} » went out again.\n" for n in range(80))
TINY: dict[str, Any] = {"rnn_size": 16, "embedding_size": 8, "batch_size": 3, "seq_length": 8, "device": "cpu"}
TINY |= {"iterations": 20, "snapshot_at": (6,), "eval_every": 0, "sample_length": 20}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("api")
    for _ in charrnn.train(corpus.from_text(TEXT, "ships"), checkpoint_dir=root, name="ships", **TINY):
        pass
    return root / "ships"


@pytest.fixture(scope="module")
def model(run: Path) -> charrnn.Model:
    return charrnn.load(run / "iteration-000020.safetensors")


def test_train_yields_its_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    events = list(charrnn.train(corpus.from_text(TEXT), **TINY))
    assert [e.iteration for e in events if isinstance(e, Progress)] == list(range(1, 21))
    assert [e.iteration for e in events if isinstance(e, Evaluated)] == [6, 20]
    assert [e.header.iteration for e in events if isinstance(e, Snapshot)] == [6, 20]
    assert list(tmp_path.iterdir()) == [], "without checkpoint_dir nothing is written"


def test_train_reads_a_file_and_keeps_a_run_named_after_it(tmp_path: Path) -> None:
    path = tmp_path / "My Ships.txt"
    path.write_text(TEXT, "utf-8")
    for root in (tmp_path / "runs", str(tmp_path / "runs")):
        for _ in charrnn.train(str(path), checkpoint_dir=root, **TINY):
            pass
    assert sorted(one.name for one in (tmp_path / "runs").iterdir()) == ["my-ships-1", "my-ships-2"]
    first, second = (charrnn.load(tmp_path / "runs" / name) for name in ("my-ships-1", "my-ships-2"))
    assert first.generate(length=50, seed=1) == second.generate(length=50, seed=1)
    assert first.header.corpus["characters"] == len(TEXT)


def test_a_finished_training_is_complete_on_disk(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {
        *("iteration-000006.safetensors", "iteration-000020.safetensors", "resume.safetensors"),
        *("metrics.jsonl", "samples.md"),
    }


def test_load_takes_the_best_snapshot_of_a_run(run: Path) -> None:
    files = [charrnn.load(path) for path in sorted(run.glob("iteration-*"))]
    best = min(files, key=lambda one: one.header.held_out_loss or math.inf)
    assert charrnn.load(run).path == best.path
    assert charrnn.load(str(run)).digest == best.digest


def test_load_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no-such"):
        charrnn.load(tmp_path / "no-such")


def test_the_same_seed_gives_the_same_text(run: Path, model: charrnn.Model) -> None:
    text = model.generate("12 ships", 80, temperature=0.9, seed=4)
    assert len(text) == 80
    assert not text.startswith("12 ships")
    assert model.generate("12 ships", 80, temperature=0.9, seed=4) == text  # asking changes nothing
    assert charrnn.load(run / "iteration-000020.safetensors").generate("12 ships", 80, 0.9, seed=4) == text
    assert model.generate("12 ships", 80, temperature=0.9, seed=5) != text
    assert model.generate("12 ships", 80, temperature=0.9) != model.generate("12 ships", 80, temperature=0.9)


def test_a_longer_text_begins_with_the_shorter_one(model: charrnn.Model) -> None:
    assert model.generate(length=60, seed=3).startswith(model.generate(length=25, seed=3))


def test_temperature_0_needs_no_seed(model: charrnn.Model) -> None:
    assert model.generate("1", 40, temperature=0) == model.generate("1", 40, temperature=0, seed=9)


def test_the_default_prime_is_a_newline(model: charrnn.Model) -> None:
    assert model.generate(length=40, seed=2) == model.generate("\n", 40, seed=2)


def test_generate_refuses_what_cannot_be(model: charrnn.Model) -> None:
    assert model.generate(length=0) == ""
    for bad in ({"length": -1}, {"temperature": -1.0}, {"temperature": float("nan")}):
        with pytest.raises(UsageError):
            model.generate("1", **bad)  # type: ignore[arg-type]
    with pytest.raises(VocabularyError, match="Ω"):
        model.generate("Ω")


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(
    "shape", [{}, {"embedding_size": 0, "residual": False, "num_layers": 1}], ids=["two", "one-hot"]
)
def test_bits_per_character_agrees_with_the_held_out_loss(tmp_path: Path, cell: str, shape: dict[str, Any]) -> None:
    settings = TINY | {"model": cell} | shape
    for _ in charrnn.train(corpus.from_text(TEXT), checkpoint_dir=tmp_path, name="run", **settings):
        pass
    model = charrnn.load(tmp_path / "run" / "iteration-000020.safetensors")
    torch_model = CharModel(model.header.model, len(model.vocabulary))
    torch_model.load_weights(dict(checkpoint.load(tmp_path / "run" / "iteration-000020.safetensors").weights))
    text = TEXT[1000:1700]
    nats = validation.held_out_loss(torch_model, model.vocabulary.encode(text), [(0, 1, len(text))], streams=1)
    assert model.bits_per_character(text, ngrams=False) == pytest.approx(nats / math.log(2), rel=1e-5)
    assert model.bits_per_character(text) != pytest.approx(model.bits_per_character(text[1:]), rel=1e-6)


def test_the_bits_of_all_possible_next_characters_make_a_distribution(model: charrnn.Model) -> None:
    total = sum(2 ** -model.bits_per_character("1" + character) for character in model.vocabulary.characters)
    assert total == pytest.approx(1.0, abs=1e-6)


def test_bits_per_character_refuses_what_cannot_be_measured(model: charrnn.Model) -> None:
    for text in ("", "1"):
        with pytest.raises(CorpusError, match="two characters"):
            model.bits_per_character(text)
    with pytest.raises(VocabularyError, match="Ω"):
        model.bits_per_character("1 Ω")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"rnn_sise": 3, "epochs": 2}, UsageError, "epochs, rnn_sise"),
        ({"rnn_size": 0}, UsageError, "--rnn-size"),
        ({"name": "../up"}, RunError, "--name"),
        ({"device": "toaster"}, UsageError, "toaster"),
        ({"batch_size": 100_000}, CorpusError, "too few"),
    ],
    ids=["unknown", "value", "name", "device", "short"],
)
def test_errors_come_before_the_first_event_and_leave_nothing(
    tmp_path: Path, settings: dict[str, Any], error: type[CharrnnError], message: str
) -> None:
    with pytest.raises(error, match=message):
        charrnn.train(corpus.from_text(TEXT), checkpoint_dir=tmp_path / "runs", **TINY | settings)
    assert list(tmp_path.rglob("*.*")) == []


def test_a_missing_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no-such\.txt"):
        charrnn.train(tmp_path / "no-such.txt")


def test_loading_and_writing_do_not_import_torch(run: Path) -> None:
    script = (
        "import json, sys, charrnn; model = charrnn.load(sys.argv[1]);"
        "text, bits = model.generate(length=30, seed=1), model.bits_per_character('1 ship');"
        "print(json.dumps([text, bits, 'torch' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(run)], capture_output=True, timeout=60, check=True)
    here = charrnn.load(run)
    text, bits, torch_is_there = json.loads(done.stdout)
    assert text == here.generate(length=30, seed=1)
    assert bits == pytest.approx(here.bits_per_character("1 ship"))
    assert not torch_is_there


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"time": 1.0, "iterations": 3}, "iterations and time contradict each other"),
        ({"name": "ships"}, "none is kept"),
        ({"rnnsize": 3}, "Did you mean rnn_size?"),
        ({"seed": None}, "--seed None: not of type int"),
    ],
)
def test_what_cannot_be_asked_of_train_is_said_before_the_first_event(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        charrnn.train(corpus.from_text(TEXT), **settings)


def test_the_settings_of_train_are_documented() -> None:
    shown = pydoc.render_doc(charrnn.train, renderer=pydoc.plaintext)
    for config in (ModelConfig, TrainConfig, ReadConfig):
        for setting in settings_of(config):
            assert (f"        {setting.name} (" in shown) is not setting.option.hidden, setting.name
    assert "Range: from 1 to 65,536. Default: by preset." in shown
    assert max(map(len, shown.splitlines()[4:])) <= 120


def test_settings_are_read_as_they_would_be_typed() -> None:
    typed = {"device": "CPU", "preset": "Quick", "model": "GRU", "iterations": "2", "snapshot_at": "1,2"}
    events = list(charrnn.train(corpus.from_text(TEXT), **TINY | typed))
    assert [e.header.iteration for e in events if isinstance(e, Snapshot)] == [1, 2]
    assert next(e.header.model.model for e in events if isinstance(e, Snapshot)) == "gru"
    with pytest.raises(UsageError, match="--preset tiny: choose one of"):
        charrnn.train(corpus.from_text(TEXT), preset="tiny")
    with pytest.raises(UsageError, match="Did you mean learning_rate"):
        charrnn.train(corpus.from_text(TEXT), lr=0.1)


# -- looking into a model and a training -------------------------------------------------------------------------------


def test_the_next_characters_are_a_distribution(model: charrnn.Model) -> None:
    likely = model.next_characters("12 ship")
    assert sum(likely.values()) == pytest.approx(1)
    assert list(likely.values()) == sorted(likely.values(), reverse=True)
    assert set(likely) == set(model.vocabulary.characters)
    for character in ("s", "7"):
        bits = model.bits(f"12 ship{character}")[-1]
        assert likely[character] == pytest.approx(2**-bits, rel=1e-4)
    assert next(iter(likely)) == model.generate("12 ship", 1, temperature=0)
    assert model.next_characters(model.state("12 ship")) == likely
    assert model.next_characters() == model.next_characters("\n")


def test_the_bits_of_each_character(model: charrnn.Model) -> None:
    text = TEXT[:300]
    bits = model.bits(text)
    assert bits.shape == (300,)
    assert np.isnan(bits).tolist() == [True] + [False] * 299
    assert np.nanmean(bits) == pytest.approx(model.bits_per_character(text), rel=1e-5)
    written = list(model.stream(text, 20, temperature=0))
    whole = model.bits(text + "".join(character.text for character in written))
    assert whole[300:].tolist() == pytest.approx([character.bits for character in written], abs=1e-4)
    with pytest.raises(VocabularyError, match="Ω"):
        model.bits("1 Ω")
    with pytest.raises(CorpusError):
        model.bits("1")


def test_what_goes_on_inside(model: charrnn.Model) -> None:
    seen = model.inspect("12 ships")
    assert isinstance(seen, charrnn.Inspection)
    assert isinstance(seen.layers[0], charrnn.LayerActivations)
    assert np.array_equal(np.array([layer.h[-1] for layer in seen.layers]), model.state("12 ships").layers[:, 0])
    likely = model.next_characters("12 ships", ngrams=False)
    assert seen.likeliest(1)[-1][0][0] == next(iter(likely))
    assert seen.likeliest(1)[-1][0][1] == pytest.approx(next(iter(likely.values())), rel=1e-5)
    on = model.inspect(" came", model.state("12 ships"))
    assert np.array_equal(on.log_probs, model.inspect("12 ships came").log_probs[8:])
    held = model.inspect("12 ships", set_units={"1.3": 0.9, "2.1.c": -2})
    assert np.all(held.of("1.3") == np.float32(0.9))
    assert np.all(held.of("2.1.c") == -2)
    with pytest.raises(UsageError, match="unit 9"):
        model.inspect("12", set_units={"9.1": 0.1})


def test_units_are_held_while_it_writes(model: charrnn.Model) -> None:
    held = {"1.3": 0.9, "2.1.c": -2}
    text = model.generate("12 ships", 40, seed=5, set_units=held)
    written = list(model.stream("12 ships", 40, seed=5, set_units=held))
    assert "".join(character.text for character in written) == text
    assert model.generate_many(3, "12 ships", 40, seed=4, set_units=held)[1] == text
    assert model.generate("12 ships", 40, seed=5, ngrams=False) != text
    seen = model.inspect("12 ships" + text, set_units=held)
    expected = [-seen.log_probs[7 + at, character.id] / math.log(2) for at, character in enumerate(written)]
    np.testing.assert_allclose([character.bits for character in written], expected, atol=1e-5)
    for wrong, said in (({"9.1": 1}, "unit 9.1"), ({"1.1": "x"}, "1.1=x"), ({"1.1.d": 1}, "LAYER.UNIT")):
        with pytest.raises(UsageError, match=re.escape(said)):
            model.generate("12", 4, set_units=wrong)  # type: ignore[arg-type]


def test_a_snapshot_is_a_model(run: Path) -> None:
    events = charrnn.train(corpus.from_text(TEXT, "ships"), **TINY)
    snapshots = [event for event in events if isinstance(event, Snapshot)]
    assert [snapshot.iteration for snapshot in snapshots] == [6, 20]
    for snapshot in snapshots:
        kept = charrnn.load(run / f"iteration-{snapshot.iteration:06}.safetensors")
        model = charrnn.load(snapshot)
        assert model.path is None
        assert model.generate("1", 60, seed=3) == kept.generate("1", 60, seed=3)


def test_what_is_printed_is_short(run: Path, model: charrnn.Model) -> None:
    [*_, last] = (event for event in charrnn.train(corpus.from_text(TEXT), **TINY) if isinstance(event, Snapshot))
    whole = Run(run)
    source = corpus.from_text(TEXT)
    things = [last, last.header, model, whole, whole.best, checkpoint.load(whole.best.path), model.state("1")]
    for thing in [*things, model.vocabulary, source]:
        assert len(repr(thing)) < 250 + len(str(run)), repr(thing)
        assert "\n" not in repr(thing)
    assert re.fullmatch(r"<Snapshot: LSTM 2 x 16, \d+ characters, iteration 20, held out \d\.\d{3} bpc>", repr(last))
    assert repr(model).endswith(f", {str(model.path)!r}>")
    assert repr(whole) == f"Run({str(run)!r})"


def test_the_history_of_a_run_is_one_table(run: Path) -> None:
    table = charrnn.history(run)
    assert list(table) == ["iteration", "train_bits", "held_out_bits", "learning_rate", "grad_norm"]
    assert table["iteration"].tolist() == [6, 10, 20]
    assert {len(column) for column in table.values()} == {3}
    assert np.isfinite(table["train_bits"]).all()
    assert np.isfinite(table["held_out_bits"]).tolist() == [True, False, True]
    assert (
        np.isfinite(table["learning_rate"]).tolist() == np.isfinite(table["grad_norm"]).tolist() == [False, True, True]
    )
    best = charrnn.load(run / "iteration-000020.safetensors").header
    assert best.held_out_loss is not None
    assert table["held_out_bits"][-1] == pytest.approx(best.held_out_loss / math.log(2))
    with pytest.raises(RunError, match="nowhere"):
        charrnn.history(run.parent / "nowhere")


def test_every_error_is_at_hand(tmp_path: Path) -> None:
    code = (
        "import charrnn, sys\n"
        "try: charrnn.load(sys.argv[1])\n"
        "except charrnn.errors.UsageError: pass\n"
        "except charrnn.CharrnnError as error: print(type(error).__name__, bool(error.what), bool(error.advice))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "no"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["RunError", "True", "True"]


def test_a_bar_shows_iterations_and_losses(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = corpus.from_text(TEXT)
    expected = [event for event in charrnn.train(source, **TINY) if isinstance(event, Progress)]
    assert {event.iterations for event in expected} == {20}
    assert capfd.readouterr().err == ""
    events = charrnn.train(source, checkpoint_dir=tmp_path, name="one", progress=True, **TINY)
    for event in events:
        if isinstance(event, Progress) and event.iteration == 12:
            break
    events.close()
    shown = capfd.readouterr().err
    assert "12/20" in shown
    assert re.search(r"train \d\.\d{3}, held out \d\.\d{3} bits", shown)
    assert checkpoint.load(tmp_path / "one" / "resume.safetensors").header.iteration == 12
    rest = list(charrnn.train(source, resume=tmp_path / "one", progress=True))
    assert [event.iteration for event in rest if isinstance(event, Progress)] == list(range(13, 21))
    assert "20/20" in capfd.readouterr().err


def test_what_is_no_model_cannot_be_loaded() -> None:
    """A loop over a training leaves an event behind that is no Snapshot."""
    with pytest.raises(TypeError, match="a path or a Snapshot is loaded, not Evaluated"):
        charrnn.load(Evaluated(iteration=1, held_out_loss=1.0, train_loss=1.0))  # type: ignore[arg-type]
