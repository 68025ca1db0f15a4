"""`charrnn inspect gradients`, `powers` and `windows`: what is typed, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import tiny
from typer.testing import CliRunner

from charrnn.commands.app import app
from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import CharrnnError, CheckpointError, CorpusError, DivergedError, RunError, UsageError
from charrnn.text.vocabulary import Vocabulary

TEXT = tiny.TEXT * 6
SHORT = ("--reach", "12", "--places", "4")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("novel.txt").write_text(TEXT, "utf-8")


def _invoke(*arguments: str, code: int = 0) -> tuple[str, str]:
    result = CliRunner().invoke(app, ["inspect", *arguments], env={"COLUMNS": "80"}, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def _json(*arguments: str) -> Any:
    return json.loads(_invoke(*arguments, "--json")[0])


def _refused(kind: type[CharrnnError], *arguments: str) -> str:
    with pytest.raises(kind) as caught:
        _invoke(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _run(name: str, model: str = "lstm", **changes: Any) -> None:
    config = ModelConfig(model=model, num_layers=2, rnn_size=4, embedding_size=3).completed()  # type: ignore[arg-type]
    path = tiny.run(Path("checkpoints"), name, {0: 6.0, 10: 3.0}, model=config, **changes)
    rows = [{"event": "progress", "iteration": at, "grad_norm": norm, "clipped": at // 2, "loss": 1.0}
            for at, norm in ((10, 10.0), (20, 2.0))]  # fmt: skip
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_several_in_one_picture() -> None:
    _run("one")
    _run("two", "gru")
    found = _json("gradients", "one", "two", "two/iteration-000000", "novel.txt", *SHORT)
    names = [each["name"] for each in found["checkpoints"]]
    assert names == ["one (iteration 10)", "two (iteration 10)", "two/iteration-000000"]
    for each in found["checkpoints"]:
        assert (each["reach"], len(each["places"]), len(each["layers"])) == (12, 4, 2)
        assert len(each["all_layers"]["log10_norm_mean"]) == 13
        assert each["largest_singular_values"]["whole"]["max"] > 0
    assert [log["run"] for log in found["trainings"]] == ["one", "two"]
    assert found["trainings"][0]["removed"] == [[10, 0.5], [20, 0.0]]
    shown, _ = _invoke("gradients", "one", "two", "novel.txt", *SHORT)
    assert "all layers together" in shown.replace("\n", " ")
    assert "above 1 explodes, below 1 vanishes" in shown
    assert "one: clipping by norm at 5 changed 50.0% of the gradients" in shown


def test_standard_input_is_read_once() -> None:
    _run("one", "rnn")
    typed = ["inspect", "gradients", "one", "one/iteration-000000", "-", *SHORT, "--json"]
    result = CliRunner().invoke(app, typed, input=TEXT, catch_exceptions=False)
    assert [each["text"] for each in json.loads(result.stdout)["checkpoints"]] == ["standard input"] * 2


def test_deep_networks_show_their_layers() -> None:
    deep = ModelConfig(num_layers=3, rnn_size=4, embedding_size=3, residual=False).completed()
    tiny.save(Path("deep.safetensors"), model=deep)
    shown, _ = _invoke("gradients", "deep.safetensors", "novel.txt", *SHORT)
    assert "Through the layers: the same at k = 0" in shown
    assert " at the lowest layer" in " ".join(shown.split())


def test_first_snapshots_too_and_the_log_alone() -> None:
    _run("one", "rnn")
    found = _json("gradients", "one", "novel.txt", "--first", *SHORT)
    assert [each["iteration"] for each in found["checkpoints"]] == [0, 10]
    log = _json("gradients", "one", "--log-only")
    assert list(log) == ["trainings"]
    assert "no log that has gradients" in _refused(
        RunError, "gradients", "checkpoints/one/iteration-000010.safetensors", "--log-only"
    )


def test_what_is_refused() -> None:
    _run("one")
    assert "are too few to look 500 back" in _refused(CorpusError, "gradients", "one", "novel.txt", "--reach", "500")
    _run("bytes", vocabulary=Vocabulary.every_byte())
    said = _refused(UsageError, "gradients", "one", "bytes", "novel.txt", *SHORT)
    assert "bytes (iteration 10) reads bytes and one (iteration 10) characters" in said
    both = ModelConfig(num_layers=1, rnn_size=4, embedding_size=3, bidirectional=True).completed()
    tiny.save(Path("both.safetensors"), model=both)
    assert "both.safetensors: this network is bidirectional" in _refused(
        CheckpointError, "gradients", "both.safetensors", "novel.txt"
    )
    for typed in (["novel.txt", "one", "novel.txt"], ["one", "novel.txt", "one"]):
        assert "one text is named, and last" in _refused(UsageError, "gradients", *typed)


def test_other_vocabularies_and_directions_are_said() -> None:
    _run("one")
    _run("other", vocabulary=Vocabulary.of(tiny.to_code_points("Prince abcdefg\n")))
    _run("backward", training=TrainConfig(iterations=100, backward=True))
    shown, told = _invoke("gradients", "one", "other", "backward", "novel.txt", *SHORT)
    assert "Their vocabularies differ: each reads the text as it knows it." in shown
    assert "backward (iteration 10) reads from the end" in shown
    assert "has never seen" in told
    assert told.count("are read; --characters N reads more") <= 1


def test_weights_that_are_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tiny.weights
    monkeypatch.setattr(tiny, "weights", lambda *given: {name: each * float("nan") for name, each in
                                                         weights(*given).items()})  # fmt: skip
    _run("nan")
    assert "nan (iteration 10): the outputs" in _refused(DivergedError, "gradients", "nan", "novel.txt", *SHORT)


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    _run("one")
    monkeypatch.setattr("charrnn.training.torch_import.installed", lambda: False)
    said = _refused(CharrnnError, "gradients", "one", "novel.txt")
    assert said.startswith("inspecting gradients needs torch, which is not installed.")
    assert _json("gradients", "one", "--log-only")["trainings"]


def test_powers() -> None:
    shown, _ = _invoke("powers")
    assert "20,959.16" in shown
    found = _json("powers", "--steps", "3", "2", "--grad-clip", "1", "0.5", "-1")
    assert [each["value"] for each in found["weights"]] == ["8", "0.125", "-1"]
    assert [each["clipped_by_value"] for each in found["weights"]] == ["1.0", "0.75", "1.0"]
    assert "from 1 to 1,000,000" in _refused(UsageError, "powers", "--steps", "-1")
    assert "is no number" in _refused(UsageError, "powers", "two")


def test_windows() -> None:
    found = _json("windows", "1..14", "--seq-length", "7", "--shift", "2")
    assert [window["inputs"][0] for window in found["windows"]] == ["1", "3", "5", "7"]
    assert found["windows"][1]["targets"] == [str(number) for number in range(4, 11)]
    text = _json("windows", "novel.txt", "--batch-size", "2", "--count", "3", "--characters", "100")
    assert (text["size"], len(text["windows"])) == (100, 6)
    assert "".join(text["windows"][0]["inputs"]) == TEXT[:7]
    assert "State" in _invoke("windows", "novel.txt", "--stateless")[0]
    assert "from 1 to --seq-length (7)" in _refused(UsageError, "windows", "--shift", "8")
    assert "too few for 3 streams" in _refused(CorpusError, "windows", "--batch-size", "3")
