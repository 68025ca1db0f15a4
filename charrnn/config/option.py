"""A setting, written once: a dataclass field whose annotation says all that people and programs need to know of it.

    rnn_size: Annotated[int, Option("Width of a layer.", panel=NETWORK, low=1)] = 256

From it come the option of the command line with its help, choices and completion (`commands.options.with_options`), the
range check wherever a config is made, the documentation of the Python API and `docs/cli.md`. No typer here.
"""

from __future__ import annotations

import dataclasses
import math
import reprlib
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin, get_type_hints

from charrnn.config import parsing
from charrnn.errors import CheckpointError, UsageError
from charrnn.formatting import few, visible_line

AUTO: Any = None
"""The default of a setting that `presets.resolve` chooses by text, budget and machine."""

MOST = 10**12
"""The upper bound of a number whose option has none: of what is counted or waited for nobody has more."""

LAST_SEED = 2**64 - 1  # the largest that torch takes


@dataclass(frozen=True)
class Option:
    """What there is to know of a setting beside its name, type and default."""

    help: str  # one sentence or two, the field's term first
    panel: str | None = None  # of `--help`
    low: float | None = None  # at least
    high: float | None = None  # at most; MOST where neither this nor `below` says it
    above: float | None = None  # more than
    below: float | None = None  # less than
    usual: Any = None  # of a setting whose default is AUTO: its value where no preset chooses
    default: str | None = None  # what help says of a default that is AUTO, or None, or otherwise no value to show
    names: tuple[str, ...] = ()  # on the command line, instead of the field's name; the first is the usual one
    metavar: str | None = None  # what is typed, where its type does not say it
    parse: Callable[[str], Any] | None = None  # what is typed -> the value. Raises ValueError with what would do
    switch: bool = False  # of a bool: whether it can only be turned on
    stands_for: tuple[tuple[str, tuple[str, ...]], ...] = ()  # a word after a switch -> more options
    hidden: bool = False  # of what older versions did otherwise: it is kept with a run, and not shown
    escapes: bool | None = None  # of a text: whether \\n is a newline in it; None: it is a name or a path

    def bounds(self) -> str:
        """The range in words; "" if there is none. That nothing is above MOST goes without saying."""
        least = None if self.low is None else _figure(self.low)
        if least is not None and self.below is not None:
            return f"from {least} up to, not including, {self.below:g}"
        if self.above is not None and self.high is not None:
            return f"above {self.above:g} and up to {_figure(self.high)}"
        if least is not None and self.high is not None:
            return f"from {least} to {_figure(self.high)}"
        if least is not None:
            return f"at least {least}"
        return "" if self.above is None else f"above {self.above:g}"

    @property
    def most(self) -> float:
        """What no number is above."""
        return next(bound for bound in (self.high, self.below, MOST) if bound is not None)

    def allows(self, value: float) -> bool:
        """Whether a finite number is within the bounds."""
        return (
            (self.low is None or value >= self.low)
            and value <= self.most
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )


@dataclass(frozen=True)
class Setting:
    """A field of a config, as its option describes it."""

    name: str
    type: Any  # without None
    default: Any
    option: Option

    @property
    def flag(self) -> str:
        """How it is typed: `--rnn-size`."""
        return self.option.names[0] if self.option.names else flag(self.name)

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a Literal; () for other types."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def accepted(self) -> tuple[type, ...]:
        """The types of a value: an int will do for a float, and a bool is no number."""
        return _accepted(str if self.choices else get_origin(self.type) or self.type)

    def read(self, typed: str) -> Any:
        """The value that was typed; of a list, one of its parts. Its range is checked where a config is made.

        Raises:
            UsageError: It is of another type.
        """
        try:
            return self._parse(typed)
        except ValueError as error:
            raise UsageError(f"{self.flag} {shown(typed)}: {error}") from None

    def typed(self, value: Any) -> Any:
        """A value as `read` takes it: a text whose escapes are understood has them, so that it is one line."""
        return parsing.escaped(value) if self.option.escapes and isinstance(value, str) else value

    def of_any(self, value: Any) -> Any:
        """A value that Python code gave: a string is read as if typed, a list taken for a tuple. Raises UsageError."""
        if isinstance(value, str) and self.type is not str and self.type is not bool:
            return self.read(value)
        return tuple(value) if isinstance(value, list) and tuple in self.accepted else value

    def _parse(self, typed: str) -> Any:
        if self.option.parse is not None:
            return self.option.parse(typed)
        if self.choices:
            return choice if (choice := typed.strip().lower()) in self.choices else typed
        if self.type is int:
            return parsing.whole_number(typed)
        if self.type is float:
            return parsing.number(typed)
        text = parsing.unescaped(typed) if self.option.escapes else typed
        return Path(text) if self.type is Path else text

    def check(self, value: Any) -> None:
        """Raises UsageError for a value of another type, that is none of the choices, or outside the bounds."""
        if not isinstance(value, self.accepted) or (isinstance(value, bool) and self.type is not bool):
            raise UsageError(f"{self.flag} {shown(value)}: not of type {self.accepted[0].__name__}.")
        if isinstance(value, tuple):
            kind = get_args(self.type)[0]
            kinds = [known for part in get_args(kind) or (kind,) for known in _accepted(part)]
            if not all(type(part) in kinds for part in value):
                raise UsageError(f"{self.flag} {shown(value)}: not all of type {getattr(kind, '__name__', kind)}.")
        if self.choices and value not in self.choices:
            raise UsageError(f"{self.flag} {shown(value)}: choose one of {', '.join(self.choices)}.")
        if isinstance(value, str) and self.option.escapes is not False and len(value) > _LONGEST_NAME:
            raise UsageError(f"{self.flag} {shown(value)}: at most {_LONGEST_NAME:,} characters.")
        numbers = value if isinstance(value, tuple) else (value,)
        for number in (number for number in numbers if isinstance(number, int | float)):
            if isinstance(number, float) and not math.isfinite(number):
                raise UsageError(f"{self.flag} {number}: not a finite number.")
            if not self.option.allows(number):
                bounds = f"at most {MOST:,}" if number > MOST == self.option.most else self.option.bounds()
                raise UsageError(f"{self.flag} {shown(number)}: {bounds}.")


def _accepted(kind: type) -> tuple[type, ...]:
    """The types of a value that is to be of a type."""
    return (float, int) if kind is float else (kind,)


def _figure(bound: float) -> str:
    """A bound in words: whole ones with all their digits."""
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


_LONGEST_NAME = 4096  # characters of a name, a path or a separator; a prompt may be longer
_SHOWN, _LONGEST_REASON = 60, 300  # characters of a value in an error, and of an error in another


def shown(value: Any) -> str:
    """A value in an error, of a long one its beginning: others may have written it."""
    if isinstance(value, int) and abs(value) > 10**_SHOWN:  # which Python may refuse to write
        return "(a number of very many digits)"
    text = visible_line(str(value)) if isinstance(value, str | int | float) else reprlib.repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text):,} characters)"


def flag(name: str) -> str:
    """A setting's name as an option: `rnn_size` -> `--rnn-size`."""
    return f"--{name.replace('_', '-')}"


def require(condition: bool, message: str) -> None:
    """Raises UsageError with this message unless the condition holds."""
    if not condition:
        raise UsageError(message)


@dataclass(frozen=True)
class Config:
    """A frozen dataclass of settings, each checked where a config is made."""

    def __post_init__(self) -> None:
        """Raises UsageError for a value outside its range. Subclasses add what settings must be to each other."""
        for setting in settings_of(type(self)):
            value = getattr(self, setting.name)
            if value is not None or setting.default is not None:
                setting.check(value)
            if setting.type is float and type(value) is int:
                object.__setattr__(self, setting.name, float(value))  # torch minds the difference

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from a JSON object. Raises CheckpointError for settings this version does not know."""
        unknown = sorted(set(values) - {setting.name for setting in settings_of(cls)})
        if unknown:
            raise CheckpointError(
                f"unknown settings {few([shown(visible_line(name)) for name in unknown])}: written by a newer charrnn?",
                "Upgrade charrnn.",
            )
        try:
            config = cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
        except UsageError as error:
            what = visible_line(error.what[:_LONGEST_REASON])  # it may have what others wrote
            raise CheckpointError(f"its settings are damaged ({what})", "Use another checkpoint.") from None
        if config != config.completed():
            raise CheckpointError("settings are missing.", "Use another checkpoint.")
        return config

    @classmethod
    def pick(cls, values: Mapping[str, Any]) -> Self:
        """The config of those values that are named as its settings; strings are read as typed. Raises UsageError."""
        named = (setting for setting in settings_of(cls) if setting.name in values)
        return cls(**{setting.name: setting.of_any(values[setting.name]) for setting in named})

    def completed(self) -> Self:
        """The same with the usual value of every setting that a preset would have chosen, and none has."""
        usual = {
            setting.name: setting.option.usual
            for setting in settings_of(type(self))
            if setting.option.usual is not None and getattr(self, setting.name) is AUTO
        }
        return dataclasses.replace(self, **usual) if usual else self


ConfigType = TypeVar("ConfigType", bound=Config)


def settings_of(config: type[Config]) -> tuple[Setting, ...]:
    """The settings of a config, in order."""
    return _settings_of(config)  # type: ignore[arg-type]  # of a class it is the metaclass that hashes


@cache
def _settings_of(config: Any) -> tuple[Setting, ...]:
    hints = get_type_hints(config, include_extras=True)
    settings = []
    for field in dataclasses.fields(config):
        annotation = hints[field.name]
        assert get_origin(annotation) is Annotated, f"{config.__name__}.{field.name} has no Option"
        settings.append(setting_of(field.name, annotation, field.default))
    return tuple(settings)


def setting_of(name: str, annotation: Any, default: Any) -> Setting:
    """The setting that `Annotated[type, Option(...)]` makes."""
    kind, option = get_args(annotation)
    if type(None) in get_args(kind):
        kind = next(part for part in get_args(kind) if part is not type(None))
    return Setting(name, kind, default, option)


def describe(*configs: type[Config]) -> str:
    """The settings of configs for a docstring: name, type, meaning, range and default of each."""
    lines = []
    for config in configs:
        lines.append(f"Settings of {config.__name__}:")
        for setting in settings_of(config):
            if setting.option.hidden:
                continue
            kind = " | ".join(map(repr, setting.choices)) or getattr(setting.type, "__name__", str(setting.type))
            default = setting.option.default if setting.default is None else repr(setting.default)
            bounds = setting.option.bounds()
            meaning = f"{setting.option.help}{f' Range: {bounds}.' if bounds else ''} Default: {default}."
            paragraph = f"{setting.name} ({kind}): {meaning}"
            lines.append(textwrap.fill(paragraph, 112, initial_indent=" " * 4, subsequent_indent=" " * 8))
        lines.append("")
    return "\n".join(lines)
