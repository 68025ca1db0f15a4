"""What of a text is looked at, and where."""

from dataclasses import dataclass
from typing import Annotated

from charrnn.config.option import Config, Option


@dataclass(frozen=True, kw_only=True)
class InspectConfig(Config):
    """What of a text is looked at."""

    characters: Annotated[int, Option("Read so many characters of the text, at most, from its beginning.", low=2)] = (
        100_000
    )
