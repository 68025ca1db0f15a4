"""What of a text is looked at, and where it is shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from charrnn.config.option import Config, Option
from charrnn.config.writing import FORCE, JSON


@dataclass(frozen=True, kw_only=True)
class InspectConfig(Config):
    """What of a text is looked at."""

    characters: Annotated[int, Option("Read so many characters of the text, at most, from its beginning.", low=2)] = (
        100_000
    )


@dataclass(frozen=True, kw_only=True)
class OutputConfig(Config):
    """Where what was found is shown, beside the terminal."""

    html: Annotated[
        Path | None,
        Option(
            "Write a page with all this, to look at: its units and characters by pointer or arrow keys.", metavar="FILE"
        ),
    ] = None
    png: Annotated[Path | None, Option("Draw it as a picture; needs resvg-py.", metavar="FILE")] = None
    svg: Annotated[Path | None, Option("Draw it as SVG, which needs nothing more.", metavar="FILE")] = None
    force: Annotated[
        bool,
        Option(
            FORCE,
            names=("--force",),
            switch=True,
        ),
    ] = False
    as_json: Annotated[bool, Option(JSON, names=("--json",), switch=True)] = False
