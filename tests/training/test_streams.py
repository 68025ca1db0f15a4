"""Texts of 10^10 and 10^12 characters, simulated: the ids are those of a short text over and over, worked out from
their places. What a start, an evaluation and a save read of them is counted, and must not grow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.held_out import make
from helpers.trainings import MODEL_CONFIG, TEXT, TRAIN_CONFIG, assert_same

from charrnn.evaluation import held_out_check
from charrnn.ngrams import counting
from charrnn.runs import checkpoint
from charrnn.text import corpus, lexicon
from charrnn.text.corpus import Corpus
from charrnn.text.document_split import split_of_documents
from charrnn.text.lexicon import Lexicon
from charrnn.text_check import documents
from charrnn.text_check.findings import CheckedText
from charrnn.training import held_out_counts
from charrnn.training.document_windows import DocumentStreams
from charrnn.training.held_out_counts import HeldOutCounts
from charrnn.training.resume import resume_point, resumed
from charrnn.training.streams import streams_of
from charrnn.training.trainer import Trainer
from charrnn.training.validation import held_out_nats

BASE = corpus.from_text(TEXT)


class Periodic:
    """The ids of a short text over and over, (n,), and how many of them were asked for."""

    def __init__(self, size: int) -> None:
        self.size, self.base, self.asked = size, BASE.ids[0 : len(BASE)], 0

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.base.dtype

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, span: slice) -> np.ndarray:
        start, stop, step = span.indices(self.size)
        assert step == 1
        self.asked += max(0, stop - start)
        return self.base[np.arange(start, max(start, stop)) % len(self.base)]


def large(size: int) -> Corpus:
    """A corpus of so many characters."""
    (document,) = BASE.documents
    counts = BASE.counts * (size // len(BASE))
    return dataclasses.replace(
        BASE, ids=Periodic(size), counts=counts, documents=(dataclasses.replace(document, characters=size),)
    )  # type: ignore[arg-type]


SIZES = pytest.mark.parametrize("size", [10**10, 10**12])


@SIZES
@pytest.mark.parametrize("val_at", ["end", "spread"])
@pytest.mark.parametrize("settings", [{}, {"shift": 5}, {"rotate": True}, {"stateless": True}], ids=str)
def test_windows_are_where_they_should_be(size: int, val_at: Any, settings: dict[str, Any]) -> None:
    source = large(size)
    config = dataclasses.replace(TRAIN_CONFIG, batch_size=5, seq_length=7, **settings).completed()
    split = source.split(0.1, 10**6, val_at)
    assert split.training_size + split.held_out_size == size
    assert 900_000 < split.held_out_size <= 10**6
    streams = streams_of(source, split, config)
    shift = config.effective_shift
    windows = (split.training_size - 1 - 7) // shift + 1
    per_stream = ((split.training_size - 1) // 5 - 7) // shift + 1
    assert streams.per_epoch == (windows // 5 if config.stateless else per_stream)
    bounds = np.array(split.training)
    before = np.concatenate([[0], np.cumsum(bounds[:, 1] - bounds[:, 0])])  # characters before each span

    def ids(start: int) -> list[int]:
        """The eight training characters from a place on, looked up one by one."""
        places = np.arange(start, start + 8)
        part = np.searchsorted(before, places, side="right") - 1
        return BASE.ids[(bounds[part, 0] + places - before[part]) % len(BASE)].tolist()

    for index in (0, streams.per_epoch - 1, streams.per_epoch // 3, 5 * streams.per_epoch + 10**6):
        window = streams[index]
        epoch, k = divmod(index, streams.per_epoch)
        for row in range(5) if not (config.stateless or (config.rotate and epoch)) else ():
            read = ids(row * ((split.training_size - 1) // 5) + k * shift)
            assert window.inputs[row].tolist() == read[:7]
            assert window.targets[row].tolist() == read[1:]
        assert np.array_equal(window.inputs[:, 1:], window.targets[:, :-1])
    assert source.ids.asked < 10**7  # type: ignore[union-attr]


def test_documents_of_ten_billion_characters_together() -> None:
    boundaries = np.arange(0, 10**10 + 1, 10**5, dtype=np.int64)  # before, between and after 10^5 documents
    split = split_of_documents(boundaries, 10**6, seed=0, val_max=10**6)
    assert 900_000 < split.held_out_size <= 10**6
    assert split.documents is not None
    streams = DocumentStreams(Periodic(10**10 + 1), split.documents, 8, 100, 100, pack=800)
    assert streams.per_epoch == -(-len(split.documents) * 1000 // 8)
    window = streams[streams.per_epoch - 1]
    assert np.array_equal(window.inputs[:, 1:], window.targets[:, :-1])


def test_held_out_text_far_behind_is_measured_as_the_same_text_in_front() -> None:
    model, size = make("lstm", vocabulary_size=len(BASE.vocabulary)), 10**12 // len(BASE) * len(BASE)
    ids = Periodic(size + len(BASE))
    spans = np.array([[100, 200, 900], [900, 901, 950]])
    here, there = (held_out_nats(model, ids, spans + offset, streams=3, warmup=20) for offset in (0, size))
    assert np.array_equal(here, there)


def test_a_training_of_a_large_text_is_saved_and_goes_on(tmp_path: Path) -> None:
    config = dataclasses.replace(TRAIN_CONFIG, iterations=6, val_max=500, ngrams=False)

    def trained(steps: int) -> Trainer:
        trainer = Trainer(large(10**12), MODEL_CONFIG, config, device="cpu")
        for _ in range(steps):
            trainer.step()
        return trainer

    whole, half = trained(6), trained(3)
    assert whole.evaluator.evaluate() is not None
    assert whole.corpus.ids.asked < 10_000  # type: ignore[union-attr]
    checkpoint.save(tmp_path / "resume.safetensors", *resume_point(half))
    kept = checkpoint.load(tmp_path / "resume.safetensors")
    assert kept.header.corpus["characters"] == 10**12
    after = resumed(kept, large(10**12), device="cpu")
    for _ in range(3):
        after.step()
    assert_same(after.model.weights(), whole.model.weights())


@pytest.fixture
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less is looked at of a long text than is usual, so that the test is short."""
    monkeypatch.setattr(held_out_check, "_SEARCHED", 400_000)
    monkeypatch.setattr(held_out_check, "_AT_ONCE", 1 << 16)
    monkeypatch.setattr(lexicon, "PIECE", 10_000)
    monkeypatch.setattr(held_out_counts, "COUNTED", 20_000)
    monkeypatch.setattr(counting, "COUNTED", 20_000)


def _findings(source: Corpus) -> None:
    held_out_check.examine(source, source.split(0.1, 2000))
    list(documents.boilerplate(CheckedText(source)))


STEPS: dict[str, Callable[[Corpus], object]] = {
    "split": lambda source: source.split(0.1, 2000, "spread"),
    "findings": _findings,
    "words": lambda source: Lexicon.of(source, source.split(0.1, 2000).training, limit=10_000, piece=10_000),
    "counts": lambda source: HeldOutCounts(source, source.split(0.1, 2000)).prepare(),
    "description": lambda source: source.describe(),
}


@pytest.mark.usefixtures("bounds")
@pytest.mark.parametrize("step", STEPS)
def test_a_start_reads_as_much_of_every_large_text(step: str) -> None:
    asked = []
    for size in (10**8, 10**12):
        source = large(size)
        STEPS[step](source)
        asked.append(source.ids.asked)  # type: ignore[union-attr]
    assert asked[1] <= 1.01 * asked[0] <= 10**7
