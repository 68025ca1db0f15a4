"""What --help shows of a verb: each option by one name, as wide as the terminal is."""

from __future__ import annotations

import copy
import inspect
import os
import sys
from typing import Any

from charrnn.terminal import output

_USUAL, _LEAST = 80, 20  # columns


class Helped:
    """A Typer command or group whose help is easier to read than Typer's own."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help: without other programs' names of an option, nor the type of what takes no value."""
        from typer import rich_utils

        rich_utils.MAX_WIDTH = _columns()
        shown: Any = copy.copy(self)
        shown.params = [_shown(parameter) for parameter in shown.get_params(ctx)]
        shown.add_help_option = False  # it is one of them
        shown.get_params = lambda _: shown.params
        paragraphs = inspect.cleandoc(shown.help or "").split("\n\n")
        shown.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        try:
            super(Helped, shown).format_help(ctx, formatter)  # type: ignore[misc]
        except SystemExit:  # Rich's, where nobody reads any longer (`| head`)
            raise SystemExit(0) from None


def _shown(parameter: Any) -> Any:
    """A parameter with the first of its long names alone, and with its letter."""
    if parameter.param_type_name != "option":
        return parameter
    shown = copy.copy(parameter)
    long = [name for name in parameter.opts if name.startswith("--")]
    shown.opts = [*long[:1], *(name for name in parameter.opts if name not in long)]
    if parameter.is_flag:
        shown.display_type_rich = lambda ctx: None
    return shown


def _columns() -> int:
    """Those of the terminal; those of $COLUMNS if it has any; of a file or pipe the usual ones."""
    named = os.environ.get("COLUMNS", "")
    usual = int(named) if named.isdecimal() and int(named) else _USUAL
    return max(_LEAST, output.width(sys.stdout) or usual)
