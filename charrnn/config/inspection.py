"""What of a text is looked at, and where it is shown."""

from dataclasses import dataclass
from typing import Annotated

from charrnn.config.option import Config, Option


@dataclass(frozen=True, kw_only=True)
class InspectConfig(Config):
    """What of a text is looked at."""

    characters: Annotated[int, Option("Read so many characters of the text, at most, from its beginning.", low=2)] = (
        100_000
    )


@dataclass(frozen=True, kw_only=True)
class OutputConfig(Config):
    """Where what was found is shown, beside the terminal."""

    as_json: Annotated[bool, Option("Write JSON to standard output.", names=("--json",), switch=True)] = False
