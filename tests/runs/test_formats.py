"""Checkpoints of every format that was ever released are read for good: they are kept here as they were written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import charrnn
from charrnn.runs import checkpoint
from charrnn.runs.header import FORMAT
from charrnn.text import corpus
from charrnn.training.resume import resume_point, resumed

ROOT = Path(__file__).resolve().parents[1] / "fixtures" / "checkpoints"
FILES = sorted(ROOT.glob("format-*/*.safetensors"))
RESUME_FILES = [path for path in FILES if path.stem.startswith("resume")]


def expected(path: Path) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = json.loads((path.parent / "expected.json").read_text("utf-8"))
    return known[path.name]


def name(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def test_every_format_has_checkpoints_that_are_kept() -> None:
    """A new format needs new ones: `python tests/fixtures/make_checkpoints.py`; those of the others stay."""
    assert {path.parent.name for path in FILES} == {f"format-{number}" for number in range(1, FORMAT + 1)}
    for number in range(1, FORMAT + 1):
        kinds = {path.stem for path in FILES if path.parent.name == f"format-{number}"}
        assert kinds >= {"snapshot", "resume-muon", "resume-adamw", "resume-rmsprop", "resume-sgd"}
    assert any(checkpoint.read_header(path).backward for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_it_is_read_and_writes_what_it_wrote(path: Path) -> None:
    known, model = expected(path), charrnn.load(path)
    assert checkpoint.read_header(path).kind == path.stem.split("-")[0]
    assert model.generate("1", len(known["text"]), temperature=0) == known["text"]
    if "with_counts" in known:
        assert model.generate("1", len(known["with_counts"]), temperature=0, ngrams=True) == known["with_counts"]
    if "bits" in known:
        text = (path.parent / "ships.txt").read_text("utf-8")
        assert model.bits_per_character(text[:300]) == pytest.approx(known["bits"], rel=1e-4)


@pytest.mark.parametrize("path", RESUME_FILES, ids=name)
def test_its_training_goes_on(path: Path, tmp_path: Path) -> None:
    text = corpus.from_text((path.parent / "ships.txt").read_text("utf-8"), "ships.txt")
    training = resumed(checkpoint.load(path), text, device="cpu")
    assert training.iteration == 30
    drawn_otherwise = training.model.config.dropout > 0  # than in format 1, whose dropout masks came from generators
    assert training.step().loss == pytest.approx(expected(path)["next_loss"], rel=0.02 if drawn_otherwise else 1e-4)
    checkpoint.save(tmp_path / "resume.safetensors", *resume_point(training))
    assert checkpoint.load(tmp_path / "resume.safetensors").header.iteration == 31
