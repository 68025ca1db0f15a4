"""What is typed after a verb, looked at before Typer does: other programs' names of options, and what is not meant so.

Typer would take `-prime X` for `-p rime X`, and the next option for a value that was forgotten.
"""

from __future__ import annotations

import difflib
import itertools
import os
from collections.abc import Iterator
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from charrnn.commands import verbs
from charrnn.commands.help_text import Helped
from charrnn.config import CHECKPOINT_DIR, synonyms
from charrnn.errors import UsageError
from charrnn.shell import quoted

_TRUTHS = ("true", "false", "yes", "no", "on", "off", "1", "0")
_LETTERS = {
    "l": "length",
    "N": "length",
    "T": "temperature",
    "P": "prompt",
    "s": "seed",
    "S": "seed",
    "k": "top-k",
    "V": "version",
    "v": "version",
    "e": "max-epochs",
    "b": "batch-size",
    "m": "model",
    "i": "iterations",
    "O": "output",
    "o": "output",
    "c": "count",
}
_DASHES = "–—−‐‑‒―"  # that word processors and web pages make of the keyboard's
_MOST_WORDS = 12  # of a name with blanks


class Command(Helped, TyperCommand):
    """A verb."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed. Raises UsageError."""
        if ctx.resilient_parsing:  # the shell asks for completions
            return super().parse_args(ctx, args)
        line = ArgumentLine(self, ctx)
        rewritten = line.rewritten(args)
        if "--help" not in itertools.takewhile(lambda word: word != "--", rewritten):
            line.check_words()
        try:
            return super().parse_args(ctx, rewritten)
        except typer.BadParameter as error:  # all values are read by the settings: an argument is missing
            missing = getattr(getattr(error, "param", None), "metavar", None) or "an argument"
            raise UsageError(f"{missing}: is missing.", f"Help: {line.path} --help") from None


class Group(Helped, TyperGroup):
    """A verb that has others below it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed before the verb. Raises UsageError."""
        if ctx.parent is not None and not (args or ctx.resilient_parsing or self.invoke_without_command):
            raise UsageError(f"{ctx.info_name}: which of {', '.join(self.commands)}?", f"Help: {_path(ctx)} --help")
        if ctx.resilient_parsing or not args:
            return super().parse_args(ctx, args)
        if args[0] == "help":
            args = [*args[1:], "--help"]
        elif args[0] in ("list", "ls") and self.invoke_without_command:  # which is what it does without a verb
            args = args[1:]
        return super().parse_args(ctx, ArgumentLine(self, ctx).rewritten(args))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that was typed. Raises UsageError if there is none."""
        if args[0] not in self.commands and not ctx.resilient_parsing:
            path = _path(ctx)
            near = difflib.get_close_matches(args[0], self.commands, n=1)
            meant = verbs.meant(args[0], path, near[0] if near else None)
            raise UsageError(f"{args[0]}: no such verb of {path}.", meant or f"Help: {path} --help")
        return super().resolve_command(ctx, args)


def _path(context: Any) -> str:
    """The verbs that were typed: `charrnn corpora check`."""
    names = []
    while context.parent is not None:
        names.append(context.info_name)
        context = context.parent
    return " ".join(["charrnn", *reversed(names)])


def _long_names(command: Any) -> set[str]:
    """The long names of its options, without dashes."""
    names = (name for option in command.params for name in (*option.opts, *option.secondary_opts))
    return {name[2:] for name in names if name.startswith("--")}


def _verbs_below(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every verb with its path."""
    for name, below in getattr(command, "commands", {}).items():
        yield f"{path} {name}", below
        yield from _verbs_below(below, f"{path} {name}")


class ArgumentLine:
    """The arguments of one verb, word by word."""

    def __init__(self, command: Any, context: Any) -> None:
        """Note the verb's options."""
        self.path = _path(context)
        self._root = context.find_root().command
        parameters = command.get_params(context)
        options = [parameter for parameter in parameters if parameter.param_type_name == "option"]
        self._options = {name: option for option in options for name in (*option.opts, *option.secondary_opts)}
        self._names = {name[2:] for name in self._options if name.startswith("--")}
        self._arguments = [parameter for parameter in parameters if parameter.param_type_name == "argument"]
        self._verb_follows = isinstance(command, TyperGroup)
        self._settings = getattr(command.callback, "settings", {})
        self._typed: list[str] = []
        self._rest: list[str] = []
        self._words: list[str] = []  # that stand where no option is
        self._unquoted: dict[str, list[str]] = {}  # of an option that takes text: its value and the words after it

    def rewritten(self, arguments: list[str]) -> list[str]:
        """The arguments in the names of this program. Raises UsageError for what it cannot do, or not as was meant."""
        self._typed, self._rest = list(arguments), list(arguments)
        written: list[str] = []
        following: list[str] = []
        while self._rest:
            word = self._rest.pop(0)
            if word == "--":
                self._words += self._rest
                return [*written, word, *self._rest]
            if len(word) > 1 and word.startswith("-"):
                written += self._long(word) if word.startswith("--") else self._short(word)
                following = written[-1:]
                if len(written) > 1 and self._takes_text(written[-2]):
                    self._unquoted[written[-2]] = following
                continue
            if self._verb_follows:
                return [*written, word, *self._rest]
            self._refuse_word(word)
            self._words.append(word)
            written.append(word)
            following.append(word)
        return written

    def _refuse_word(self, word: str) -> None:
        """Raises UsageError for a word that was meant as an option, or names nothing."""
        if not word:
            raise UsageError("'' names nothing.", "Is a variable of the shell empty?")
        name, equals, value = word.lstrip(_DASHES).replace("_", "-").partition("=")
        known = name if name in self._names else synonyms.setting_called(name, self._names)
        is_letter = f"-{name[:1]}" in self._options and not name[1:].strip("0123456789.")
        if word[0] in _DASHES and (known or is_letter) and not os.path.exists(word):
            plain = f"--{known}" if known else f"-{name}"
            raise UsageError(
                f"{word}: begins with a typographic dash.", f"Write {plain}, with the minus of the keyboard."
            )
        if equals and known and not os.path.exists(word):
            raise UsageError(f"{word}: an option has two dashes.", f"Write --{known}={value}")

    def _takes_text(self, option: str) -> bool:
        """Whether the value of an option is a text, which may well have blanks."""
        setting = self._settings.get(self._options[option].name) if option in self._options else None
        return setting is not None and (setting.type is str or setting.option.escapes is not None)

    def _takes_list(self, option: str) -> bool:
        """Whether the value of an option is a list, which may be empty."""
        setting = self._settings.get(self._options[option].name)
        return setting is not None and tuple in setting.accepted

    def _long(self, word: str) -> list[str]:
        """An option and its value."""
        typed, equals, value = word.partition("=")
        name = typed[2:].replace("_", "-")
        if name not in self._names:
            name = synonyms.setting_called(name.lower(), self._names) or self._refuse(typed, name.lower())
        option = f"--{name}"
        if self._options[option].is_flag:
            if more := self._stood_for(option, value if equals else None):
                return [option, *more]
            following = self._rest[0] if self._rest else ""
            if equals or (following.lower() in _TRUTHS and not os.path.exists(following)):
                raise UsageError(f"{typed} {value or following}: a switch takes no value.", self._switch(name))
            return [option]
        value = value if equals else self._value(typed, option)
        if not value and not (self._takes_text(option) or self._takes_list(option)):
            raise UsageError(f"{typed}: its value is empty.", "Is a variable of the shell empty?")
        return [option, value]

    def _stood_for(self, option: str, value: str | None) -> tuple[str, ...]:
        """The options that a word after a switch stands for, as in `--documents line`; () if it stands for none."""
        setting = self._settings.get(self._options[option].name)
        words = dict(setting.option.stands_for) if setting else {}
        if value is None and self._rest and self._rest[0] in words:
            value = self._rest.pop(0)
        return words.get(value, ()) if value is not None else ()

    def _switch(self, name: str) -> str:
        """How a switch is typed."""
        setting = self._settings.get(self._options[f"--{name}"].name)
        if setting and setting.option.stands_for:
            return f"Write --{name}, or --{name} {next(iter(dict(setting.option.stands_for)))}."
        off = name.removeprefix("no-") if name.startswith("no-") else f"no-{name}"
        return f"Write --{name} or --{off}." if off in self._names else f"Write --{name}, or leave it out."

    def _value(self, typed: str, option: str) -> str:
        """The value of an option, which is the next word. Raises UsageError if that is missing, or an option itself."""
        if not self._rest:
            raise UsageError(f"{typed}: needs a value.", f"Help: {self.path} --help")
        value = self._rest.pop(0)
        name = value.partition("=")[0].replace("_", "-")
        if len(value) > 1 and (name if value.startswith("--") else value) in self._options:
            advice = f"If {value} is the value, write {option}={value}" if option.startswith("--") else ""
            raise UsageError(f"{typed}: needs a value, and an option follows, {value}.", advice)
        return value

    def _short(self, word: str) -> list[str]:
        """An option of one letter and its value, be it attached: `-n20`."""
        letter, attached = word[:2], word[2:]
        if attached:
            self._refuse_file(word)
        name = word[1:].partition("=")[0].replace("_", "-")
        if len(name) > 1:
            self._refuse_long(word, name)
        option = self._options.get(letter)
        if option is None:
            self._refuse(word, name)
        if option.is_flag:
            if attached:
                self._rest.insert(0, f"-{attached}")
            return [letter]
        return [letter, attached.removeprefix("=")] if attached else [letter, self._value(letter, letter)]

    def _refuse_long(self, word: str, name: str) -> None:
        """Raises UsageError if a word after one dash is the long name of an option, here or in other programs."""
        option = self._options.get(word[:2])
        typed = word.partition("=")[0]
        if name in self._names or (setting := synonyms.setting_called(name, self._names)):
            known = name if name in self._names else setting
            raise UsageError(f"{typed}: one dash is for a single letter; write --{known}.")
        if name in synonyms.KNOWN or any(name in _long_names(verb) for _, verb in _verbs_below(self._root, "charrnn")):
            self._refuse(typed, name)
        if option is None or option.is_flag or not name[1].isalpha():
            return
        if near := difflib.get_close_matches(name, sorted(self._names), n=1, cutoff=0.8):
            separate = f"If {name[1:]} is the value of {word[:2]}, put a blank between them."
            raise UsageError(f"{typed}: one dash is for a single letter. Did you mean --{near[0]}?", separate)

    @staticmethod
    def _refuse_file(word: str) -> None:
        """Raises UsageError for what is a file or a folder, and no option."""
        if os.path.exists(word):
            raise UsageError(f"{word}: a name that begins with a dash.", f"Write ./{word}")

    def _refuse(self, typed: str, name: str) -> NoReturn:
        """Raises UsageError for an option that there is not."""
        self._refuse_file(typed)
        elsewhere = [
            (path, name if name in names else synonyms.setting_called(name, names))
            for path, verb in _verbs_below(self._root, "charrnn")
            if name in (names := _long_names(verb)) or synonyms.setting_called(name, names)
        ]
        advice = synonyms.advice(name, self._names)
        # A verb that follows comes first.
        elsewhere.sort(key=lambda pair: pair[0].rpartition(" ")[2] not in self._typed)
        path, setting = elsewhere[0] if elsewhere and len(name) > 1 else ("", "")
        if len(name) == 1 and (meant := _LETTERS.get(name, "")):
            advice = f"Did you mean --{meant}?" if meant in self._names else synonyms.advice(meant, self._names)
        elif path and self._verb_follows:
            advice = f"Options come after their verb: {path} --{setting}"
        elif path and not (advice and name in synonyms.KNOWN):
            advice = f"It is one of {path}: --{setting}."
        raise UsageError(f"{typed}: no such option of {self.path}.", advice or f"Help: {self.path} --help")

    def check_words(self) -> None:
        """Raises UsageError for what stands where no option is, and should not: names without quotes, too many."""
        self._check_quotes()
        if any(argument.nargs == -1 for argument in self._arguments):
            return
        most = len(self._arguments)
        if len(self._words) <= most:
            return
        surplus = " ".join(self._words[most:])
        advice = verbs.surplus(self.path, surplus)
        for option, words in self._unquoted.items():
            if len(words) > 1 and words[-1] == self._words[-1]:
                advice = f"Put a text with blanks in quotes: {option} {quoted(' '.join(words))}"
        raise UsageError(f"{surplus}: {self.path} has no place for it.", advice)

    def _check_quotes(self) -> None:
        """Raises UsageError if words that name nothing are the name of something together, with blanks."""
        for is_word, group in itertools.groupby(self._typed, key=lambda word: not word.startswith("-")):
            words = list(group)[:_MOST_WORDS]
            for start, stop in itertools.combinations(range(len(words) + 1), 2):
                name, parts = " ".join(words[start:stop]), words[start:stop]
                if not is_word or len(parts) < 2 or all(map(os.path.exists, parts)):
                    continue
                if os.path.exists(name) or os.path.exists(CHECKPOINT_DIR / name):
                    raise UsageError(f"{name}: a name with blanks.", f"Put it in quotes: {quoted(name)}")
