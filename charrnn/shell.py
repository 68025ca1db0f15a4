"""Words and commands as they are typed in a shell."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def quoted(text: str, *, windows: bool = os.name == "nt") -> str:
    r"""A word for a shell, in which nothing in it means anything, and which is one line that shows all of it.

    Args:
        text: Any text, such as a path. Lone surrogates stand for bytes, as Python has them.
        windows: Whether for cmd and PowerShell; else for a POSIX shell: what cannot be seen as $'...', which bash, zsh,
            ksh and POSIX since 2024 know.

    Returns:
        What is typed.

    >>> print(quoted("plain"), quoted("two words"), quoted("it's\n"))
    plain 'two words' $'it\'s\n'
    """
    if windows:
        return text if _WINDOWS_WORD.fullmatch(text) else f'"{_BEFORE_QUOTE.sub(_escaped_quote, text)}"'
    return shlex.quote(text) if text.isprintable() else f"$'{''.join(map(_in_shell, text))}'"


_WINDOWS_WORD = re.compile(r"[\w+=:./\\-]+")  # a comma makes two words in PowerShell, and ~ and @ mean something
_BEFORE_QUOTE = re.compile(r'(\\*)("|\Z)')  # where a backslash is one only if it is doubled
_SHELL_ESCAPES = {"\\": r"\\", "'": r"\'", "\n": r"\n", "\t": r"\t", "\r": r"\r"}


def _escaped_quote(match: re.Match[str]) -> str:
    """Backslashes and a quote, or the end, within quotes of Windows."""
    return 2 * match[1] + ('\\"' if match[2] else "")


def _in_shell(character: str) -> str:
    """A character within $'...'; bytes as three octal digits, which no letter that follows can be taken for one of."""
    if escape := _SHELL_ESCAPES.get(character):
        return escape
    if character.isprintable():
        return character
    errors = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", errors))


def typed_command(*words: str) -> str:
    """A command as it is typed."""
    return " ".join(map(quoted, words))


def as_typed(settings: Mapping[str, Any]) -> str:
    """Settings as on the command line: `--rnn-size 192 --no-residual --snapshot-at 100,300`."""
    options = []
    for name, value in settings.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            options.append(f"--{option}" if value else f"--no-{option}")
        else:
            listed = ",".join(map(str, value)) if isinstance(value, tuple) else value
            shown = f"{listed:g}" if isinstance(listed, float) else quoted(str(listed))
            options.append(f"--{option}{'=' if shown.startswith('-') else ' '}{shown}")
    return " ".join(options)


def typed_path(path: Path) -> str:
    """A path as it is typed: from the working directory if it lies below."""
    typed = str(path)
    if path.is_absolute():
        below = os.path.relpath(path) if path.anchor == Path.cwd().anchor else typed
        typed = typed if below.startswith(os.pardir) else below
    return quoted(os.path.join(os.curdir, typed) if typed.startswith("-") else typed)


_SHELL_WORD = re.compile(r"(?:\$'(?:[^'\\]|\\.)*'|'[^']*'|\"[^\"]*\"|\\.|[^\s'\"\\])+", re.DOTALL)


def folded_command(command: str, width: int, *, windows: bool = os.name == "nt") -> str:
    r"""A command in lines that a shell reads as one: each but the last ends with a backslash.

    Args:
        command: As it is typed in a POSIX shell.
        width: Characters of a line; a longer word has a line of its own.
        windows: Whether for cmd and PowerShell, which would need different signs: then it stays one line.

    Returns:
        The lines, the second and later ones indented.

    >>> print(folded_command("charrnn train 'my book.txt' --rnn-size 96", 30))
    charrnn train 'my book.txt' \
      --rnn-size 96
    """
    if windows:
        return command
    lines, line = [], ""
    for word in _SHELL_WORD.findall(command):
        longer = f"{line} {word}" if line else word
        if line.strip() and len(longer) + 2 > width:  # a space and a backslash end it
            lines.append(f"{line} \\")
            longer = f"  {word}"
        line = longer
    return "\n".join([*lines, line])
