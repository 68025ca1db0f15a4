"""docs/cli.md is made from the code, and every verb and option says what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from helpers.scripts import load

import charrnn
from charrnn.commands.app import app

MAKE_CLI = load("docs/make_cli.py")


def commands(command: Any, path: str = "charrnn") -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}")


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_the_reference_is_that_of_the_code() -> None:
    assert MAKE_CLI.TARGET.read_text("utf-8") == MAKE_CLI.reference(), "docs/cli.md is old: make docs"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_verb_and_option_is_documented(path: str) -> None:
    command = COMMANDS[path]
    assert command.help or path == "charrnn"
    for parameter in command.params:
        assert parameter.name == "help" or parameter.help.endswith((".", ")")), f"{path}: {parameter.name}"


def test_it_shows_choices_ranges_and_defaults() -> None:
    reference = MAKE_CLI.reference()
    for row in (
        "| `--model` `CHOICE` | Kind of recurrent cell. (lstm, gru, rnn) Default: `lstm`. |",
        "Range: from 0 up to, not including, 1. Default: by epochs. |",
        "| `--residual`, `--no-residual` |",
    ):
        assert row in reference


def test_no_option_is_described_twice_in_the_code() -> None:
    """A help text that several verbs show stands once."""
    code = "".join(path.read_text("utf-8") for path in Path(charrnn.__file__).parent.rglob("*.py"))
    texts = {parameter.help for command in COMMANDS.values() for parameter in command.params if parameter.help}
    assert len(texts) > 60
    assert [text for text in texts if code.count(f'"{text}"') > 1] == []
