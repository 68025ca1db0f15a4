"""Options: how the settings of configs become those of a command, and those that several verbs share."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NewType, get_type_hints

import typer

from charrnn.config import Config, Setting, settings_of
from charrnn.config.training import PLACE
from charrnn.formatting import visible

CheckpointDir = Annotated[Path, typer.Option(help="Where runs are kept.", rich_help_panel=PLACE)]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda or mps; auto is cuda where there is one.", rich_help_panel=PLACE)
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]
JsonLines = Annotated[
    bool, typer.Option("--json", help="A line of JSON for each text: what was written, by what, how likely.")
]
TextLength = Annotated[
    int, typer.Option(min=0, help="Compare several runs on so many held-out characters, at most; 0: do not.")
]
TrainingThreads = Annotated[
    int | None, typer.Option(min=1, show_default="all cores", help="CPU threads to train with.", rich_help_panel=PLACE)
]
SamplingThreads = Annotated[
    int,
    typer.Option(
        min=1,
        help="CPU threads. More are faster for wide models on an idle machine, far slower on a busy one, and round "
        "differently, so that a seed may write another text.",
        rich_help_panel=PLACE,
    ),
]

Typed = NewType("Typed", dict[str, Any])
"""The settings of a command that were typed, by name; the others have their defaults."""


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameters that are annotated as a Config become options, one for each of the config's settings.

    The command is called with a config that has what was typed, and otherwise what the parameter's default has. A
    parameter annotated `Typed` is given all that was typed. The other parameters are Typer's own.
    """
    hints = get_type_hints(command, include_extras=True)
    usual: dict[str, Config] = {}
    parameters = [_parameter("context", typer.Context)]
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if inspect.isclass(kind) and issubclass(kind, Config):
            usual[name] = kind() if parameter.default is parameter.empty else parameter.default
            parameters += [_option(setting, getattr(usual[name], setting.name)) for setting in settings_of(kind)]
        elif kind is not Typed:
            parameters.append(_parameter(name, kind, parameter.default))

    @functools.wraps(command)
    def parsed(context: typer.Context, **values: Any) -> None:
        typed = {name: value for name, value in values.items() if was_typed(context, name)}
        arguments = {name: values.get(name, Typed(typed)) for name in hints if name != "return"}
        for name, config in usual.items():
            arguments[name] = typed_over(typed, config)
        command(**arguments)

    parsed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return parsed


def was_typed(context: typer.Context, name: str) -> bool:
    """Whether a parameter was typed, be it as it would be anyway."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(setting: Setting, default: Any) -> inspect.Parameter:
    """A setting as Typer takes it."""
    option, shown = setting.option, setting.option.default
    if option.parse is not None and default and shown is None:
        shown = ",".join(map(str, default))
    names = option.names or ((setting.flag,) if option.switch else ())
    described: dict[str, Any] = {
        "help": f"{option.help} ({', '.join(setting.choices)})" if setting.choices else option.help,
        "rich_help_panel": option.panel,
        "show_default": True if shown is None or default != setting.default else shown,
        "metavar": option.metavar,
    }
    if option.parse is not None:  # what it makes of the words is never a default: those come from the config
        described |= {"parser": option.parse, "show_default": shown or False}
        default = None
    if setting.choices:  # which the config checks, as it does all ranges
        described |= {"metavar": "CHOICE", "autocompletion": _completion(setting.choices)}
    kind = str if option.parse is not None or setting.choices else setting.type
    if default is None:
        kind |= None
    return _parameter(setting.name, Annotated[kind, typer.Option(*names, **described)], default)


def _completion(choices: tuple[str, ...]) -> Callable[[str], list[str]]:
    """What the shell may complete a word to."""
    return lambda incomplete: [choice for choice in choices if choice.startswith(incomplete)]


def use_threads(threads: int) -> None:
    """Let NumPy multiply with so many threads. Counts only before NumPy is imported."""
    if threads > 1:
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)


def typed_over(typed: Mapping[str, Any], config: Config) -> Any:
    """`config` with those of its settings that were typed."""
    names = {setting.name for setting in settings_of(type(config))}
    return dataclasses.replace(config, **{name: typed[name] for name in names & typed.keys()})


def print_json(values: Any) -> None:
    """JSON on standard output, every character escaped that is not ASCII."""
    print(json.dumps(values, indent=2, allow_nan=False))


def report(problems: list[str]) -> None:
    """Name what was skipped on standard error. Raises Exit with code 1 if there was anything."""
    sys.stdout.flush()
    for problem in problems:
        print(f"charrnn: skipped: {visible(problem)}", file=sys.stderr)
    if problems:
        raise typer.Exit(1)
