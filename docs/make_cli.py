"""Writes docs/cli.md, the reference of every verb and option, from the code: `python docs/make_cli.py`.

tests/commands/test_reference.py holds the file to the code.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from charrnn.commands.app import app
from charrnn.config import synonyms

TARGET = Path(__file__).with_name("cli.md")
_HEAD = """# The command line

Made from the code by `make docs`. Options may be written with dashes or underscores; `--help` after any verb shows
the same, but for the ranges and second names. Of the network, the training and the reading of texts, a setting's name
with underscores is its name in the Python API, too. [Names of other programs](cli.md#names-of-other-programs) work as
well.
"""
_SYNONYMS = """## Names of other programs

What char-rnn, torch-rnn, textgenrnn, makemore, nanoGPT, Keras and transformers call a setting works too, with two
dashes, where it means the same; for their other names, and for verbs, the command says what to write instead. From
Python they do not work, but `charrnn.train` says which name is meant.

| option | is also |
|---|---|"""


def reference() -> str:
    """The whole page, in Markdown."""
    root: Any = typer.main.get_command(app)
    return "\n".join([_HEAD, *_sections(root, "charrnn"), _SYNONYMS, *_synonyms(root)])


def _sections(command: Any, path: str) -> Iterator[str]:
    """A command, and those below it."""
    if path != "charrnn":
        context = typer.Context(command)
        parameters = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
        arguments = [parameter for parameter in parameters if parameter.param_type_name == "argument"]
        options = [parameter for parameter in parameters if parameter.param_type_name == "option"]
        yield f"## {path}\n"
        yield f"{inspect.cleandoc(command.help or '')}\n"
        for argument in arguments:
            yield f"- `{argument.metavar}`: {argument.help}{_default(argument)}"
        if arguments:
            yield ""
        for panel in dict.fromkeys(option.rich_help_panel for option in options):
            yield f"| {panel or 'Options'} | |\n|---|---|"
            yield from (_row(option, command, context) for option in options if option.rich_help_panel == panel)
            yield ""
    for name, subcommand in getattr(command, "commands", {}).items():
        yield from _sections(subcommand, f"{path} {name}")


def _synonyms(root: Any) -> Iterator[str]:
    """A row for each option that has other names."""
    for setting in dict.fromkeys(name for command in _commands(root) for name in _long_names(command)):
        if others := synonyms.other_names(setting):
            yield f"| `--{setting}` | {', '.join(f'`--{name}`' for name in others)} |"
    yield ""


def _commands(command: Any) -> Iterator[Any]:
    """A command and all below it."""
    yield command
    for below in getattr(command, "commands", {}).values():
        yield from _commands(below)


def _long_names(command: Any) -> list[str]:
    """The long names of its options, without dashes."""
    return [name[2:] for parameter in command.params for name in parameter.opts if name.startswith("--")]


def _row(option: Any, command: Any, context: Any) -> str:
    """An option's names, what it takes and what it means, as a row of a table."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    metavar = (option.metavar or option.display_type(context)).strip("<>").replace("|", "\\|")
    takes = "" if option.is_flag else f" `{metavar}`"
    setting = getattr(command.callback, "settings", {}).get(option.name)
    bounds = setting.option.bounds() if setting else ""
    help_text = (option.help or "").replace("|", "\\|")
    return f"| {names}{takes} | {help_text}{f' Range: {bounds}.' if bounds else ''}{_default(option)} |"


def _default(parameter: Any) -> str:
    """` Default: ...`; "" if there is none to show."""
    if isinstance(parameter.show_default, str):
        return f" Default: {parameter.show_default}."
    default = parameter.default
    if default is None or default is False or callable(default) or not parameter.show_default:
        return ""
    if default is True:
        return " Default: on."
    return f" Default: `{getattr(default, 'value', default)}`."


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
