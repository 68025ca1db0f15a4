"""Options that several verbs share, and what they make of the words that were typed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from charrnn.errors import UsageError

CheckpointDir = Annotated[Path, typer.Option(help="Where runs are kept.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]


def print_json(values: Any) -> None:
    """JSON on standard output, every character escaped that is not ASCII."""
    import json

    print(json.dumps(values, indent=2, allow_nan=False))


def report(problems: list[str]) -> None:
    """Name what was skipped on standard error. Raises Exit with code 1 if there was anything."""
    from charrnn.formatting import visible

    sys.stdout.flush()
    for problem in problems:
        print(f"charrnn: skipped: {visible(problem)}", file=sys.stderr)
    if problems:
        raise typer.Exit(1)


def unescaped(typed: str) -> str:
    r"""What is typed on a command line, where \n, \t, \r and \\ stand for characters."""
    escapes = {r"\n": "\n", r"\t": "\t", r"\r": "\r", r"\\": "\\"}
    return re.sub(r"\\[ntr\\]", lambda match: escapes[match[0]], typed)


def chosen_temperatures(
    one: float | None, several: str | None, default: float, *, greedy: bool = False
) -> tuple[float, ...]:
    """Those asked for, one way or the other. Raises UsageError."""
    if sum((one is not None, greedy, several is not None)) > 1:
        raise UsageError("--temperature, --greedy and --temperatures contradict each other; give one of them.")
    if several is None:
        return (0.0 if greedy else default if one is None else one,)
    try:
        return tuple(float(part) for part in several.split(","))
    except ValueError:
        raise UsageError(f"--temperatures {several}: numbers with commas between them, as in 0.2,0.5,0.8.") from None
