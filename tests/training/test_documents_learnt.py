"""Beginnings and ends of documents are learnt, as well as in a text that is joined of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from helpers.trainings import assert_same, finish, folder, stored

from charrnn.config import ModelConfig, ReadConfig, TrainConfig
from charrnn.formatting import bits
from charrnn.network.engine import Engine
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.header import Header
from charrnn.sampling.request import Request
from charrnn.text import corpus
from charrnn.training.resume import resume_point, resumed
from charrnn.training.trainer import Trainer

WORDS = ["the", "keeper", "went", "to", "her", "old", "harbour", "and", "said", "a", "river", "came"]


def texts(count: int, size: int) -> list[str]:
    rng = np.random.default_rng(0)
    return [f"BEGIN\n{' '.join(rng.choice(WORDS, size))}\nTHE END.\n" for _ in range(count)]


def trained(path: Path, iterations: int, **reading: Any) -> Trainer:
    config = TrainConfig(
        batch_size=8, seq_length=32, iterations=iterations, warmup=5, snapshot_at=(), eval_every=0, learning_rate=0.02
    )
    training = Trainer(corpus.read(path, ReadConfig(**reading)), ModelConfig(rnn_size=32, num_layers=1), config)
    finish(training)
    return training


def test_beginnings_and_ends_are_learnt(tmp_path: Path) -> None:
    path = folder(tmp_path / "texts", texts(60, 15))
    joined, apart = trained(path, 250), trained(path, 250, documents=True)
    losses = [bits(training.evaluator.evaluate() or 0.0) for training in (joined, apart)]
    assert abs(losses[1] - losses[0]) < 0.2
    engine = Engine(apart.model.config, apart.model.weights())
    alone = Request(temperatures=(1.0,), count=10, seed=1).generate(engine, apart.vocabulary, "")
    for text in alone:
        written = "".join(character.text for character in text.characters)
        assert written.startswith("BEGIN\n")
        assert written.endswith("THE END.\n")
        assert written.count("BEGIN") == 1
    [longer] = Request(length=1500, temperatures=(1.0,), seed=1).generate(engine, apart.vocabulary, "")
    written = "".join(character.text for character in longer.characters)
    assert written.count("THE END.\n\n\nBEGIN\n") > 3


def test_many_documents_of_a_file_resume_exactly(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("".join(f"{name} {number}\n" for number in range(10) for name in WORDS), "utf-8")
    reading = {"document_separator": "\n", "min_count": 10, "shuffle": "documents"}
    config = TrainConfig(batch_size=3, seq_length=8, shift=5, iterations=70, snapshot_at=(), eval_every=0)

    def begin() -> Trainer:
        return Trainer(corpus.read(path, ReadConfig(**reading)), ModelConfig(rnn_size=6), config)  # type: ignore[arg-type]

    whole, part = begin(), begin()
    weights = finish(whole)
    assert whole.streams.per_epoch < 70
    for _ in range(33):
        part.step()
    before = stored(tmp_path / "resume.safetensors", resume_point(part))
    header: Header = before.header
    assert isinstance(before, Checkpoint)
    assert (header.vocabulary, header.vocabulary.boundary) == (part.vocabulary, "\n")
    assert_same(finish(resumed(before, begin().corpus)), weights)
