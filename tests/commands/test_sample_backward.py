"""`charrnn sample` with a model that reads from the end: what leads up to an ending, as people read it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import tiny
from helpers.terminals import text_on_terminal
from typer.testing import CliRunner

from charrnn.commands.app import app
from charrnn.config import ReadConfig, TrainConfig
from charrnn.errors import CharrnnError, UsageError, VocabularyError
from charrnn.formatting import visible
from charrnn.model import Model
from charrnn.runs import checkpoint
from charrnn.text.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def backward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backward") / "b.safetensors"
    return tiny.save(path, training=TrainConfig(iterations=100, backward=True))


def invoke(*arguments: str | Path, stdin: str | None = None) -> tuple[str, str]:
    """Standard output and standard error. Raises what it raises."""
    result = CliRunner().invoke(app, ["sample", *map(str, arguments)], input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def refused(kind: type[CharrnnError], *arguments: str | Path) -> str:
    with pytest.raises(kind) as caught:
        invoke(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_ending_stands_at_the_end(backward: Path) -> None:
    expected = Model(checkpoint.load(backward)).generate("estates.", 50, seed=3)
    asked = ("--ending", "estates.", "-n", 50, "--seed", 3)
    assert invoke(backward, *map(str, asked))[0] == expected + "estates."
    assert invoke(backward, *map(str, asked), "--no-echo")[0] == expected
    [line] = invoke(backward, *map(str, asked), "--json")[0].splitlines()
    facts = json.loads(line)
    assert (facts["text"], facts["prime"], facts["backward"]) == (expected, "estates.", True)


def test_several_end_with_it_each(backward: Path) -> None:
    lines = invoke(backward, "--ending", r" so\n", "--count", "4", "-n", "0", "--finish", "line", "--seed", "1")[0]
    assert len(lines.splitlines()) == 4
    assert all(line.endswith(" so") for line in lines.splitlines())
    until = invoke(backward, "--ending", " so", "--count", "3", "--until", r"\n", "--temperatures", "1.0,1.5")[0]
    assert len([text for text in until.split(" so\n") if text]) == 6
    assert all(text.rindex("\n") == 0 for text in until.split(" so\n") if text)


def test_the_ending_of_a_file(backward: Path, tmp_path: Path) -> None:
    (tmp_path / "ending.txt").write_text("now just\n", "utf-8")
    typed = invoke(backward, "--ending", r"now just\n", "--seed", "1", "-n", "9")
    assert invoke(backward, "--ending-file", tmp_path / "ending.txt", "--seed", "1", "-n", "9") == typed
    message = refused(CharrnnError, backward, "--ending-file", tmp_path / "none.txt")
    assert message.startswith("--ending-file ")


def test_without_an_ending_it_is_the_end_of_a_line(backward: Path) -> None:
    assert invoke(backward, "--seed", "1", "-n", "9")[0] == Model(checkpoint.load(backward)).generate("", 9, seed=1)


def test_prompt_and_ending_are_told_apart(backward: Path, tmp_path: Path) -> None:
    forward = tiny.save(tmp_path / "f.safetensors")
    message = refused(UsageError, backward, "--prompt", "So\\")
    assert f"--prompt: {backward} reads backward" in message
    assert r"--ending 'So\\'" in message
    (tmp_path / "p.txt").write_text("So", "utf-8")
    message = refused(UsageError, backward, "--prompt-file", tmp_path / "p.txt")
    assert f"--ending-file {tmp_path / 'p.txt'}" in message
    message = refused(UsageError, forward, "--ending", "so")
    assert f"--ending: {forward} reads forward" in message
    assert "--prompt so" in message
    assert "train TEXT --backward" in message
    assert "--prompt and --ending contradict" in refused(UsageError, backward, "--prompt", "a", "--ending", "b")
    both = refused(UsageError, backward, "--ending-file", tmp_path / "p.txt", "--ending", "b")
    assert "--ending and --ending-file contradict" in both


def test_what_it_has_never_seen_is_named(backward: Path) -> None:
    assert refused(VocabularyError, backward, "--ending", "zebra").startswith("--ending: ")
    replaced = invoke(backward, "--ending", "SO", "--unknown", "replace", "-n", "3")
    assert replaced[0].endswith("so")
    assert "the ending" in replaced[1]


def test_of_bytes_an_ending_is_any_file(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    training = TrainConfig(iterations=100, backward=True)
    tiny.save(path, training=training, vocabulary=Vocabulary.every_byte(), reading=ReadConfig(bytes=True))
    (tmp_path / "ending").write_bytes(b"\xff\xc3\xa9")
    result = CliRunner().invoke(app, ["sample", str(path), "--ending-file", str(tmp_path / "ending"), "-n", "30"])
    assert result.stdout_bytes.endswith(b"\xff\xc3\xa9")
    assert len(result.stdout_bytes) == 33


def test_a_terminal_shows_it_in_reading_order_shaded(backward: Path) -> None:
    asked = ("--ending", "estates.", "-n", "40", "--seed", "3", "-t", "9")
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    shown = text_on_terminal("sample", backward, *asked, "--color", "bits", environment=environment)
    bare = re.sub("\x1b\\[[0-9;]*m", "", shown)
    assert bare.split() == visible(invoke(backward, *asked)[0]).split()  # its lines end between words
    assert "\x1b[1mestates." in shown
    assert "48;5;" in shown


def test_a_signal_leaves_what_leads_up_to_the_ending_so_far(backward: Path) -> None:
    asked = ["sample", str(backward), "--ending", "so", "-n", "1000000000", "--seed", "7"]
    command = [sys.executable, "-m", "charrnn", *asked]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stderr is not None
        process.stderr.read(10)  # who writes, which is said before
        time.sleep(0.3)  # for something to be there; what is asked of it holds of nothing, too
        process.send_signal(signal.SIGINT)
        try:
            out, said = process.communicate(timeout=60)
        finally:
            process.kill()  # it would write for hours
    assert process.returncode == 128 + signal.SIGINT
    assert said.endswith(b"\ncharrnn: stopped by Ctrl-C.\n")
    text = out.decode().removesuffix("so")
    assert text == Model(checkpoint.load(backward)).generate("so", len(text), seed=7)
    assert out.endswith(b"so")
