"""How a gap in a text is filled."""

from dataclasses import dataclass
from typing import Annotated

from charrnn.config.option import Config, Option, require
from charrnn.config.sampling import SAMPLING, Seed, Temperature

GAP = "The gap"
USUAL_MAX_LENGTH = 30  # characters of a filling whose length is open


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class FillConfig(Config):
    """What is drawn to fill a gap."""

    mark: Annotated[str, Option("What stands in the text for the gap.", panel=GAP, escapes=False)] = "[...]"
    length: Annotated[
        int | None,
        Option(
            "Characters of a filling, exactly so many.",
            panel=GAP,
            low=1,
            high=1000,
            names=("--length", "-n"),
            default="open",
        ),
    ] = None
    max_length: Annotated[
        int | None,
        Option(
            "The most characters of a filling whose length is open; each length up to it is as likely beforehand.",
            panel=GAP,
            low=1,
            high=1000,
            default=f"{USUAL_MAX_LENGTH}",
        ),
    ] = None
    judged: Annotated[
        int,
        Option("Characters on either side of the gap by which both models judge a filling.", panel=GAP, low=1),
    ] = 32
    draws: Annotated[int, Option("Draw so many fillings.", panel=SAMPLING, low=1, high=10**6)] = 256
    temperature: Temperature = None
    seed: Seed = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.length is None or self.max_length is None,
            "--length and --max-length contradict each other; give one of them.",
        )

    @property
    def lengths(self) -> range:
        """The lengths that a filling may have."""
        if self.length is not None:
            return range(self.length, self.length + 1)
        return range(1, (self.max_length or USUAL_MAX_LENGTH) + 1)
