"""Samples for a comparison: what they are made of, each looked up in the text of its own run."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import tiny

from charrnn.evaluation.compared_samples import WrittenSample, beside_real_text, compared_samples, statistics_of
from charrnn.model import Model
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint_file import CheckpointFile
from charrnn.runs.listing import CheckpointRow
from charrnn.runs.loaded import CheckpointLoader
from charrnn.runs.run import Run
from charrnn.runs.training_text import find_training_text
from charrnn.sampling.request import Request
from charrnn.text import corpus

SENTENCES = [f"Ship {n} came in at {n % 7} with {n * n} crates; the rest went out again.\n" for n in range(60)]
TEXT = "".join(SENTENCES)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "ships.txt"
    path.write_text(TEXT, "utf-8")
    return path


def test_statistics_beside_those_of_real_text(tmp_path: Path, text: Path) -> None:
    path = tiny.run_on(tmp_path, "a", text) / "iteration-000010.safetensors"
    found = find_training_text(path, checkpoint.read_header(path))
    copied, strange = TEXT[:200], "qwx zzt vvb " * 17
    (first, second), real = beside_real_text([copied, strange], found)
    assert first.verbatim == 1.0
    assert first.known_words == 1.0
    assert (second.verbatim, second.known_words) == (0.0, 0.0)
    assert second.repetition is not None
    assert second.repetition > 0.9
    assert real.known_words is not None
    assert real.known_words > 0.9  # passages are cut in the middle of words
    assert real.verbatim is not None
    assert 0 < real.verbatim < 1
    (tmp_path / "other.txt").write_text("Something else altogether.", "utf-8")
    other = find_training_text(path, checkpoint.read_header(path), str(tmp_path / "other.txt"))
    (unknown,), nothing = beside_real_text([strange], other)
    assert (unknown.verbatim, unknown.known_words) == (None, None)
    assert (nothing.verbatim, nothing.known_words, nothing.repetition) == (None, None, None)


def test_samples_are_looked_up_in_the_text_of_their_own_run(tmp_path: Path, text: Path) -> None:
    other = "".join(f"No ship {n} here, only {n * 3} sheep upon the hill and {n} clouds.\n" for n in range(60))
    (tmp_path / "sheep.txt").write_text(other, "utf-8")
    paths = [tiny.run_on(tmp_path, "ships", text), tiny.run_on(tmp_path, "sheep", tmp_path / "sheep.txt")]
    ships, sheep = (Run(path).snapshots[0] for path in paths)

    def written(file: CheckpointFile, wrote: str) -> WrittenSample:
        return WrittenSample(file=file, temperature=1.0, prime="", text=wrote)

    samples = [written(ships, TEXT[:200]), written(sheep, other[:200]), written(sheep, TEXT[:200])]
    statistics, real = statistics_of(samples, corpus.read)
    assert [one.verbatim for one in statistics] == [1.0, 1.0, 0.0]
    assert (real.known_words, real.verbatim) == (None, None), "there is no one text to set beside them"
    statistics, real = statistics_of(samples[:1], corpus.read)
    assert statistics[0].verbatim == 1.0
    assert real.known_words is not None
    assert statistics_of([], corpus.read)[0] == []


@pytest.mark.parametrize(
    ("ngrams", "mixed"), [(False, [False, False]), (None, [False, True]), (True, [True, True])], ids=str
)
def test_counts_have_a_say_where_it_is_said(tmp_path: Path, text: Path, ngrams: bool | None, mixed: list[bool]) -> None:
    root = tiny.run(tmp_path, "ships", {10: 3.0, 20: 2.9})
    for path, improves in zip(sorted(root.glob("iteration*")), (False, True), strict=True):
        tiny.add_counts(path, tiny.TEXT * 3, improves=improves)
    files = Run(root).snapshots
    rows = {file.path: CheckpointRow.of(file, "ships", best=False) for file in files}
    request, loader = Request(length=40, seed=1), CheckpointLoader()
    samples, _ = compared_samples(files, rows, "", request, loader, corpus.read, [], ngrams=ngrams)
    assert [sample.ngrams for sample in samples] == mixed == [sample.to_dict()["ngrams"] for sample in samples]
    for file, sample in zip(files, samples, strict=True):
        assert sample.text == Model(checkpoint.load(file.path)).generate("", 40, seed=1, ngrams=sample.ngrams)


def test_a_checkpoint_without_the_counts_that_were_asked_for_is_a_problem(tmp_path: Path) -> None:
    [file] = Run(tiny.run(tmp_path, "ships", {10: 3.0})).snapshots
    rows, loader = {file.path: CheckpointRow.of(file, "ships", best=True)}, CheckpointLoader()
    samples, _ = compared_samples([file], rows, "", Request(length=40), loader, corpus.read, [], ngrams=True)
    assert samples == ()
    assert "has no counts" in loader.problems[0]
