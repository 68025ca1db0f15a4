"""What --help shows: readable, as wide as the terminal is, and to the end of a pipe that is read no further."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command_line import CommandLine
from helpers.terminals import text_on_terminal
from rich.cells import cell_len


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return CommandLine(monkeypatch, capfdbinary)


def shown(line: CommandLine, *arguments: str) -> str:
    return line(*arguments, "--help").stdout.decode()


def test_what_is_asked_for_first_comes_first(line: CommandLine) -> None:
    text = shown(line, "train")
    order = ["--iterations", "--time", "--max-epochs", "--name", "--resume", "--glob", "--model", "--learning-rate"]
    assert sorted(order, key=lambda name: text.index(f"│ {name} ")) == order
    assert text.index("charrnn train book.txt --time 10m") < text.index("Arguments")


@pytest.mark.parametrize("columns", ["30", "45", "79", "80", "120"])
@pytest.mark.parametrize("verb", ["train", "plan", "sample", "compare", "report", "score", "runs", "corpora check"])
def test_no_name_is_cut_and_a_switch_takes_nothing(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch, verb: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    text = shown(line, *verb.split())
    assert "…" not in text
    assert "--checkpoint-dir" in text or verb == "corpora check"
    assert max(map(len, text.splitlines())) <= int(columns)
    assert "<bool>" not in text
    assert "--primetext" not in text


def test_paragraphs_are_not_broken_where_the_code_breaks_them(line: CommandLine) -> None:
    """Their lines are filled: the first word of the next would not have had room."""
    lines = [part.strip() for part in shown(line, "train").partition("Arguments")[0].splitlines()]
    paragraph = lines[lines.index(next(part for part in lines if part.startswith("`charrnn train"))) :]
    paragraph = paragraph[: paragraph.index("")]
    assert len(paragraph) > 2
    for before, after in itertools.pairwise(paragraph):
        assert len(before) + 1 + len(after.split()[0]) > 76


@pytest.mark.parametrize("columns", ["0", "-5", "wide", ""])
def test_columns_that_are_none(line: CommandLine, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    usual = shown(line, "sample")
    monkeypatch.setenv("COLUMNS", columns)
    assert shown(line, "sample") == usual
    assert "--temperature" in usual


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_it_fits_the_terminal(tmp_path: Path, term: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    text = text_on_terminal("--help", environment=environment | {"TERM": term, "NO_COLOR": "1"}, columns=60)
    assert max(map(cell_len, text.splitlines())) == 60


def test_a_reader_that_has_enough_is_no_failure() -> None:
    command = [sys.executable, "-m", "charrnn", "train", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0
