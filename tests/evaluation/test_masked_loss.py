"""Runs of bidirectional networks where runs are looked at: their loss is another quantity than a causal one's."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
from helpers import tiny
from rich.console import Console

from charrnn.errors import UsageError
from charrnn.evaluation import comparison
from charrnn.report import collect, page
from charrnn.runs import checkpoint
from charrnn.runs.header import Sample
from charrnn.runs.listing import listing, provenance
from charrnn.runs.samples import section
from charrnn.sampling.request import Request
from charrnn.terminal.comparison import show_comparison
from charrnn.terminal.runs import show_listing, show_provenance

BOTH = dataclasses.replace(tiny.MODEL, bidirectional=True)
SAMPLE = Sample(prime="We#l\n\n", text="Well", seed=1, temperature=0.0, known_words=1.0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, bits in (("both-1", 3.0), ("both-2", 2.0)):
        tiny.run(tmp_path, name, {0: 5.0, 10: bits}, model=BOTH, sample=SAMPLE)
    tiny.run(tmp_path, "forward", {10: 2.5})
    return tmp_path


def test_their_like_are_compared_by_the_masked_loss(root: Path) -> None:
    compared = comparison.compare([Path("both-1"), Path("both-2")], root=root)
    assert [row.run for row in compared.rows if row.best] == ["both-2"]
    assert any("masked losses" in note for note in compared.notes)
    assert compared.measurement is None
    assert [(sample.prime, sample.text) for sample in compared.samples] == [("We#l\n\n", "Well")] * 2
    assert not compared.problems
    shown = io.StringIO()
    show_comparison(Console(file=shown, width=80), compared)
    assert not any("--text" in note for note in compared.notes)
    asked = comparison.compare([Path("both-1"), Path("both-2")], root=root, text="other.txt")
    assert any(note.startswith("--text other.txt: not read") for note in asked.notes)
    assert "Samples: passages with hidden characters, and as they are restored" in shown.getvalue()


def test_one_run_shows_all_its_passages(root: Path) -> None:
    compared = comparison.compare([Path("both-1")], root=root)
    assert [sample.row.iteration for sample in compared.samples] == [0, 10]
    assert not compared.problems


def test_beside_a_causal_one_they_are_refused(root: Path) -> None:
    with pytest.raises(UsageError, match="both-1 is bidirectional, and forward is not: the masked loss"):
        comparison.compare([Path("both-1"), Path("forward")], root=root)
    with pytest.raises(UsageError, match="both-1 is bidirectional, and forward is not: the masked loss"):
        collect.collect([Path("both-1"), Path("forward")], Request(length=20), root=root)


def test_a_page_shows_the_passage_restored(root: Path) -> None:
    report = collect.collect([Path("both-1"), Path("both-2")], Request(length=20), root=root)
    assert report.measurement is None
    for run in report.runs:
        assert run.checkpoint
        assert run.checkpoint.prime == "We#l\n\n"
        assert [sample.text for sample in run.checkpoint.samples] == ["Well"]
    assert not report.problems
    shown = page.render(report)
    assert "its losses are masked losses" in shown
    assert "--bidirectional" in shown


def test_lists_say_what_the_loss_is(root: Path) -> None:
    assert {summary.run.name: summary.masked for summary in listing(root)} == {
        "both-1": True,
        "both-2": True,
        "forward": False,
    }
    shown = io.StringIO()
    out = Console(file=shown, width=80)
    backward = dataclasses.replace(tiny.header().training, backward=True)
    tiny.run(root, "backward", {10: 2.5}, training=backward)
    show_listing(out, listing(root))
    assert shown.getvalue().count(", backward, best 2.500 bpc held out") == 1
    assert shown.getvalue().count("bpc held out (masked loss)") == 2
    show_provenance(out, provenance(root / "both-1" / "iteration-000010.safetensors"))
    assert "held out    3.000 bits per character, masked loss" in shown.getvalue()
    header = checkpoint.read_header(root / "both-1" / "iteration-000010.safetensors")
    assert "masked loss, held out 3.000 bpc" in header.summary
    assert "masked loss, train 2.000 bits per character; held out 3.000" in section(header)
