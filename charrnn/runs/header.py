"""What a checkpoint says of itself: settings, vocabulary, measurement and sample, as JSON in the file's metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from charrnn.config import ModelConfig, ReadConfig, TrainConfig
from charrnn.errors import CheckpointError
from charrnn.formatting import bits, few, hex_bytes
from charrnn.ngrams.mixing import Mixing
from charrnn.runs import bounded_json
from charrnn.runs.header_schema import LARGEST_LOSS, MOST_CHARACTERS, check_header
from charrnn.text.finding import Finding
from charrnn.text.vocabulary import Vocabulary

FORMAT = 1
_MOST_VALUES = MOST_CHARACTERS + 200_000  # of the JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A text the model wrote, and all that is needed to write it again."""

    prime: str
    text: str  # what follows the prime, or comes before it
    seed: int
    temperature: float
    known_words: float | None  # share of its words that occur in the training text; None where there are none
    known_trigrams: float | None = None  # the same of three characters in a row, where words cannot be told
    backward: bool = False  # whether the text is what comes before the prime: the header says it, and no file twice

    @property
    def whole(self) -> str:
        """The prime and the text, as people read them."""
        return self.text + self.prime if self.backward else self.prime + self.text

    @property
    def shown(self) -> str:
        r"""The same as people see it: a byte that is no character as \x9b, no blank lines around."""
        return hex_bytes(self.whole).strip("\n")

    @property
    def code_block(self) -> str:
        """The same as it is in Markdown: indented."""
        return "".join(f"    {line}\n" for line in self.shown.split("\n"))


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Header:
    """All of a checkpoint but its tensors. Losses are nats per character."""

    kind: str  # "snapshot" or "resume"
    model: ModelConfig
    training: TrainConfig
    vocabulary: Vocabulary
    iteration: int
    characters: int  # seen in training, overlaps counted again
    train_loss: float | None  # smoothed over the latest iterations
    held_out_loss: float | None
    corpus: Mapping[str, Any]  # name, path, digest, characters
    reading: ReadConfig = field(default_factory=ReadConfig)
    began_from: Mapping[str, Any] = field(default_factory=dict)  # where weights were taken from
    findings: tuple[Finding, ...] = ()  # what the held-out loss is worth on this text; none in older ones
    sample: Sample | None = None
    mixing: Mixing | None = None  # how the n-grams in the file are mixed with the network; None without any
    created: str = ""  # ISO 8601, UTC
    made_with: Mapping[str, Any] = field(default_factory=dict)  # charrnn, torch, device, threads
    progress: Mapping[str, Any] = field(default_factory=dict)  # what a resume needs beside tensors

    def __post_init__(self) -> None:
        """Give vocabulary and sample the direction of the training, for whoever encodes for the model or reads it."""
        object.__setattr__(self, "vocabulary", self.vocabulary.in_direction(backward=self.backward))
        if self.sample:
            object.__setattr__(self, "sample", dataclasses.replace(self.sample, backward=self.backward))

    @property
    def backward(self) -> bool:
        """Whether the model reads a text from its end, and so writes what leads up to one."""
        return self.training.backward

    @property
    def mixed_loss(self) -> float | None:
        """The held-out loss of network and counts together; None without counts."""
        return self.mixing.held_out_loss if self.mixing else None

    @property
    def named_losses(self) -> tuple[tuple[str, float | None], ...]:
        """What was measured, and what it is called in a row of figures."""
        train = "masked loss, train" if self.model.bidirectional else "train"
        return (train, self.train_loss), ("held out", self.held_out_loss), ("+ counts", self.mixed_loss)

    @property
    def held_out_words(self) -> str:
        """The held-out loss in words, "" where it was not measured: `held out 1.523 bpc`; `masked loss, ...`."""
        if self.held_out_loss is None:
            return ""
        masked = "masked loss, " * self.model.bidirectional  # bits of each hidden character, not of the next one
        return f"{masked}held out {bits(self.held_out_loss):.3f} {self.vocabulary.unit.short}"

    @property
    def summary(self) -> str:
        """What it is in a few words: `LSTM 2 x 256, 87 characters, iteration 2,000, held out 1.523 bits`."""
        known = "all bytes" if self.vocabulary.of_bytes else f"{len(self.vocabulary):,} characters"
        loss = f", {words}" if (words := self.held_out_words) else ""
        direction = ", backward" if self.backward else ""
        return f"{self.model.title}{direction}, {known}, iteration {self.iteration:,}{loss}"

    def __repr__(self) -> str:
        return f"<Header of a {self.kind}: {self.summary}>"

    @property
    def untrained(self) -> bool:
        """Whether it is before the first iteration, and its network's weights are random: nothing can be had of it."""
        return self.iteration == 0 and self.began_from.get("what") != "network"

    @property
    def comparable_loss(self) -> float | None:
        """The held-out loss by which the best is found; None if it was not measured, or nothing is trained yet."""
        return None if self.untrained else self.held_out_loss

    @property
    def beginning(self) -> str:
        """What it is before the first iteration, in words; "" after it."""
        return "" if self.iteration else "untrained" if self.untrained else "the weights it began with"

    @property
    def fell_back_to(self) -> int | None:
        """The snapshot's iteration that its training went on from, for want of a resume file; None: it never did."""
        return self.began_from.get("fell_back_to")

    @property
    def origin(self) -> Mapping[str, Any]:
        """The arguments of `corpus.read` by which the text of a resume file was read; {} where it does not say."""
        origin = self.progress.get("origin")
        return origin if isinstance(origin, Mapping) else {}

    @property
    def corpus_facts(self) -> dict[str, Any]:
        """What of `corpus` people look at: all but the digests of its documents."""
        return {name: value for name, value in self.corpus.items() if name != "document_digests"}

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces; a loss that is no number, or a senseless one, becomes null."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        values["format"] = FORMAT
        values["model"] = dataclasses.asdict(self.model)
        values["training"] = dataclasses.asdict(self.training)
        values["reading"] = dataclasses.asdict(self.reading)
        values["findings"] = [dataclasses.asdict(finding) for finding in self.findings]
        values["vocabulary"] = {
            "code_points": self.vocabulary.code_points.tolist(),
            "most_frequent": self.vocabulary.most_frequent,
            "unknown": self.vocabulary.unknown,
            "of_bytes": self.vocabulary.of_bytes,
            "boundary": self.vocabulary.boundary,
        }
        values["sample"] = dataclasses.asdict(self.sample) if self.sample else None
        if self.sample:  # older readers, which know no backward training, are to say so, and not that this is damage
            del values["sample"]["backward"]
        values["mixing"] = dataclasses.asdict(self.mixing) if self.mixing else None
        for loss in ("train_loss", "held_out_loss"):
            if values[loss] is not None and not 0 <= values[loss] <= LARGEST_LOSS:
                values[loss] = None
        return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Header:
        """The header that `to_json` wrote.

        Args:
            text: JSON.

        Returns:
            The header.

        Raises:
            CheckpointError: It is of another format, or has settings that this version does not know.
            VocabularyError, ValueError: It is damaged.
        """
        values = bounded_json.loads(text.encode(), most=_MOST_VALUES)
        if not isinstance(values, dict) or "format" not in values:
            raise ValueError("format is missing")
        if values["format"] != FORMAT:
            raise CheckpointError(
                f"has format {values['format']!r:.40}; this charrnn reads format {FORMAT}.",
                "Use the charrnn that wrote it.",
            )
        unknown = sorted(values.keys() - {field.name for field in dataclasses.fields(cls)} - {"format"})
        if unknown:
            raise CheckpointError(
                f"has {few([repr(name) for name in unknown])}: written by a newer charrnn?", "Upgrade charrnn."
            )
        check_header(values)
        del values["format"]
        vocabulary = values["vocabulary"]
        values["vocabulary"] = Vocabulary(
            np.asarray(vocabulary["code_points"], dtype=np.uint32),
            vocabulary["most_frequent"],
            unknown=vocabulary["unknown"],
            of_bytes=vocabulary["of_bytes"],
            boundary=vocabulary.get("boundary"),
        )
        values["model"] = ModelConfig.from_dict(values["model"])
        values["training"] = TrainConfig.from_dict(values["training"])
        values["reading"] = ReadConfig.from_dict(values["reading"])
        values["findings"] = tuple(map(Finding.from_dict, values.get("findings", ())))
        values["sample"] = Sample(**values["sample"]) if values["sample"] else None
        values["mixing"] = Mixing.from_dict(values["mixing"]) if values.get("mixing") else None
        return cls(**values)
