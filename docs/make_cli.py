"""Writes docs/cli.md, the reference of every verb and option, from the code: `python docs/make_cli.py`.

tests/commands/test_reference.py holds the file to the code.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from charrnn.commands.main import app
from charrnn.config import (
    Config,
    settings_of,
)

TARGET = Path(__file__).with_name("cli.md")
_HEAD = """# The command line

Made from the code by `make docs`. Options may be written with dashes or underscores; `--help` after any verb shows the
same, but for the ranges. Of the network, the training and the reading of texts, a setting's name with underscores is
its name in the Python API, too.
"""


def _ranges(config: type[Config]) -> dict[str, str]:
    """The range of every setting of the configs below one."""
    below = [_ranges(subclass) for subclass in config.__subclasses__()]
    own = {setting.name: setting.option.bounds() for setting in settings_of(config)}
    return {name: bounds for ranges in [own, *below] for name, bounds in ranges.items()}


_RANGES = _ranges(Config)


def reference() -> str:
    """The whole page, in Markdown."""
    root: Any = typer.main.get_command(app)
    return "\n".join([_HEAD, *_sections(root, "charrnn")])


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
            yield from (_row(option, context) for option in options if option.rich_help_panel == panel)
            yield ""
    for name, subcommand in getattr(command, "commands", {}).items():
        yield from _sections(subcommand, f"{path} {name}")


def _row(option: Any, context: Any) -> str:
    """An option's names, what it takes and what it means, as a row of a table."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    takes = (
        "" if option.is_flag else f" `{option.metavar or option.display_type(context).strip('<>')}`".replace("|", "\\|")
    )
    bounds = _RANGES.get(option.name, "") or ("" if option.min is None else f"at least {option.min}")
    return f"| {names}{takes} | {option.help}{f' Range: {bounds}.' if bounds else ''}{_default(option)} |"


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
