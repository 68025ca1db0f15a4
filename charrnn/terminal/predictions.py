"""What a model thought would come, as a terminal shows it."""

from __future__ import annotations

from rich.console import Console

from charrnn.formatting import one_line
from charrnn.inspection.predictions import Predictions
from charrnn.terminal.console import open_table, plain, show_table


def show_predictions(out: Console, predicted: Predictions) -> None:
    """A row for each character: how likely it was, and what was likeliest to come next."""
    places = predicted.to_dict()["places"]
    table = open_table("Read", "It had", "Next", right=["It had"])
    for place in places:
        chance = "" if place["probability"] is None else f"{place['probability']:.0%}"
        following = "  ".join(
            f"{one_line(likely['character'])} {likely['probability']:.0%}" for likely in place["next"]
        )
        table.add_row(plain(one_line(place["character"])), plain(chance), plain(following))
    show_table(out, table)
