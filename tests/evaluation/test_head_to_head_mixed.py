"""Models with counts measured on one text: against scores taken one by one, and what is told of both figures."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from rich.console import Console

from charrnn.config import COLD_WINDOW, ReadConfig
from charrnn.evaluation.bootstrap import paired_difference
from charrnn.evaluation.comparison import Comparison, compare
from charrnn.evaluation.head_to_head import measure
from charrnn.evaluation.scoring import Score, score
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.terminal.comparison import show_comparison

TEXT = "".join(f"Ship {n} came in at {n % 7} with {n * n} crates; the rest went out again.\n" for n in range(60))
START = int(len(TEXT) * 0.75)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "ships.txt"
    path.write_text(TEXT, "utf-8")
    return path


def with_counts(root: Path, name: str, text: Path, seed: int, share: float) -> Path:
    path = tiny.run_on(root, name, text, seed) / "iteration-000010.safetensors"
    return tiny.add_counts(path, TEXT[:START], share=share)


def both(path: Path, of: str, lead: int, window: int | None = None) -> tuple[Score, Score]:
    kept = checkpoint.load(path)
    engine = Engine(kept.header.model, kept.weights)
    found = score(engine, kept.header.vocabulary, of, lead=lead, window=window, mixture=kept.mixture)
    return found, found.mixed or found


def test_carried_and_cold_of_both_kinds(tmp_path: Path, text: Path) -> None:
    """The best with counts need not be the best network."""
    paths = [with_counts(tmp_path, "a", text, 0, 0.9), with_counts(tmp_path, "b", text, 1, 0.0)]
    lone = tiny.run_on(tmp_path, "c", text, 2) / "iteration-000010.safetensors"
    found = measure([*paths, lone])
    carried = [both(path, TEXT[START - 512 :], 512) for path in paths]
    for model, (network, mixed), path in zip(found.models, carried, paths, strict=False):
        cold = both(path, TEXT[START - 1 :], 1, COLD_WINDOW)
        assert (model.carried, model.cold) == pytest.approx((network.bits.mean(), cold[0].bits.mean()))
        assert (model.mixed_carried, model.mixed_cold) == pytest.approx((mixed.bits.mean(), cold[1].bits.mean()))
    assert (found.models[2].mixed_carried, found.models[2].mixed_cold, found.models[2].mixed_difference) == (None,) * 3
    assert carried[0][1].bits.mean() < carried[1][1].bits.mean()
    assert found.mixed_best == paths[0]
    assert found.models[0].mixed_difference is None
    assert found.models[1].mixed_difference == paired_difference(carried[0][1].bits, carried[1][1].bits)
    means = [network.bits.mean() for network, _ in carried]
    means.append(both(lone, TEXT[START - 512 :], 512)[0].bits.mean())
    assert found.best == [*paths, lone][int(np.argmin(means))]
    alone = measure([*paths, lone], ngrams=False)
    assert alone.mixed_best is None
    assert [model.mixed_carried for model in alone.models] == [None] * 3
    assert [model.difference for model in alone.models] == [model.difference for model in found.models]


def test_a_model_of_bytes_beside_one_of_characters(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Größe über Maß. " * 100, "utf-8")
    paths = [
        tiny.run_on(tmp_path, name, text, read=ReadConfig(bytes=of_bytes)) / "iteration-000010.safetensors"
        for name, of_bytes in (("bytes", True), ("characters", False))
    ]
    for path in paths:
        tiny.add_counts(path, "Größe über Maß. " * 20)
    found = measure(paths, length=200)
    for model in found.models:
        assert model.mixed_carried is not None
        assert model.mixed_carried < model.carried
    [alone] = measure(paths[:1], length=200).models
    assert alone.mixed_carried is not None
    assert alone.mixed_carried < alone.carried


def test_bytes_and_characters_of_documents_on_one_that_is_not_divided(tmp_path: Path) -> None:
    """Both have a boundary before the first character, which so counts, too."""
    documents, other = tmp_path / "documents", tmp_path / "other.txt"
    documents.mkdir()
    for number in range(8):
        (documents / f"{number}.txt").write_text(f"Größe {number} über Maß. " * 5, "utf-8")
    text = "Maß über Größe. " * 20
    other.write_text(text, "utf-8")
    paths = [
        tiny.run_on(tmp_path, name, documents, read=ReadConfig(documents=True, bytes=of_bytes))
        / "iteration-000010.safetensors"
        for name, of_bytes in (("bytes", True), ("characters", False))
    ]
    found = measure(paths, str(other))
    assert found.characters == len(text)
    for path, model in zip(paths, found.models, strict=True):
        assert model.carried == pytest.approx(both(path, text, 0)[0].bits.mean())


def shown(result: Comparison, width: int) -> str:
    out = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, markup=False)
    show_comparison(out, result)
    assert isinstance(out.file, io.StringIO)
    text = out.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    return text


def test_a_comparison_says_which_figure_is_whose(tmp_path: Path, text: Path) -> None:
    runs = [with_counts(tmp_path, name, text, seed, 0.8).parent for seed, name in enumerate("ab")]
    result = compare(runs, length=20)
    measured = result.measurement
    assert measured
    said = re.sub(r"\s+", " ", shown(result, 80))
    for model in measured.models:
        assert f"{model.carried:.3f} {model.cold:.3f} 0 " in said
        assert f"+ counts {model.mixed_carried:.3f} {model.mixed_cold:.3f} " in said
    assert said.count("* best") == 3  # of the snapshots, of the networks, and with counts
    assert said.count("(network) is better than") == said.count("(network + counts) is better than") == 1
    assert "by the network alone" in said
    assert [row.mixed_loss for row in result.rows] == [pytest.approx(2.5 * tiny.NATS_PER_BIT)] * 2
    told = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    one = told["measurement"]["models"][0]
    assert one["mixed_carried_nats"] == pytest.approx(one["mixed_carried"] * tiny.NATS_PER_BIT)
    assert [model["mixed_behind"] is None for model in told["measurement"]["models"]].count(True) == 1
    assert told["measurement"]["mixed_best"] in {str(model.path) for model in measured.models}
    assert told["rows"][0]["mixed_bpc"] == pytest.approx(2.5)
    assert told["samples"][0]["ngrams"] is False
    for figure in re.findall(r"\d+\.\d{3}", shown(result, 80)):
        assert figure in shown(result, 45)


def test_samples_are_mixed_and_figures_left_out_as_was_said(tmp_path: Path, text: Path) -> None:
    runs = [with_counts(tmp_path, name, text, seed, 0.8).parent for seed, name in enumerate("ab")]
    network, mixed, alone = (compare(runs, length=40, ngrams=ngrams) for ngrams in (None, True, False))
    assert [sample.ngrams for sample in mixed.samples] == [True, True]
    assert "by network + counts" in shown(mixed, 80)
    assert [sample.text for sample in network.samples] == [sample.text for sample in alone.samples]
    assert [sample.text for sample in network.samples] != [sample.text for sample in mixed.samples]
    assert "counts" not in shown(alone, 80)
    assert "(network)" not in shown(alone, 80)
