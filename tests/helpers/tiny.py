"""Small checkpoints of random weights, as a training would have left them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charrnn.config import ModelConfig, ReadConfig, TrainConfig
from charrnn.errors import CheckpointError
from charrnn.ngrams.counting import count
from charrnn.ngrams.mixing import Mixing
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Tensors
from charrnn.runs.header import Header, Sample
from charrnn.text import corpus
from charrnn.text.corpus import Corpus
from charrnn.text.vocabulary import Vocabulary, to_code_points

TEXT = "Well, Prince, so Genoa and Lucca\nare now just family estates.\té\n"
MODEL = ModelConfig(num_layers=1, rnn_size=4, embedding_size=3).completed()
NATS_PER_BIT = 0.6931471805599453


def header(**changes: Any) -> Header:
    """A snapshot's header; `changes` replace its fields."""
    usual = Header(
        kind="snapshot",
        model=MODEL,
        training=TrainConfig(iterations=100).completed(),
        vocabulary=Vocabulary.of(to_code_points(TEXT)),
        iteration=100,
        characters=102_400,
        train_loss=2 * NATS_PER_BIT,
        held_out_loss=3 * NATS_PER_BIT,
        corpus={"name": "novel.txt", "digest": "d1", "characters": len(TEXT)},
        sample=Sample(prime="\n", text="ell Prin\x1b[31m [red]so[/red]", seed=1, temperature=0.8, known_words=0.25),
        created="2026-11-21T14:20:00.000000+00:00",
        made_with={"charrnn": "0.1.0", "device": "cpu"},
    )
    header = dataclasses.replace(usual, **changes)
    return dataclasses.replace(header, model=header.model.completed(), training=header.training.completed())


def weights(of: Header, seed: int = 0) -> Tensors:
    """Random weights of the right names and shapes."""
    rng = np.random.default_rng(seed)
    shapes = of.model.shapes(len(of.vocabulary))
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def save(path: Path, seed: int = 0, **changes: Any) -> Path:
    """One checkpoint at `path`."""
    made = header(**changes)
    checkpoint.save(path, made, weights(made, seed))
    return path


def add_counts(path: Path, text: str, *, share: float = 0.4, held_out: float = 2.5, improves: bool = True) -> Path:
    """The checkpoint at `path`, now with counts of a text beside its network: the bits that both take, and their share.

    The share of each context is a little more than that of the one a character shorter.
    """
    kept = checkpoint.load(path)
    vocabulary = kept.header.vocabulary
    documents = text.split(vocabulary.boundary) if vocabulary.boundary else [text]
    ids = np.concatenate([np.array(vocabulary.encode_beginning(document)) for document in documents])
    model = count(ids, len(vocabulary), order=5, boundary=vocabulary.boundary_id)
    shares = tuple(share + length / 100 for length in range(model.order))
    mixing = Mixing(shares=shares, held_out_loss=held_out * NATS_PER_BIT, improves=improves)
    tensors = kept.tensors | checkpoint.ngram_tensors(model)
    checkpoint.save(path, dataclasses.replace(kept.header, mixing=mixing), tensors)
    return path


def run(root: Path, name: str, held_out: dict[int, float | None], **changes: Any) -> Path:
    """A run directory: iteration -> held-out bits per character."""
    path = root / name
    path.mkdir(parents=True)
    (path / "metrics.jsonl").touch()
    for iteration, bpc in held_out.items():
        loss = None if bpc is None else bpc * NATS_PER_BIT
        where = path / f"iteration-{iteration:06d}.safetensors"
        save(where, seed=iteration, iteration=iteration, characters=iteration * 1024, held_out_loss=loss, **changes)
    return path


def facts_of(text: Corpus, **more: Any) -> dict[str, Any]:
    """What a header says of a training on a text, of which the last quarter is held out."""
    common = {"corpus": text.describe(), "reading": text.config, "training": TrainConfig(val_frac=0.25)}
    return common | {"vocabulary": text.vocabulary} | more


def run_on(root: Path, name: str, path: Path, seed: int = 0, **more: Any) -> Path:
    """A run of one snapshot of random weights, which says that it was trained on the file."""
    text = corpus.read(path, more.pop("read", ReadConfig()))
    facts = facts_of(text, **more)
    directory = run(root, name, {10: 3.0}, **facts)
    save(directory / "iteration-000010.safetensors", seed=seed, iteration=10, **facts)
    documents = [[document.name, document.characters, document.digest] for document in text.documents]
    progress = {"origin": dict(text.origin), "documents": documents}
    save(directory / "resume.safetensors", kind="resume", progress=progress, **facts)
    return directory


def refused(path: Path) -> str:
    """The one line with which both ways of reading refuse a file."""
    with pytest.raises(CheckpointError) as full:
        checkpoint.load(path)
    with pytest.raises(CheckpointError):
        checkpoint.read_header(path)
    message = str(full.value)
    assert str(path) in message
    assert "\n" not in message
    return message
