"""Options: how the settings of configs become those of a command, and those that several verbs share."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NewType, get_args, get_origin, get_type_hints

import typer

from charrnn.commands import completion
from charrnn.commands.notes import tell
from charrnn.config import Config, Option, Setting, parsing, settings_of
from charrnn.config.option import setting_of
from charrnn.config.training import PLACE, RUN, DeviceName
from charrnn.config.writing import JSON
from charrnn.formatting import Units

_MOST_THREADS = 1024  # of any machine; how many there may be on this one, `training.threads` says

CheckpointDir = Annotated[Path, typer.Option(help="Where runs are kept.", rich_help_panel=PLACE)]
Device = Annotated[DeviceName, Option("What computes; auto is cuda where there is one.", panel=PLACE)]
Json = Annotated[bool, typer.Option("--json", help=JSON)]
JsonLines = Annotated[
    bool, typer.Option("--json", help="A line of JSON for each text: what was written, by what, how likely.")
]
LossUnits = Annotated[
    Units, Option("Tell losses in bits, nats or as perplexities, per character or byte; --json has them all.")
]
TextEncoding = Annotated[
    str, Option("Of the text: any that Python knows; auto is UTF-8, or a guess where it is not.", escapes=False)
]
TextLength = Annotated[int, Option("Compare several runs on so many held-out characters, at most; 0: do not.", low=0)]
TrainingThreads = Annotated[
    int | None,
    Option(
        "CPU threads to train with. Their number decides how sums are rounded: the same seed gives the same weights "
        "with as many threads, and others with more or fewer; --resume takes as many as the run had.",
        panel=PLACE,
        low=1,
        high=_MOST_THREADS,
        default="all cores that a CPU quota lasts for; ranks share them",
    ),
]
SamplingThreads = Annotated[
    int,
    Option(
        "CPU threads. More are faster for wide models on an idle machine, far slower on a busy one, and round "
        "differently, so that a seed may write another text.",
        panel=PLACE,
        low=1,
        high=_MOST_THREADS,
    ),
]


def _held_unit(typed: str) -> Any:
    """`1.37=0.9`. Raises ValueError."""
    from charrnn.network.held_units import HeldUnit

    return HeldUnit.parse(typed)


SetUnits = Annotated[
    list[str] | None,
    Option(
        "Steering: hold a unit's output at a value, as 1.37=0.9, or an LSTM's cell state, as 1.37.c=2, while reading "
        "the prompt and writing; may be given several times. The network writes alone, unless --ngrams is typed.",
        panel="Sampling",
        names=("--set-unit",),
        metavar="LAYER.UNIT=VALUE",
        parse=_held_unit,
    ),
]

RUNS = "Runs, by name or path."

Typed = NewType("Typed", dict[str, Any])
"""The settings of a command that were typed, by name; the others have their defaults."""


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameters that are annotated as settings become options.

    A parameter annotated as a Config becomes an option for each of the config's settings, and is given a config that
    has what was typed, and otherwise what the parameter's default has; one annotated with an `Option` is a setting
    itself. A parameter annotated `Typed` is given all that was typed. The other parameters are Typer's own.
    """
    hints = get_type_hints(command, include_extras=True)
    usual: dict[str, Config] = {}
    settings: dict[str, Setting] = {}
    parameters = [_parameter("context", typer.Context)]
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if inspect.isclass(kind) and issubclass(kind, Config):
            usual[name] = kind() if parameter.default is parameter.empty else parameter.default
            settings |= {setting.name: setting for setting in settings_of(kind)}
            shown = [setting for setting in settings_of(kind) if not setting.option.hidden]
            parameters += [_option(setting, getattr(usual[name], setting.name)) for setting in shown]
        elif any(isinstance(part, Option) for part in get_args(kind)):
            settings[name] = setting_of(name, kind, parameter.default)
            parameters.append(_option(settings[name], parameter.default))
        elif kind is not Typed:
            parameters.append(_parameter(name, kind, parameter.default))

    parameters.sort(key=lambda parameter: not _is_in_panel(parameter, RUN))  # what is asked for first comes first

    @functools.wraps(command)
    def parsed(context: typer.Context, **values: Any) -> None:
        typed = {
            name: _read(settings[name], value) if name in settings else value
            for name, value in values.items()
            if was_typed(context, name)
        }
        arguments = {name: Typed(typed) if kind is Typed else values.get(name) for name, kind in hints.items()}
        arguments.pop("return", None)
        for name in arguments.keys() & settings.keys():
            arguments[name] = typed.get(name, settings[name].default)
            if name in typed:
                settings[name].check(typed[name])
        for name, config in usual.items():
            arguments[name] = typed_over(typed, config)
        command(**arguments)

    parsed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    parsed.settings = settings  # type: ignore[attr-defined]
    return parsed


def _read(setting: Setting, typed: str | list[str] | bool) -> Any:
    """The value that was typed, and on standard error how its escapes are understood if that may surprise.

    Raises UsageError.
    """
    if isinstance(typed, bool):
        return typed
    parts = typed if isinstance(typed, list) else [typed]
    if setting.option.escapes is not None:
        note = parsing.mistakable if setting.option.escapes else parsing.literal
        for part in parts:
            if said := note(part):
                tell(f"{setting.flag}: {said}")
    values = [setting.read(part) for part in parts]
    return values if isinstance(typed, list) else values[0]


def was_typed(context: typer.Context, name: str) -> bool:
    """Whether a parameter was typed, be it as it would be anyway."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _is_in_panel(parameter: inspect.Parameter, panel: str) -> bool:
    """Whether an option is shown in a panel of the help."""
    return any(getattr(part, "rich_help_panel", None) == panel for part in get_args(parameter.annotation))


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(setting: Setting, default: Any) -> inspect.Parameter:
    """A setting as Typer takes it: as text, which the setting reads, or as a switch."""
    option, shown = setting.option, setting.option.default
    names = option.names or ((setting.flag,) if option.switch else ())
    kind: Any = setting.type if setting.type is bool or get_origin(setting.type) is list else str
    if shown is None and kind is str and default is not None:
        default = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
    elif shown is not None and default == setting.default:
        default = None
    described: dict[str, Any] = {
        "help": f"{option.help} ({', '.join(setting.choices)})" if setting.choices else option.help,
        "rich_help_panel": option.panel,
        "show_default": True if shown is None or default is not None else shown,
        "metavar": option.metavar or ("CHOICE" if setting.choices else _METAVARS.get(setting.type)),
    }
    if setting.choices:
        described["autocompletion"] = completion.choices(setting.choices)
    elif option.metavar in ("RUN", "CHECKPOINT|RUN"):
        described["autocompletion"] = completion.models
    if default is None:
        kind |= None
    return _parameter(setting.name, Annotated[kind, typer.Option(*names, **described)], default)


_METAVARS = {int: "<int>", float: "<float>", Path: "<path>"}


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
