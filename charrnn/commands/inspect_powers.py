"""`charrnn inspect powers`: why gradients vanish and explode, in the textbooks' y = w^1000."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from charrnn.commands.arguments import Command
from charrnn.commands.inspect_output import Outputs
from charrnn.commands.options import with_options
from charrnn.config import Option, OutputConfig
from charrnn.errors import UsageError

_USUAL = ("1", "1.01", "0.99", "0.01")
_MOST = 12  # weights in one picture

Steps = Annotated[int, Option("The exponent: so many steps of a recurrent network.", low=1, high=1_000_000)]
Clip = Annotated[float, Option("Clip the gradient at this, by value and by norm.", above=0, names=("--grad-clip",))]


class NumbersCommand(Command):
    """A verb whose arguments are numbers: `-0.5` is one, and no option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed. Raises UsageError."""
        words = []
        for before, word in zip(["", *args], args, strict=False):
            is_value = before.startswith("--") and "=" not in before and before not in ("--", "--json")
            words.append(f" {word}" if re.match(r"-\.?\d", word) and not is_value else word)
        return super().parse_args(ctx, words)


@with_options
def powers(
    *,
    weights: Annotated[
        list[str] | None,
        typer.Argument(metavar="WEIGHT", show_default=" ".join(_USUAL), help="Numbers."),
    ] = None,
    steps: Steps = 1000,
    clip: Clip = 5.0,
    output: OutputConfig,
) -> None:
    """Show why gradients vanish and explode: y = w^1000 and its gradient, exactly, and what clipping makes of it."""
    from decimal import Decimal

    from charrnn.inspection.powers import parse, powers, view

    outputs = Outputs.of(output)
    typed = weights or list(_USUAL)
    if len(typed) > _MOST:
        raise UsageError(f"{len(typed)} weights: {_MOST} are shown at most.")
    found = powers(list(map(parse, typed)), steps, Decimal(repr(clip)))
    outputs.show(view(found), found.to_dict)
