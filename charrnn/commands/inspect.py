"""`charrnn inspect`: what goes on inside a network, on any text."""

from __future__ import annotations

import typer

from charrnn.commands.arguments import Command, Group
from charrnn.commands.inspect_gates import gates
from charrnn.commands.inspect_gradients import gradients
from charrnn.commands.inspect_neurons import neurons
from charrnn.commands.inspect_powers import NumbersCommand, powers
from charrnn.commands.inspect_predictions import predictions
from charrnn.commands.inspect_windows import windows

inspect_app = typer.Typer(cls=Group, help="Look inside a network: gradients, gates, units, predictions.")


@inspect_app.callback()
def inspect() -> None:
    """Look inside a network: gradients, gates, units, predictions."""


inspect_app.command(cls=Command)(gates)
inspect_app.command(cls=Command)(neurons)
inspect_app.command(cls=Command)(predictions)
inspect_app.command(cls=Command)(gradients)
inspect_app.command(cls=NumbersCommand)(powers)
inspect_app.command(cls=Command)(windows)
