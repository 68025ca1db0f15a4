"""What models took for one text, as plain data: the networks, and with their counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from charrnn.evaluation.bootstrap import Difference
from charrnn.formatting import BYTE, Unit, in_all_units, nats


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelMeasurement:
    """One model on the text. In bits per unit of the measurement, the network's; with counts also those of both."""

    path: Path
    carried: float  # the state carried from character to character
    cold: float  # in windows of 256 that begin with a zero state
    mixed_carried: float | None = None  # the same of network and counts; None without counts
    mixed_cold: float | None = None
    unseen: int  # characters that the model had never seen, each charged 20.1 bits (charrnn.evaluation.scoring)
    form: str | None  # what of the text it read in another form: composed, or with its own quotes and dashes
    difference: Difference | None  # its bits less those of the best; None for the best itself
    mixed_difference: Difference | None = None  # the same of network and counts, from the best that has counts

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: bits, and beside them nats and perplexities, of which differences are ratios."""
        values = asdict(self) | {"path": str(self.path)}
        for name in ("carried", "cold", "mixed_carried", "mixed_cold"):
            values |= _other_units(name, values[name])
        for kind in ("", "mixed_"):
            behind = values[f"{kind}behind"] = values.pop(f"{kind}difference")
            for units in ("nats", "perplexity"):
                told = {name: _other_units("", bits)[f"_{units}"] for name, bits in (behind or {}).items()}
                values[f"{kind}behind_{units}"] = told or None
        return values


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """What all were measured on, and how they did."""

    text: str
    held_out: bool  # whether it is the held-out part of a text they were trained on
    characters: int
    bytes: int  # that they are in UTF-8
    unit: Unit  # what all figures are bits per: a byte if all models are of bytes, else a character
    models: tuple[ModelMeasurement, ...]  # in the order asked for
    best: Path  # of the networks
    mixed_best: Path | None = None  # of networks with their counts; None without any
    order: int | None  # of the best n-gram model of the training text
    ngrams: float | None  # its bits

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        models = [model.to_dict() for model in self.models]
        mixed_best = None if self.mixed_best is None else str(self.mixed_best)
        values = asdict(self) | {"best": str(self.best), "mixed_best": mixed_best}
        values |= {"unit": self.unit.one, "models": models}
        return values | _other_units("ngrams", self.ngrams)

    @property
    def several_mixed(self) -> bool:
        """Whether there are differences of models with counts."""
        return sum(model.mixed_carried is not None for model in self.models) > 1

    @property
    def count(self) -> int:
        """How many characters or bytes were measured."""
        return self.bytes if self.unit == BYTE else self.characters


def _other_units(name: str, bits: float | None) -> dict[str, float | None]:
    """What stands beside a loss in bits in JSON."""
    figures = in_all_units(nats(bits))
    return {f"{name}_{units}": figure for units, figure in figures.items() if units != "bits"}
