"""Models of both directions beside each other: the same characters, each predicted from its own side."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from rich.console import Console

from charrnn.config import ReadConfig, TrainConfig
from charrnn.evaluation.comparison import compare
from charrnn.evaluation.head_to_head import measure
from charrnn.evaluation.held_out_passage import HeldOutPassage, held_out_passage, own_text
from charrnn.evaluation.scoring import score
from charrnn.evaluation.settings import held_out_key
from charrnn.model import Model
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.runs.header import Header
from charrnn.runs.samples import section
from charrnn.terminal.comparison import show_comparison
from charrnn.terminal.console import body

TEXT = "".join(f"Ship {n} came in at {n % 7} with {n * n} crates; the rest went out again.\n" for n in range(60))
START = int(len(TEXT) * 0.75)
BACKWARD = TrainConfig(val_frac=0.25, backward=True)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "ships.txt"
    path.write_text(TEXT, "utf-8")
    return path


def snapshot(root: Path, name: str, text: Path, **more: object) -> Path:
    return tiny.run_on(root, name, text, **more) / "iteration-000010.safetensors"  # type: ignore[arg-type]


def bits(path: Path, of: str, lead: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    kept = checkpoint.load(path)
    return score(Engine(kept.header.model, kept.weights), kept.header.vocabulary, of, lead=lead).bits


def test_both_are_measured_on_what_both_predict(tmp_path: Path, text: Path) -> None:
    forward, backward = snapshot(tmp_path, "a", text), snapshot(tmp_path, "b", text, training=BACKWARD)
    found = measure([forward, backward])
    assert (found.held_out, found.characters) == (True, len(TEXT) - START - 1)  # nothing predicts the last
    expected = [bits(forward, TEXT[START - 512 :], 512)[:-1], bits(backward, TEXT[START:], 1)]
    assert [one.carried for one in found.models] == [pytest.approx(one.mean()) for one in expected]
    assert measure([forward]).characters == len(TEXT) - START
    some = measure([backward], length=100)
    assert some.characters == 100
    assert some.models[0].carried == pytest.approx(bits(backward, TEXT[START : START + 612], 512).mean())


def test_of_documents_each_is_measured_whole(tmp_path: Path) -> None:
    path, reading = tmp_path / "names.txt", ReadConfig(document_separator="\n")
    path.write_text("\n".join(f"{first}{rest}" for first in "abcdefgh" for rest in ("nna", "lex", "mo")), "utf-8")
    paths = [
        snapshot(tmp_path, "a", path, read=reading),
        snapshot(tmp_path, "b", path, read=reading, training=BACKWARD),
    ]
    alone, both = measure(paths[:1]), measure(paths)
    assert both.characters == alone.characters
    assert both.models[0].carried == alone.models[0].carried


def test_bytes_beside_characters(tmp_path: Path, text: Path) -> None:
    of_bytes = snapshot(tmp_path, "bytes", text, training=BACKWARD, read=ReadConfig(bytes=True))
    found = measure([snapshot(tmp_path, "a", text), of_bytes])
    assert found.models[1].carried == pytest.approx(bits(of_bytes, TEXT[START:], 1).mean())


def test_a_held_out_passage_is_read_from_its_end(tmp_path: Path, text: Path) -> None:
    loaded = checkpoint.load(snapshot(tmp_path, "b", text, training=BACKWARD))
    source = own_text(loaded)
    assert not isinstance(source, str)
    passage = held_out_passage(loaded, Engine(loaded.header.model, loaded.weights), source)
    assert isinstance(passage, HeldOutPassage)
    shown = "".join(piece for _, piece in passage.pieces)
    assert shown == TEXT[passage.begins : -1]
    assert passage.bits == pytest.approx(float(np.nanmean(Model(loaded).bits(TEXT[passage.begins :]))), abs=1e-4)


def test_side_by_side_it_is_said_and_samples_are_in_reading_order(tmp_path: Path, text: Path) -> None:
    paths = [snapshot(tmp_path, "a", text), snapshot(tmp_path, "b", text, training=BACKWARD)]
    assert held_out_key(checkpoint.read_header(paths[0])) == held_out_key(checkpoint.read_header(paths[1]))
    result = compare(paths, length=20, prime="Ship")
    [note] = [note for note in result.notes if note.startswith("Read from the end: b.")]
    assert "losses may be compared" in note
    assert [sample.backward for sample in result.samples] == [False, True]
    assert [sample.to_dict()["backward"] for sample in result.samples] == [False, True]
    assert result.samples[1].text == Model(checkpoint.load(paths[1])).generate("Ship", 20, seed=1, ngrams=False)
    assert result.settings["backward"] == [False, True]
    shown = io.StringIO()
    show_comparison(Console(file=shown, width=100), result)
    assert f"{result.samples[1].text}Ship".strip("\n") in shown.getvalue()
    assert not any("Read from the end" in note for note in compare(paths[1:], length=0).notes)


def test_the_prime_is_set_apart_at_the_end() -> None:
    shown = body("Ship\n", "\nthe ", backward=True)
    assert shown.plain == "the Ship"
    assert [(span.start, span.end) for span in shown.spans] == [(4, 8)]


def test_a_snapshots_sample_is_in_reading_order() -> None:
    usual = tiny.header(training=BACKWARD)
    assert usual.sample is not None
    sample = dataclasses.replace(usual.sample, prime="nce.", text="Well, Pri")
    written = dataclasses.replace(usual, sample=sample)
    assert "    Well, Prince.\n" in section(written)
    assert "backward" not in json.loads(written.to_json())["sample"]  # the training says it, once
    assert "    Well, Prince.\n" in section(Header.from_json(written.to_json()))
