"""The command that follows an advice: it can be pasted, and does what it says."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers import tiny

from charrnn.config import ModelConfig, ReadConfig, TrainConfig, settings_of
from charrnn.evaluation.advice import Advice
from charrnn.evaluation.next_command import next_command
from charrnn.runs.run import Run
from charrnn.shell import folded_command

LONGER = Advice(sentence="", resumed=True, iterations=12_000)
LARGER = Advice(sentence="", changes={"rnn_size": 128})


def a_run(root: Path, origin: dict[str, Any], **changes: Any) -> Run:
    path = tiny.run(root, "my run", {10: 2.0}, **changes)
    tiny.save(path / "resume.safetensors", kind="resume", progress={"origin": origin}, **changes)
    return Run(path)


def words(run: Run, advice: Advice) -> list[str]:
    assert run.resumable
    command = next_command(run, run.resumable.header, advice)
    assert command
    return shlex.split(command)


def test_going_on_with_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run(tmp_path, {"texts": ["/texts/a novel.txt"]})
    assert words(run, LONGER) == ["charrnn", "train", "--resume", str(run.path), "--iterations", "12000"]
    monkeypatch.chdir(tmp_path)
    assert words(run, LONGER)[3] == "my run"
    assert words(run, Advice(sentence="", resumed=True))[2:] == ["--resume", "my run"]


@pytest.mark.parametrize("origin", [{}, {"texts": ["-"]}])
def test_text_stands_for_what_nothing_tells_the_place_of(tmp_path: Path, origin: dict[str, Any]) -> None:
    run = a_run(tmp_path, origin)
    assert words(run, LONGER)[:4] == ["charrnn", "train", "TEXT", "--resume"]
    assert words(run, LARGER)[:3] == ["charrnn", "train", "TEXT"]
    assert run.resumable
    assert next_command(run, run.resumable.header, Advice(sentence="", checks_text=True)) is None


def test_a_new_training_has_the_settings_of_the_old(tmp_path: Path) -> None:
    model = ModelConfig(model="gru", rnn_size=64, layer_norm=False, tied=True).completed()
    training = TrainConfig(iterations=500, learning_rate=0.01, weight_decay=0.3, seq_length=32, time=60.0).completed()
    reading = ReadConfig(lowercase=True, separator="\n--\n")
    run = a_run(
        tmp_path,
        {"texts": ["/texts/it's.txt", "/more"], "glob": "*.md", "max_expansion": 200},
        model=model,
        training=training,
        reading=reading,
        began_from={"what": "network", "path": "old runs/a.safetensors"},
    )
    typed = words(run, LARGER)
    assert typed[:4] == ["charrnn", "train", "/texts/it's.txt", "/more"]
    options = dict(zip(typed[4:], [*typed[5:], ""], strict=True))
    expected = {"--model": "gru", "--rnn-size": "128", "--seq-length": "32", "--iterations": "500", "--glob": "*.md"}
    expected |= {"--separator": r"\n--\n", "--init-from": "old runs/a.safetensors", "--checkpoint-dir": str(tmp_path)}
    assert expected.items() <= options.items()
    assert {"--lowercase", "--tied", "--no-layer-norm"} <= set(typed)
    # A larger network has another rate; what a training's length follows from is said once; what is usual is not said.
    assert not {"--learning-rate", "--weight-decay", "--time", "--num-layers", "--beta1", "--eval-every"} & set(typed)
    slower = words(run, Advice(sentence="", changes={"learning_rate": 0.001}))
    assert slower[slower.index("--learning-rate") + 1] == "0.001"
    assert slower.count("--learning-rate") == 1


def test_every_option_is_one_of_train(tmp_path: Path) -> None:
    run = a_run(tmp_path, {"texts": ["/a.txt"]}, training=TrainConfig(snapshot_at=(5, 7), freeze=("head",)).completed())
    known = {setting.flag for config in (ModelConfig, TrainConfig, ReadConfig) for setting in settings_of(config)}
    known |= {flag.replace("--", "--no-") for flag in known} | {"--checkpoint-dir"}
    options = {word for word in words(run, LARGER) if word.startswith("--")}
    assert options <= known
    assert {"--snapshot-at", "--freeze"} <= options


def test_looking_at_the_text(tmp_path: Path) -> None:
    run = a_run(tmp_path, {"texts": ["/texts/a novel.txt"]})
    assert words(run, Advice(sentence="", checks_text=True)) == ["charrnn", "corpora", "check", "/texts/a novel.txt"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="asks bash what it makes of a command")
@pytest.mark.parametrize("prime", ["A\n", "it's\t'so'", r"a\nb", "\\'\n", "two words"])
def test_a_prime_is_what_it_was_when_the_command_is_pasted(tmp_path: Path, prime: str) -> None:
    training = TrainConfig(sample_prime=prime).completed()
    run = a_run(tmp_path, {"texts": ["/a.txt"]}, training=training, reading=ReadConfig(separator="\\\n"))
    assert run.resumable
    command = next_command(run, run.resumable.header, LARGER)
    assert command
    for pasted in (command, folded_command(command, 30)):
        typed = subprocess.run(
            ["bash", "-c", f"printf '%s\\0' {pasted}"], capture_output=True, check=True, encoding="utf-8"
        ).stdout.split("\0")
        settings = {setting.flag: setting for setting in (*settings_of(TrainConfig), *settings_of(ReadConfig))}
        read = {name: settings[name].read(typed[typed.index(name) + 1]) for name in ("--sample-prime", "--separator")}
        assert read == {"--sample-prime": prime, "--separator": "\\\n"}


def test_a_text_is_looked_over_as_it_was_read_and_held_out(tmp_path: Path) -> None:
    reading = ReadConfig(documents=True, document_separator="\n\n", boundary=False)
    training = TrainConfig(val_at="spread", val_text="own.txt", iterations=70).completed()
    run = a_run(tmp_path, {"texts": ["/a"], "glob": "*.md"}, reading=reading, training=training)
    said = words(run, Advice(sentence="", checks_text=True))
    assert said[:4] == ["charrnn", "corpora", "check", "/a"]
    separator = ["--documents", "--document-separator", r"\n\n"]
    assert said[4:] == ["--glob", "*.md", *separator, "--val-at", "spread", "--val-text", "own.txt"]
