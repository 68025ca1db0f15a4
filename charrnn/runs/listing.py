"""What is kept on disk, as plain data: each checkpoint's measurements, the runs, where a checkpoint comes from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charrnn.formatting import CHARACTER, Unit, bits
from charrnn.runs import checkpoint, history
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.checkpoint_file import CheckpointFile, best_of
from charrnn.runs.find import list_runs
from charrnn.runs.run import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointRow:
    """One checkpoint's measurements, as tables have them."""

    name: str  # the file's, without its ending
    run: str  # "" for a file that lies in no run
    path: Path
    iteration: int
    beginning: str  # what it is before the first iteration; "" after it
    characters: int  # seen in training
    train_loss: float | None  # nats per `unit`
    held_out_loss: float | None  # the network's
    best: bool  # lowest held-out loss of those it may be compared with
    known_words: float | None  # share of the words of the sample made in training, 0 to 1
    known_trigrams: float | None = None  # the same of three characters in a row, where words cannot be told
    mixed_loss: float | None = None  # on the same text, of network and counts; None without counts
    size: int  # bytes
    unit: Unit  # a character, or of a model of bytes a byte

    @classmethod
    def of(cls, file: CheckpointFile, run: str, best: bool) -> CheckpointRow:
        """The measurements in a checkpoint's header.

        Args:
            file: The checkpoint.
            run: What its run is called; "" for none.
            best: Whether its held-out loss is the lowest.

        Returns:
            The row.
        """
        header = file.header
        return cls(
            name=file.path.stem,
            run=run,
            path=file.path,
            iteration=header.iteration,
            beginning=header.beginning,
            characters=header.characters,
            train_loss=header.train_loss,
            held_out_loss=header.held_out_loss,
            best=best,
            known_words=header.sample.known_words if header.sample else None,
            known_trigrams=header.sample.known_trigrams if header.sample else None,
            mixed_loss=header.mixed_loss,
            size=file.size,
            unit=header.vocabulary.unit,
        )

    @property
    def train_bits(self) -> float | None:
        """The training loss in bits."""
        return bits(self.train_loss)

    @property
    def held_out_bits(self) -> float | None:
        """The held-out loss in bits."""
        return bits(self.held_out_loss)

    @property
    def mixed_bits(self) -> float | None:
        """The loss of network and counts in bits."""
        return bits(self.mixed_loss)

    @property
    def label(self) -> str:
        """What tells it from the others, in few words."""
        return f"{self.run}, iteration {self.iteration:,}" if self.run else f"{self.name}, iteration {self.iteration:,}"

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: losses as `train_bpc` (of bytes `train_bpb`), `train_nats` and so on."""
        values: dict[str, Any] = {}
        for name, value in (dataclasses.asdict(self) | {"path": str(self.path), "unit": self.unit.one}).items():
            loss = name.removesuffix("_loss")
            values |= {name: value} if loss == name else self.unit.losses(loss, value)
        return values


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """A run as `charrnn runs` lists it."""

    run: Run
    rows: tuple[CheckpointRow, ...]
    best: CheckpointRow | None
    iterations: int  # the furthest checkpoint's, the resume file included
    size: int  # bytes
    diverged: int | None = None  # the iteration at which it did

    @property
    def unit(self) -> Unit:
        """What its losses are told by; a character where there is nothing yet."""
        return next((file.header.vocabulary.unit for file in self.run.checkpoints), CHARACTER)

    @property
    def masked(self) -> bool:
        """Whether its losses are of hidden characters, and not of the next ones."""
        return any(file.header.model.bidirectional for file in self.run.checkpoints)

    @property
    def backward(self) -> bool:
        """Whether it reads texts from their end."""
        return any(file.header.backward for file in self.run.checkpoints)

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "name": self.run.name,
            "path": str(self.run.path),
            "created": self.run.created,
            "snapshots": len(self.run.snapshots),
            "iterations": self.iterations,
            "size": self.size,
            **self.unit.losses("best_held_out", self.best.held_out_loss if self.best else None),
            **self.unit.losses("best_mixed", self.best.mixed_loss if self.best else None),
            "unit": self.unit.one,
            "masked": self.masked,
            "backward": self.backward,
            "resumable": self.run.resumable is not None,
            "diverged": self.diverged,
            "checkpoints": [row.to_dict() for row in self.rows],
            "problems": list(self.run.problems),
        }


def listing(root: Path) -> list[RunSummary]:
    """The runs below a directory, from headers alone.

    Args:
        root: The directory of runs.

    Returns:
        A summary of each, the newest first.

    Raises:
        RunError: There is no such directory.
    """
    listed = []
    for run in list_runs(root):
        best = best_of(run.snapshots)
        rows = tuple(CheckpointRow.of(snapshot, run.name, snapshot is best) for snapshot in run.snapshots)
        everything = [*run.snapshots, *([run.resumable] if run.resumable else [])]
        listed.append(
            RunSummary(
                run=run,
                rows=rows,
                best=next((row for row in rows if row.best), None),
                iterations=max((file.header.iteration for file in everything), default=0),
                size=run.size,
                diverged=history.read(run).diverged,
            )
        )
    return listed


def provenance(path: Path) -> dict[str, Any]:
    """Where a checkpoint comes from: everything it says of itself, verified.

    Args:
        path: The checkpoint.

    Returns:
        Values for JSON by name: losses as `train_bpc` (of bytes `train_bpb`), `train_nats` and so on.

    Raises:
        CheckpointError: It cannot be read, or is damaged.
    """
    loaded = checkpoint.load(path)
    header, unit = loaded.header, loaded.header.vocabulary.unit
    weights = sum(tensor.size for tensor in loaded.weights.values())
    return {
        "path": str(path),
        "size": path.stat().st_size,
        "sha256": loaded.digest,
        "kind": header.kind,
        "created": header.created,
        "made_with": dict(header.made_with),
        "iteration": header.iteration,
        "characters": header.characters,
        "unit": unit.one,
        **unit.losses("train", header.train_loss),
        **unit.losses("held_out", header.held_out_loss),
        **unit.losses("mixed", header.mixed_loss),
        "corpus": header.corpus_facts,
        "reading": dataclasses.asdict(header.reading),
        "began_from": dict(header.began_from),
        "vocabulary": {
            "size": len(header.vocabulary),
            "of_bytes": header.vocabulary.of_bytes,
            "unknown": header.vocabulary.unknown,
            "characters": "" if header.vocabulary.of_bytes else "".join(header.vocabulary.characters),
        },
        "parameters": weights,
        "model": dataclasses.asdict(header.model),
        "training": dataclasses.asdict(header.training),
        "counts": _counts(loaded),
        "sample": dataclasses.asdict(header.sample) if header.sample else None,
    }


def _counts(loaded: Checkpoint) -> dict[str, Any] | None:
    """What there is to know of the counts beside a network; None without any. Raises CheckpointError."""
    mixing, mixture = loaded.header.mixing, loaded.mixture
    if mixing is None or mixture is None:
        return None
    return {
        "entries": len(mixture.model),
        "order": mixture.model.order,
        "size": mixture.model.bytes,
        "shares": list(mixing.shares),
        "improves": mixing.improves,
    }
