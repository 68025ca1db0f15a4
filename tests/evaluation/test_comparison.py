"""Comparisons as data: rows, who is best, what differs, samples that can be made again, and what was skipped."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from rich.console import Console

from charrnn import formatting
from charrnn.config import DEMO_ITERATIONS, ModelConfig, TrainConfig
from charrnn.errors import CheckpointError, RunError, UsageError
from charrnn.evaluation import comparison, settings
from charrnn.evaluation.comparison import compare
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint, listing
from charrnn.runs.header import Sample
from charrnn.sampling.chain import make_chain
from charrnn.sampling.generate import generate
from charrnn.terminal.comparison import show_comparison, show_samples
from charrnn.terminal.runs import show_listing, show_provenance
from charrnn.text.vocabulary import Vocabulary, to_code_points


def console(width: int) -> Console:
    """A terminal without colour, kept in memory."""
    return Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, markup=False)


def shown(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def best_iterations(result: comparison.Comparison) -> list[tuple[str, int]]:
    return [(row.run, row.iteration) for row in result.rows if row.best]


def test_rows_are_in_bits(tmp_path: Path) -> None:
    result = compare([tiny.run(tmp_path, "one", {300: 2.5, 100: None})], length=0)
    first, second = result.rows
    assert (first.iteration, first.held_out_bits, first.best) == (100, None, False)
    assert (second.run, second.name, second.iteration) == ("one", "iteration-000300", 300)
    assert second.train_bits == pytest.approx(2)
    assert second.held_out_bits == pytest.approx(2.5)
    assert (second.characters, second.known_words, second.best) == (307_200, 0.25, True)
    assert second.size == second.path.stat().st_size
    assert result.samples == ()


def test_best_is_over_everything_of_the_same_text(tmp_path: Path) -> None:
    a, b = tiny.run(tmp_path, "a", {100: 3, 300: 2}), tiny.run(tmp_path, "b", {100: 1, 300: 4})
    result = compare([a, b], length=0)
    assert best_iterations(result) == [("b", 100)]
    assert [note for note in result.notes if "differ" in note] == []


def test_best_is_within_a_run_where_texts_differ(tmp_path: Path) -> None:
    a = tiny.run(tmp_path, "a", {100: 3, 300: 2})
    b = tiny.run(tmp_path, "b", {100: 1, 300: 4}, corpus={"name": "other.txt", "digest": "d2", "characters": 9})
    c = tiny.run(tmp_path, "c", {100: 5, 300: 6}, training=TrainConfig(val_frac=0.2))
    result = compare([a, b], length=0)
    assert best_iterations(result) == [("a", 300), ("b", 100)]
    assert "texts differ" in result.notes[0]
    assert "texts differ" in compare([a, c], length=0).notes[0]


def test_settings_that_differ(tmp_path: Path) -> None:
    headers = [
        tiny.header(),
        tiny.header(model=ModelConfig(num_layers=3, rnn_size=4, embedding_size=3)),
        tiny.header(training=TrainConfig(iterations=100, snapshot_at=(5, 6)), corpus={"name": "b.txt", "digest": "x"}),
    ]
    assert settings.differing_settings(headers) == {
        "num_layers": [1, 3, 1],
        "snapshot_at": [DEMO_ITERATIONS] * 2 + [(5, 6)],
        "corpus": ["novel.txt", "novel.txt", "b.txt"],
    }
    assert settings.differing_settings([]) == {}
    older = dataclasses.replace(headers[0], reading=dataclasses.replace(headers[0].reading, encoding="utf-8"))
    assert settings.differing_settings([headers[0], older]) == {}  # the same text, read in another way


def test_a_run_and_its_files_are_one_group_and_nothing_is_counted_twice(tmp_path: Path) -> None:
    run = tiny.run(tmp_path, "one", {100: 3, 300: 2})
    result = compare([run / "iteration-000300.safetensors", run, run], root=tmp_path, length=3)
    assert [row.iteration for row in result.rows] == [100, 300]
    assert [one.row.iteration for one in result.samples] == [100, 300]
    assert result.groups == ("one",)


def test_several_runs_show_the_best_of_each_and_files_named(tmp_path: Path) -> None:
    a, b = tiny.run(tmp_path, "a", {100: 3, 300: 4}), tiny.run(tmp_path, "b", {100: None, 300: None})
    lone = tiny.save(tmp_path / "lone.safetensors", iteration=7)
    result = compare([a, b, a / "iteration-000300.safetensors", lone], length=3)
    assert [one.row.label for one in result.samples] == [
        "a, iteration 100",
        "a, iteration 300",
        "b, iteration 300",
        "lone, iteration 7",
    ]
    assert result.groups == ("a", "b", "lone")


def test_runs_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    a, b = tiny.run(tmp_path / "x", "one", {100: 3}), tiny.run(tmp_path / "y", "one", {100: 2})
    assert compare([a, b], length=0).groups == (str(a), str(b))


def test_newest_run_is_the_default(tmp_path: Path) -> None:
    tiny.run(tmp_path, "old", {100: 3}, created="2026-01-01T00:00:00+00:00")
    tiny.run(tmp_path, "new", {100: 3}, created="2026-02-01T00:00:00+00:00")
    assert compare([], root=tmp_path, length=0).groups == ("new",)


def test_a_run_without_snapshots_shows_its_resume_file(tmp_path: Path) -> None:
    run = tiny.run(tmp_path, "one", {})
    tiny.save(run / "resume.safetensors", kind="resume", iteration=12, sample=None)
    (row,) = compare([run], length=0).rows
    assert (row.name, row.iteration, row.known_words) == ("resume", 12, None)


def test_samples_are_what_the_engine_writes_with_this_seed(tmp_path: Path) -> None:
    run = tiny.run(tmp_path, "one", {100: 3, 300: 2})
    result = compare([run], prime="Prince", seed=5, temperatures=(0.7,), length=40)
    for one in result.samples:
        loaded = checkpoint.load(one.row.path)
        engine = Engine(loaded.header.model, loaded.weights)
        rng = np.random.default_rng(5)
        written = generate(engine, loaded.header.vocabulary, "Prince", 40, make_chain(0.7), rng)
        assert one.text == "".join(character.text for character in written)
        assert one.prime == "Prince"
    assert compare([run], prime="Prince", seed=5, temperatures=(0.7,), length=40) == result


def test_a_prime_is_fitted_to_each_vocabulary_with_a_note(tmp_path: Path) -> None:
    a = tiny.run(tmp_path, "a", {100: 3})
    b = tiny.run(tmp_path, "b", {100: 3}, vocabulary=Vocabulary.of(to_code_points("naïve ’ zzz")))
    result = compare([a, b], prime="eé", length=3)
    assert [one.prime for one in result.samples] == ["eé", "ee"]
    assert "b, iteration 100" in result.notes[0]
    hopeless = compare([b], prime="Ж", length=3)
    assert hopeless.samples[0].prime == "z"  # its default
    assert compare([a], length=3).prime == "\n"


def test_what_is_damaged_is_named_and_skipped(tmp_path: Path) -> None:
    run = tiny.run(tmp_path, "one", {100: 3, 300: 2, 500: 1})
    best = run / "iteration-000500.safetensors"
    content = bytearray(best.read_bytes())
    content[-1] ^= 1  # only the checksum sees it
    best.write_bytes(content)
    (run / "foreign.safetensors").write_bytes(b"\x89PNG")
    result = compare([run, tmp_path / "gone"], length=3)
    assert best_iterations(result) == [("one", 300)]
    assert [one.row.iteration for one in result.samples] == [100, 300]
    assert len(result.problems) == 3
    for problem, word in zip(result.problems, ("foreign", "gone", "000500"), strict=True):
        assert word in problem
    with pytest.raises(RunError, match="no such run"):
        compare([tmp_path / "gone"])


def test_diverged_weights_have_a_row_but_no_sample(tmp_path: Path) -> None:
    made = tiny.header()
    weights = {name: np.full_like(tensor, np.nan) for name, tensor in tiny.weights(made).items()}
    checkpoint.save(tmp_path / "nan.safetensors", made, weights)
    result = compare([tmp_path / "nan.safetensors"], length=3)
    assert len(result.rows) == 1
    assert result.samples == ()
    assert "no sample" in result.problems[0]


@pytest.mark.parametrize("temperature", [-1.0, float("nan"), float("inf")])
def test_impossible_temperatures(tmp_path: Path, temperature: float) -> None:
    with pytest.raises(UsageError, match="temperature"):
        compare([], root=tmp_path, temperatures=(temperature,))


def test_everything_is_valid_json(tmp_path: Path) -> None:
    a = tiny.run(tmp_path, "a", {100: None, 300: 2})
    b = tiny.run(tmp_path, "b", {100: 3}, train_loss=float("nan"), training=TrainConfig(shift=3))
    result = json.loads(json.dumps(compare([a, b], length=5).to_dict(), allow_nan=False))
    assert result["rows"][2]["train_bpc"] is None
    assert result["settings"]["differing"]["shift"] == [None, 3]
    listed = json.loads(json.dumps([one.to_dict() for one in listing.listing(tmp_path)], allow_nan=False))
    assert {one["name"]: one["best_held_out_bpc"] for one in listed} == {"a": pytest.approx(2), "b": pytest.approx(3)}


def test_provenance_is_verified(tmp_path: Path) -> None:
    path = tiny.save(tmp_path / "one.safetensors")
    facts = listing.provenance(path)
    assert facts["sha256"] == checkpoint.load(path).digest
    assert facts["parameters"] == sum(tensor.size for tensor in tiny.weights(tiny.header()).values())
    assert set(facts["vocabulary"]["characters"]) == set(tiny.TEXT)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointError, match="damaged"):
        listing.provenance(path)


@pytest.mark.parametrize(("width", "beside"), [(80, True), (60, False)])
def test_samples_are_side_by_side_where_there_is_room(tmp_path: Path, width: int, beside: bool) -> None:
    result = compare([tiny.run(tmp_path, "one", {100: 3, 300: 2})], length=80)
    out = console(width)
    show_samples(out, result.samples)
    lines = shown(out).splitlines()
    assert any("Iteration 100" in line and "Iteration 300 (best)" in line for line in lines) == beside
    if beside:  # one under another they are wrapped where the stream is a terminal: tests/terminal/test_wrapping.py
        assert max(map(len, lines)) <= width


def test_more_than_three_samples_are_one_under_another(tmp_path: Path) -> None:
    result = compare([tiny.run(tmp_path, "one", dict.fromkeys((1, 2, 3, 4), 2.0))], length=9)
    out = console(300)
    show_samples(out, result.samples)
    titles = [line.strip() for line in shown(out).splitlines() if line.startswith("Iteration")]
    assert titles == ["Iteration 1 (best)", "Iteration 2", "Iteration 3", "Iteration 4"]


def test_hostile_text_is_shown_not_obeyed(tmp_path: Path) -> None:
    hostile = "[bold]\x1b]0;owned\x07\r\u202e:smile:"
    run = tiny.run(
        tmp_path,
        "[red]x\x1b[2J",
        {100: 2},
        corpus={"name": hostile, "digest": hostile},
        made_with={hostile: hostile},
        created=hostile,
        vocabulary=Vocabulary.of(to_code_points(hostile)),
        sample=Sample(prime="[", text=hostile, seed=1, temperature=1, known_words=None),
    )
    out = console(80)
    show_comparison(out, compare([run, tiny.run(tmp_path, "b", {1: 1})], prime="[", length=50))
    show_listing(out, listing.listing(tmp_path))
    show_provenance(out, listing.provenance(run / "iteration-000100.safetensors"))
    text = shown(out)
    assert not set(text) & set("\x1b\x07\r\u202e")
    assert "[bold]␛]0;owned␇␍" in text
    assert ":smile:" in text
    assert "[red]x␛[2J" in text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_700, "1.0 MB"), (3_400_000_000, "3.4 GB")]
)
def test_sizes(count: int, text: str) -> None:
    assert formatting.size(count) == text
