"""What --help shows of a verb: each option by one name, as wide as the terminal is."""

from __future__ import annotations

import copy
import inspect
import sys
import textwrap
from typing import Any

from charrnn.terminal import output

_LEAST = 20  # columns
_NARROW = 80  # of fewer Typer's tables have no room for the names of options, and cut them


class Helped:
    """A Typer command or group whose help is easier to read than Typer's own."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help: without other programs' names of an option, nor the type of what takes no value."""
        from typer import rich_utils

        rich_utils.MAX_WIDTH = columns = _columns()
        shown: Any = copy.copy(self)
        shown.params = [_shown(parameter) for parameter in shown.get_params(ctx)]
        shown.add_help_option = False  # it is one of them
        shown.get_params = lambda _: shown.params
        paragraphs = inspect.cleandoc(shown.help or "").split("\n\n")
        shown.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        if columns < _NARROW:
            formatter.write(_listed(shown, ctx, columns))
            return
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


def _listed(command: Any, context: Any, columns: int) -> str:
    """The help without tables: what there is to type, and below it what it means."""
    usage = " ".join(["Usage:", context.command_path, *command.collect_usage_pieces(context)])
    lines = [*_filled(usage, columns), ""]
    for paragraph in command.help.split("\n\n"):
        lines += [*_filled(paragraph, columns), ""]
    title = ""
    for parameter in sorted(command.params, key=lambda parameter: not _is_argument(parameter)):
        if (record := parameter.get_help_record(context)) is None:
            continue
        panel = parameter.rich_help_panel or ("Arguments" if _is_argument(parameter) else "Options")
        if panel != title:
            title = panel
            lines += ["", f"{title}:"]
        lines += [*_filled(record[0], columns, "  "), *_filled(record[1], columns, "      ")]
    below = getattr(command, "commands", {})
    lines += ["", "Commands:"] if below else []
    for name, verb in below.items():
        meaning = (verb.help or "").partition("\n\n")[0]
        lines += [f"  {name}", *_filled(" ".join(meaning.split()), columns, "      ")]
    return "\n".join(line for line, before in zip(lines, ["", *lines], strict=False) if line or before) + "\n"


def _is_argument(parameter: Any) -> bool:
    """Whether it has no name of an option before it."""
    return bool(parameter.param_type_name == "argument")


def _filled(text: str, columns: int, indent: str = "") -> list[str]:
    """Lines that fit, broken between words."""
    return textwrap.wrap(text, columns, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _columns() -> int:
    """Those of the terminal; those of $COLUMNS if it has any; of a file or pipe the usual ones."""
    return max(_LEAST, output.width(sys.stdout) or output.named_width() or output.USUAL_WIDTH)
