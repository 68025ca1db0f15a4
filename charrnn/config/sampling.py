"""What is written with a trained model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from charrnn.config import parsing
from charrnn.config.option import Config, Option, require

SAMPLING = "Sampling"
TEMPERATURE = 0.8  # where none is said


@dataclass(frozen=True, kw_only=True)
class SamplingConfig(Config):
    """What every verb that writes can be told."""

    prime: Annotated[
        str | None,
        Option(
            "Prompt: the text that every sample goes on from.",
            panel=SAMPLING,
            names=("--prompt", "--prime", "-p", "--primetext", "--start-text", "--start"),
            default="a newline",
        ),
    ] = None
    length: Annotated[int, Option("New characters to write.", panel=SAMPLING, low=0, names=("--length", "-n"))] = 1000
    temperature: Annotated[
        float | None,
        Option(
            "Sampling temperature: higher is wilder, lower safer and more repetitive; 0 is greedy.",
            panel=SAMPLING,
            low=0,
            names=("--temperature", "-t"),
            default=f"{TEMPERATURE:g}",
        ),
    ] = None
    temperatures: Annotated[
        tuple[float, ...] | None,
        Option(
            "Write a text at each of these sampling temperatures: 0.2,0.5,0.8,1.0.",
            panel=SAMPLING,
            metavar="T,T,...",
            parse=parsing.temperatures,
        ),
    ] = None
    seed: Annotated[int | None, Option("Random seed: the same seed writes the same text.", panel=SAMPLING, low=0)] = (
        None
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.temperature is None or self.temperatures is None,
            "--temperature and --temperatures contradict each other; give one of them.",
        )

    def chosen_temperatures(self, *usual: float) -> tuple[float, ...]:
        """The temperatures that were asked for, one way or the other, else the usual ones."""
        if self.temperatures is not None:
            return self.temperatures
        return usual or (TEMPERATURE,) if self.temperature is None else (self.temperature,)
