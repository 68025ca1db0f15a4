"""Configs as the options of a command: what is typed, what is not, what is refused, what help shows."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from helpers import tiny
from typer.testing import CliRunner

from charrnn.commands.options import Typed, typed_over, with_options
from charrnn.config import Config, Option
from charrnn.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Shape(Config):
    """Of every kind that there is."""

    sides: Annotated[int, Option("Sides of it.", panel="Form", low=3)] = 4
    colour: Annotated[Literal["red", "blue"], Option("Colour it has.")] = "red"
    filled: Annotated[bool, Option("Whether it is filled.")] = True
    hidden: Annotated[bool, Option("Whether it is hidden.", switch=True)] = False
    at: Annotated[tuple[int, ...], Option("Where it is.", parse=lambda typed: tuple(map(int, typed.split(","))))] = (
        1,
        2,
    )
    label: Annotated[str | None, Option("What it is called.", names=("--label", "--name", "-l"), default="none")] = None
    scale: Annotated[float, Option("How large it is.", usual=2.0, default="by screen")] = None  # type: ignore[assignment]


USUAL = Shape(sides=6, at=(7,))


def called(*arguments: str) -> tuple[Any, dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    app = typer.Typer()

    @app.command()
    @with_options
    def draw(*, shape: Shape, count: Annotated[int, typer.Option(help="How many.")] = 1, typed: Typed) -> None:
        calls.append({"shape": shape, "count": count, "typed": dict(typed)})

    result = CliRunner().invoke(app, arguments)
    return result, calls[0] if calls else {}


def test_without_a_word_a_config_is_as_it_is_made() -> None:
    _, call = called()
    assert call == {"shape": Shape(), "count": 1, "typed": {}}


def test_what_is_typed_is_in_the_config() -> None:
    line = "--sides 5 --colour blue --no-filled --hidden --at 3,4 -l x --scale 1 --count 2"
    _, call = called(*line.split())
    assert call["shape"] == Shape(sides=5, colour="blue", filled=False, hidden=True, at=(3, 4), label="x", scale=1.0)
    assert call["count"] == 2
    assert set(call["typed"]) == {"sides", "colour", "filled", "hidden", "at", "label", "scale", "count"}


def test_what_is_typed_as_it_would_be_anyway_was_typed() -> None:
    assert called("--sides", "4")[1]["typed"] == {"sides": 4}


def test_a_value_out_of_range_is_refused() -> None:
    result, call = called("--sides", "2")
    assert not call
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "--sides 2: at least 3."


def test_a_value_that_is_no_choice_is_refused_with_the_choices() -> None:
    result, _ = called("--colour", "green")
    assert str(result.exception) == "--colour green: choose one of red, blue."


def test_help_shows_choices_and_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    shown = called("--help")[0].output
    for part in (
        "Form",
        "(red, blue)",
        "[default: 4]",
        "(by screen)",
        "[default: filled]",
        "--name",
        "Sides of it.",
        "[default: 1,2]",
    ):
        assert part in shown


def test_a_command_may_have_other_defaults() -> None:
    shapes: list[Shape] = []
    app = typer.Typer()

    @app.command()
    @with_options
    def draw(*, shape: Shape = USUAL) -> None:
        shapes.append(shape)

    for arguments in ([], ["--sides", "4"], ["--help"]):
        result = CliRunner().invoke(app, arguments)
    assert shapes == [Shape(sides=6, at=(7,)), Shape(sides=4, at=(7,))]
    assert "[default: 6]" in result.output


@pytest.mark.parametrize(
    ("typed", "completions"),
    [
        ("train --decay c", "cosine constant"),
        ("train --model ", "lstm gru rnn"),
        ("sample n", "novel-1 novel-2"),
        ("sample novel-1/", "novel-1/iteration-000010 novel-1/iteration-000020"),
        ("compare novel-1 checkpoints/novel-", "checkpoints/novel-1 checkpoints/novel-2"),
        ("report old/", "old/draft"),
        ("sample --checkpoint-dir old d", "draft"),
        ("train the-tide", "the-tidewater-bank"),
        ("score novel-1 the-tide", "the-tidewater-bank"),
        ("sample --lear", ""),
    ],
)
def test_the_shell_completes(tmp_path: Path, typed: str, completions: str) -> None:
    for name in ("novel-1", "novel-2"):
        tiny.run(tmp_path / "checkpoints", name, {10: 3.0, 20: 2.0})
    tiny.run(tmp_path / "old", "draft", {10: 3.0})
    (tmp_path / "plain.txt").touch()
    words = f"charrnn {typed}"
    asked = {"_CHARRNN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    code = "import sys; from charrnn.commands.main import main; sys.argv = ['charrnn']; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.split() == completions.split(), done.stderr


def test_typed_over_takes_what_was_typed_and_no_more() -> None:
    assert typed_over({"sides": 8, "count": 3}, Shape(colour="blue")) == Shape(sides=8, colour="blue")
