"""A checkpoint's header: what is refused of it, and which losses it has."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from helpers import tiny
from safetensors.numpy import save as serialize

from charrnn.runs import checkpoint
from charrnn.runs.header import FORMAT, Header
from charrnn.text.finding import Finding


def rewritten(path: Path, change: Any) -> Path:
    """A file with a true checksum over a header that `change` has edited."""
    values = json.loads(tiny.header().to_json())
    change(values)
    text = json.dumps(values)
    tensors = tiny.weights(tiny.header())
    path.write_bytes(serialize(tensors, {"charrnn": text, "sha256": checkpoint.digest_of(text, tensors)}))
    return path


def test_losses_that_are_no_numbers_are_kept_as_none(tmp_path: Path) -> None:
    tiny.save(tmp_path / "one.safetensors", train_loss=float("nan"), held_out_loss=float("inf"))
    kept = checkpoint.read_header(tmp_path / "one.safetensors")
    assert kept.train_loss is None
    assert kept.held_out_loss is None


@pytest.mark.parametrize(
    ("what", "iteration", "beginning"),
    [
        ("", 0, "untrained"),
        ("embedding", 0, "untrained"),
        ("network", 0, "the weights it began with"),
        ("", 1, ""),
        ("network", 1, ""),
    ],
)
def test_what_it_is_before_the_first_iteration(what: str, iteration: int, beginning: str) -> None:
    header = tiny.header(iteration=iteration, began_from={"what": what, "path": "x"} if what else {})
    assert header.beginning == beginning
    assert header.untrained is (beginning == "untrained")
    assert header.comparable_loss == (None if header.untrained else header.held_out_loss)


@pytest.mark.parametrize("version", [FORMAT - 1, FORMAT + 1, str(FORMAT), None])
def test_another_format_is_named(tmp_path: Path, version: object) -> None:
    said = tiny.refused(rewritten(tmp_path / "n.safetensors", lambda values: values.update(format=version)))
    assert f"has format {version!r}; this charrnn reads format {FORMAT}." in said


@pytest.mark.parametrize("name", ["reading", "model", "vocabulary", "format", "kind"])
def test_a_header_that_lacks_something_is_refused(tmp_path: Path, name: str) -> None:
    assert "damaged" in tiny.refused(rewritten(tmp_path / "one.safetensors", lambda values: values.pop(name)))


BROKEN: dict[str, Any] = {
    "iteration": "ten",
    "characters": None,
    "train_loss": "low",
    "held_out_loss": True,
    "held_out_loss ": float("inf"),
    "kind": 3,
    "corpus": [],
    "created": 5,
    "made_with": "x",
    "vocabulary": {"code_points": [-1, 5], "most_frequent": 0},
    "vocabulary ": {"code_points": [[1, 2], [3, 4]], "most_frequent": 0},
    "vocabulary  ": {"code_points": [1, 2, 0x110000], "most_frequent": 0},
    "sample": {"prime": 1, "text": "", "seed": 1, "temperature": 1, "known_words": None},
    "model": {"rnn_size": "big"},
    "training": None,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_header_of_wrong_types_is_refused(tmp_path: Path, name: str) -> None:
    tiny.refused(rewritten(tmp_path / "one.safetensors", lambda values: values.update({name.strip(): BROKEN[name]})))


def test_settings_of_a_newer_charrnn_say_to_upgrade(tmp_path: Path) -> None:
    assert "Upgrade" in tiny.refused(rewritten(tmp_path / "s.safetensors", lambda v: v["model"].update(memory=9)))


def test_findings_are_kept_and_an_older_header_has_none() -> None:
    found = Finding(kind="sorted-lines", message="in order", advice="--shuffle lines", count=3, examples=("a", "b"))
    header = dataclasses.replace(tiny.header(), findings=(found,))
    assert Header.from_json(header.to_json()).findings == (found,)
    values = json.loads(header.to_json())
    del values["findings"]
    assert Header.from_json(json.dumps(values)).findings == ()


def test_a_model_of_bytes_from_before_encodings_were_guessed_is_read(tmp_path: Path) -> None:
    def change(values: dict[str, Any]) -> None:
        values["reading"] |= {"bytes": True, "encoding": "utf-8"}

    assert checkpoint.read_header(rewritten(tmp_path / "old.safetensors", change)).reading.bytes
